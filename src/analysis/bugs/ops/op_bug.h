// What the bugs of operations are made of: a change of some nodes, given as two functions, and the entry that
// offers several of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "analysis/bugs/bug.h"

namespace kilter::analysis {

using Numbers = std::vector<float>;
/// Which nodes a change touches.
using Touches = std::function<bool(const Node&)>;
/// [rows(at), row...] of a touched node.
using Compute = std::function<Result<Numbers>(const Node&, ReplayView&)>;

/// A mutation made of two functions.
std::shared_ptr<const Mutation> make_change(Touches touches, Compute compute);

/// Nodes whose value is one of these points, in all layers.
Touches at_points(std::vector<Point> points);
/// Nodes of these ops.
Touches of_ops(std::vector<std::string_view> ops);

/// The node as its own op computes it, after `edit` has changed inputs, number, weight or op of a copy.
/// `edit` returns an error where the change makes no sense.
Compute edited(std::function<Status(Node&, ReplayView&)> edit);
/// The right value, each element changed by itself.
Compute mapped(std::function<double(double)> change);
/// The value of the node's input number `i`: the op is left out.
Compute passed_through(size_t i = 0);
/// `change` for the tokens after the first pass, the right value for the prompt.
Compute in_decode(Compute change);

/// "this change makes no sense here", which the search takes as "does not fit".
Error no_sense(const Node& node, std::string_view why);

/// Which parts of a change are offered besides the whole. A part is only of use where values that the whole
/// would have changed were seen to be right.
enum class Parts {
  none,   ///< all or nothing
  layer,  ///< also: the suspect's layer alone
  each,   ///< also: the suspect's own value in all layers
};

/// One way in which a bug may have happened.
struct Variant {
  Touches touches;
  Compute compute;
  std::string detail;
  std::string fix;
  int fitted = 0;
  Parts parts = Parts::each;
};

/// An entry as data.
class OpBug final : public Bug {
 public:
  using Variants = std::function<std::vector<Variant>(const Suspect&)>;

  OpBug(const BugInfo& info, Variants variants) : info_(info), variants_(std::move(variants)) {}

  const BugInfo& info() const override { return info_; }
  std::vector<Trial> trials(const Suspect& suspect) const override;

 private:
  BugInfo info_;
  Variants variants_;
};

/// Whether the change touches an op of the segment.
bool touches_segment(const Suspect& suspect, const Touches& touches);

}  // namespace kilter::analysis
