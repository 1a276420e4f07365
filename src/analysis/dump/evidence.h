// What an array is, told from its numbers: where names leave a choice that changes everything.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "analysis/dump/assemble.h"

namespace kilter::analysis {

/// Products of the model's weights with the other engine's own values of one pass.
class Products {
 public:
  /// All must outlive the object.
  Products(const Pass& pass, const std::vector<int32_t>& tokens, const Graph& graph)
      : pass_(pass), tokens_(tokens), graph_(graph) {}

  /// Row t (of the pass) of attn_q or attn_k as it should be: the weight times the norm that the pass holds;
  /// in layer 0 also times the norm of the token's embedding. Nothing where neither is there, the weight is
  /// not in memory, or its format is not known. [row_size]
  std::optional<std::vector<float>> row(At product, int64_t t) const;

 private:
  std::optional<std::vector<float>> norm_row(int il, int64_t t) const;
  std::optional<std::vector<float>> first_norm_row(int64_t t) const;

  const Pass& pass_;
  const std::vector<int32_t>& tokens_;
  const Graph& graph_;
};

/// A row of a weight, decoded. Nothing where it is not in memory or its format is not known.
std::optional<std::vector<float>> weight_row(const Weight* weight, int64_t row);
/// How far two rows are from each other: the sum of squared differences over that of `expected`.
double distance(const std::vector<float>& seen, const std::vector<float>& expected);

/// Which of the two orders inside a head the query or key of the first pass has, in front of RoPE or behind
/// it (it leaves position 0 alone). Nothing where neither fits clearly better.
std::optional<HeadOrder> head_order(const RawValue& value, const LayoutWish& wish, const Products& products,
                                    const Graph& graph);
/// Lets the numbers of the passes decide where names leave a choice: gives names to values with several
/// candidates, and the order inside heads to all values of Hugging Face's names.
void weigh_evidence(std::vector<Pass>& passes, const Graph& graph, Dump& dump);

/// Which of several values an array is: a query or key in front of RoPE or behind it, scores or a softmax.
/// Nothing where the numbers do not tell.
std::optional<At> which_of(const NamedValue& entry, const Pass& pass, const Products& products,
                           const Graph& graph);

}  // namespace kilter::analysis
