// Goes through the values of a dump in the order of the pass: the first that does not follow from those
// before it, the entry of the catalogue that makes it follow, and on from the corrected value to the next
// bug.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "analysis/bugs/bug.h"
#include "analysis/diagnose/diagnosis.h"
#include "analysis/replay/replay.h"

namespace kilter::analysis {

struct SearchOptions {
  std::span<const Bug* const> bugs;  ///< the catalogue; empty: wrong values are located, and not named
  /// Also computes a correct run, for how far the dump is from it in the end. Costs one run.
  enum class Global { compared, left_out } global = Global::compared;
  /// Called often. An error ends the search and is what run() returns.
  std::function<Status(int64_t values_done, int64_t values)> progress;
};

/// `ops` computes in host memory (the reference backend). All must outlive the call. Errors: memory,
/// interrupted, those of the dump's files; what is wrong with the engine is no error.
Result<Diagnosis> search(Ops& ops, const ReplayModel& model, const Dump& dump, const SearchOptions& options);

}  // namespace kilter::analysis
