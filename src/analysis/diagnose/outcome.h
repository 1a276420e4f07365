// What the parts of a diagnosis add up to.
#pragma once

#include <span>
#include <vector>

#include "analysis/bugs/bug.h"
#include "analysis/diagnose/diagnosis.h"
#include "analysis/judge/value_judge.h"

namespace kilter::analysis {

/// Compares dumped rows of weights with what the format defines, and names the reading that gives them.
/// Errors: those of the dump's files.
Status add_weights(const ReplayModel& model, const Dump& dump, std::span<const Bug* const> bugs,
                   Diagnosis& diagnosis);

/// The likeliest token of the last row that the dump has logits of, theirs and the right one.
/// Shapes   right: [rows.size(), V]; bounds: of it.
void add_tops(const SeenValue& logits, std::span<const float> right, std::span<const int32_t> rows,
              const ErrorBounds& bounds, Diagnosis& diagnosis);

/// Coverage, the reader's notes, what looks wrong and is not, and what the dump could not show.
void add_context(const ReplayModel& model, const Dump& dump, Diagnosis& diagnosis);

/// The outcome.
void conclude(Diagnosis& diagnosis);

}  // namespace kilter::analysis
