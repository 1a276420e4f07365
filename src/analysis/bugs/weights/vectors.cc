// Norm weights and biases.
#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {
namespace {

bool is_norm(const Weight& w) { return w.name.ends_with("norm.weight"); }

std::vector<Reading> left_out(const Weight& w, const ReplayModel&) {
  if (!w.name.ends_with(".bias")) return {};
  return {all_equal("not added", 0)};
}

std::vector<Reading> plus_one(const Weight& w, const ReplayModel&) {
  if (!is_norm(w)) return {};
  const auto shifted = [](float by) {
    return [by](std::span<float> row) {
      for (float& number : row) number += by;
    };
  };
  return {by_values("1 added to the weight", shifted(1)),
          by_values("1 subtracted from the weight", shifted(-1))};
}

std::vector<Reading> applied(const Weight& w, const ReplayModel&) {
  if (!is_norm(w)) return {};
  return {all_equal("never", 1), by_values("twice", [](std::span<float> row) {
            for (float& number : row) number *= number;
          })};
}

constexpr BugInfo kBias{
    .id = "bias-left-out",
    .title = "A bias is not added",
    .cause =
        "The model has biases (Qwen2: of q, k and v); the engine does not load or does not add them, so each "
        "row "
        "misses the same vector.",
    .fix =
        "Add blk.N.attn_q.bias, attn_k.bias and attn_v.bias (and every other .bias of the file) behind the "
        "product.",
    .rank = 21,
    .next_measurement = "dump attn_q of two positions: the difference to the right one is the same vector"};

constexpr BugInfo kPlusOne{
    .id = "norm-weight-plus-one",
    .title = "1 is added to the norm weights, or taken away",
    .cause =
        "GGUF files hold the factor itself; Gemma's original code holds the factor minus 1. The engine adds "
        "or "
        "subtracts the 1 once too often.",
    .fix = "Multiply with the file's norm weight as it is.",
    .rank = 22,
    .next_measurement = "dump attn_norm: its difference to the right one is the normalised input"};

constexpr BugInfo kApplied{
    .id = "norm-weight-applied",
    .title = "The norm weight is applied twice or never",
    .cause = "The normalised row must be multiplied with the weight exactly once.",
    .fix =
        "y = x / rms(x) * w: look for a fused kernel that multiplies already, or for one that only "
        "normalises.",
    .rank = 22,
    .next_measurement = "dump attn_norm: the ratio to the right one is w, or 1 / w, element by element"};

}  // namespace

std::span<const Bug* const> vector_bugs() {
  static const WeightBugEntry entries[] = {
      {kBias, left_out, Reach::group}, {kPlusOne, plus_one, Reach::group}, {kApplied, applied, Reach::group}};
  static const Bug* const all[] = {&entries[0], &entries[1], &entries[2]};
  return all;
}

}  // namespace kilter::analysis
