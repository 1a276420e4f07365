// A change of the correct computation: a known bug, or a known way of rounding.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kilter/result.h"
#include "ops/graph.h"

namespace kilter::analysis {

/// What stands in front of the tensors in the file: for bugs of offsets.
struct FileHeader {
  std::span<const std::byte> bytes;  ///< from the file's first byte to the first of its data section
  size_t used = 0;  ///< where metadata and tensor entries end; the rest of `bytes` is padding
};

class Mutation;

/// What a mutated op may look at. Values are [T, row...] f32 over all tokens of the run; a span lives as long
/// as the view.
class ReplayView {
 public:
  virtual ~ReplayView() = default;

  virtual const Graph& graph() const = 0;
  /// Token ids of the run; token t is at position t.
  virtual std::span<const int32_t> tokens() const = 0;
  /// Tokens of each pass: {5, 1} is a prompt of five and one decode step.
  virtual std::span<const int64_t> passes() const = 0;
  /// A tensor of the model's file by GGUF's name, or null.
  virtual const Weight* weight(std::string_view name) const = 0;
  /// The data section of the model's file, for bugs of offsets: weights lie in it. Empty for a split model.
  virtual std::span<const std::byte> file_data() const = 0;
  /// What stands in front of it. Empty, where that is not known.
  virtual FileHeader file_header() const { return {}; }

  /// The mutations that are in force, in the order in which they were found.
  virtual std::span<const std::shared_ptr<const Mutation>> mutations() const { return {}; }

  /// What the op reads under that name: the other engine's own number where its dump is complete, else the
  /// number that follows from it (under the mutations that are in force).
  virtual Result<std::span<const float>> value(At at) = 0;
  /// Which token each row of value(at) belongs to: all of them, but for the values of the head, which are
  /// made for the rows that the dump shows.
  virtual std::span<const int32_t> rows(At at) const = 0;
  /// Computes a node, which may be a changed copy of one of graph(): with other inputs, weight, rope, number
  /// or op. The inputs are looked up with value().
  virtual Result<std::vector<float>> run(const Node& node) = 0;
  /// rope with positions of one's own, one a token.
  virtual Result<std::vector<float>> run_rope(const Node& node, std::span<const int32_t> positions) = 0;
};

/// One change. It says which nodes it touches and computes these its own way; all others stay correct.
class Mutation {
 public:
  virtual ~Mutation() = default;

  virtual bool changes(const Node& node) const = 0;
  /// [T, row...] of a node for which changes() holds. Errors: usage, where the change makes no sense for this
  /// model, which the search takes as "does not fit".
  virtual Result<std::vector<float>> compute(const Node& node, ReplayView& view) const = 0;
};

/// Whether the change touches one of these nodes.
inline bool changes_any(const Mutation& mutation, std::span<const Node* const> nodes) {
  return std::any_of(nodes.begin(), nodes.end(), [&](const Node* node) { return mutation.changes(*node); });
}

}  // namespace kilter::analysis
