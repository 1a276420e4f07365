// From arrays with names to a dump: names, axes, rows, passes.
#pragma once

#include <vector>

#include "analysis/dump/names/names.h"
#include "analysis/dump/part.h"
#include "analysis/dump/raw_dump.h"
#include "analysis/dump/read_dump.h"

namespace kilter::analysis {

/// An array with what its name says, if that says anything.
struct NamedValue {
  RawValue value;
  std::optional<NameMatch> name;
  std::vector<At> candidates;  ///< where the name says several things
};

/// One pass of the run.
struct Pass {
  RawPass file;  ///< its values are in `values`
  std::vector<NamedValue> values;
  int64_t base = 0;      ///< tokens of the run in front of it
  int64_t n_tokens = 0;  ///< its own
};

/// Names the values of each file and lays files that have no name in common into one pass.
std::vector<Pass> group_passes(std::vector<RawPass> files, const DumpContext& context, const UserNames* user);

/// Finds out which tokens each pass has. A later pass that begins with all earlier tokens (an engine without
/// a cache) replaces them. Errors: usage, when the ids are nowhere; mismatch, when they contradict the
/// context.
Status assign_tokens(std::vector<Pass>& passes, const DumpContext& context, Dump& dump);

/// The parts that the arrays of a pass are; what cannot be understood becomes a note of the dump.
std::vector<Part> make_parts(Pass& pass, const DumpContext& context, Dump& dump);

/// Matches the values that no table knows by their shapes and their places in the file, where only one place
/// in the graph is possible. The others become notes.
void match_by_place(Pass& pass, const DumpContext& context, Dump& dump);

/// Puts the parts of all passes together. Parts of one value must have one name; others become notes.
void add_values(const std::vector<Part>& parts, const DumpContext& context, Dump& dump);

/// Rows of weights that the pass holds; they are taken out of it.
void take_weights(Pass& pass, const DumpContext& context, const UserNames* user, Dump& dump);

/// The value behind the bias, where the model has one; else `at` itself.
At behind_bias(At at, const Graph* graph);

/// What a value is expected to be in this pass.
LayoutWish wish_for(At at, FirstAxis first, const Pass& pass, const Graph* graph);

}  // namespace kilter::analysis
