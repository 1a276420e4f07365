// Bugs of memory and number formats, which may hit any value.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/seen.h"
#include "quant/half.h"

namespace kilter::analysis {
namespace {

constexpr double kLargestHalf = 65504;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Touches own_point(const Suspect& suspect) { return at_points({suspect.node->at.point}); }

float as_half(float x) { return quant::f16_to_f32(quant::f32_to_f16(x)); }

// ---- Overflow ----

Compute stored_as_half() {
  return mapped([](double x) { return double{as_half(static_cast<float>(x))}; });
}

bool exceeds(const Suspect& suspect, const Node& node, double bound) {
  const auto right = suspect.view->run(node);
  return right.ok() && std::any_of(right->begin(), right->end(),
                                   [&](float x) { return std::isfinite(x) && std::abs(double{x}) > bound; });
}

// q . k, before its scale, in f16.
Result<Numbers> scores_overflow(const Node& node, ReplayView& view) {
  KILTER_ASSIGN(Numbers s, view.run(node));
  for (float& x : s) {
    const double product = double{x} / double{node.number};
    if (std::isfinite(x) && std::abs(product) > kLargestHalf) x = x > 0 ? kInfinity : -kInfinity;
  }
  return s;
}

std::vector<Variant> overflows(const Suspect& suspect) {
  std::vector<Variant> variants;
  for (const Node* node : suspect.segment) {
    if (suspect.segment.size() > 4) break;
    if (exceeds(suspect, *node, kLargestHalf)) {
      variants.push_back({at_points({node->at.point}), stored_as_half(),
                          fmt::format("{} exceeds 65504 and is kept in f16", to_string(node->at)), ""});
    }
    const bool scores = node->at.point == Point::attn_scores && node->number != 0;
    if (scores && exceeds(suspect, *node, kLargestHalf * double{node->number})) {
      variants.push_back({at_points({Point::attn_scores}), scores_overflow,
                          "q . k exceeds 65504 in f16 before it is scaled", "Scale q before the product"});
    }
  }
  return variants;
}

// ---- Sums in few bits ----

float add_as_half(float sum, float product) { return as_half(sum + product); }
float add_as_bf16(float sum, float product) { return quant::bf16_to_f32(quant::f32_to_bf16(sum + product)); }

// The products in order, the sum rounded after each.
Compute summed(float (*add)(float sum, float product)) {
  return [add](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.weight == nullptr) return no_sense(node, "it has no weight");
    KILTER_ASSIGN(const std::span<const float> x, view.value(node.inputs[0]));
    const auto n_in = static_cast<size_t>(node.weight->cols);
    const auto n_out = static_cast<size_t>(node.weight->rows);
    if (n_in == 0 || x.size() % n_in != 0) return no_sense(node, "the weight has another shape");
    Numbers y(x.size() / n_in * n_out);
    for (size_t o = 0; o < n_out; ++o) {
      KILTER_ASSIGN(const Numbers w, decoded(*node.weight, static_cast<int64_t>(o), 1));
      for (size_t t = 0; t < x.size() / n_in; ++t) {
        float sum = 0;
        for (size_t i = 0; i < n_in; ++i) sum = add(sum, w[i] * x[t * n_in + i]);
        y[t * n_out + o] = sum;
      }
    }
    return y;
  };
}

std::vector<Variant> few_bits(const Suspect& suspect) {
  if (suspect.segment.size() != 1 || suspect.node->op != "matmul") return {};
  return {{of_ops({"matmul"}), summed(add_as_half), "the sum is kept in f16", ""},
          {of_ops({"matmul"}), summed(add_as_bf16), "the sum is kept in bf16", ""}};
}

// ---- Clamps ----

std::vector<Variant> clamps(const Suspect& suspect) {
  const auto pairs = suspect.segment.size() == 1 ? seen_and_right(suspect) : std::vector<SeenPair>{};
  double bound = 0;
  for (const SeenPair& p : pairs) bound = std::max(bound, std::abs(p.seen));
  const auto beyond = std::count_if(pairs.begin(), pairs.end(), [&](const SeenPair& p) {
    return std::abs(p.seen) == bound && std::abs(p.right) > bound * (1 + 1e-5);
  });
  if (bound == 0 || beyond == 0) return {};
  const bool round = std::abs(bound - std::round(bound)) < 1e-6 * bound;
  return {{own_point(suspect), mapped([bound](double x) { return std::clamp(x, -bound, bound); }),
           fmt::format("it is clamped to +-{}", short_number(bound)), "", round ? 0 : 1}};
}

// ---- Values that were not written, or written elsewhere ----

Result<Numbers> zeros(const Node& node, ReplayView& view) {
  return Numbers(view.rows(node.at).size() * static_cast<size_t>(node.row.elements()), 0.0F);
}

bool plain_rows(const Node& node) { return node.op != "attention_scores" && node.op != "softmax"; }

std::vector<Variant> unwritten(const Suspect& suspect) {
  if (suspect.segment.size() != 1 || !plain_rows(*suspect.node) || suspect.seen == nullptr) return {};
  std::vector<Variant> variants = {{own_point(suspect), zeros, "all of it is 0", ""}};
  const size_t rows = std::max<size_t>(1, suspect.rows.size());
  const size_t width = suspect.seen->values.size() / rows;
  size_t used = 0;
  for (size_t i = 0; i < suspect.seen->values.size(); ++i) {
    if (suspect.seen->values[i] != 0) used = std::max(used, i % width + 1);
  }
  if (suspect.seen->complete() && used > 0 && used < width) {
    variants.push_back({own_point(suspect),
                        [used](const Node& node, ReplayView& view) -> Result<Numbers> {
                          KILTER_ASSIGN(Numbers y, view.run(node));
                          const auto row = static_cast<size_t>(node.row.elements());
                          for (size_t i = 0; i < y.size(); ++i) y[i] = i % row < used ? y[i] : 0;
                          return y;
                        },
                        fmt::format("elements from {} on are 0", used), "", 1});
  }
  return variants;
}

// The right value, its rows or elements taken from elsewhere: from(index among `n`), outside of which there
// is 0.
Compute rows_from(std::function<int64_t(int64_t row)> from) {
  return [from = std::move(from)](const Node& node, ReplayView& view) -> Result<Numbers> {
    KILTER_ASSIGN(const Numbers right, view.run(node));
    const auto rows = static_cast<int64_t>(view.rows(node.at).size());
    const size_t width = right.size() / static_cast<size_t>(std::max(int64_t{1}, rows));
    Numbers y(right.size());
    for (int64_t r = 0; r < rows; ++r) {
      if (from(r) < 0 || from(r) >= rows) continue;
      std::copy_n(right.begin() + from(r) * static_cast<int64_t>(width), width,
                  y.begin() + r * static_cast<int64_t>(width));
    }
    return y;
  };
}

Compute elements_from(int64_t shift) {
  return [shift](const Node& node, ReplayView& view) -> Result<Numbers> {
    KILTER_ASSIGN(const Numbers right, view.run(node));
    const int64_t width = node.row.elements();
    Numbers y(right.size());
    for (size_t i = 0; i < y.size(); ++i) {
      const int64_t element = static_cast<int64_t>(i) % width + shift;
      if (element >= 0 && element < width) y[i] = right[static_cast<size_t>(static_cast<int64_t>(i) + shift)];
    }
    return y;
  };
}

std::vector<Variant> moved(const Suspect& suspect) {
  if (suspect.segment.size() != 1 || !plain_rows(*suspect.node)) return {};
  const Touches own = own_point(suspect);
  std::vector<Variant> variants;
  // Rows of the embedding that are another token's are token-ids' and token-shift's.
  if (suspect.rows.size() > 1 && suspect.node->at.point != Point::token_embd) {
    variants = {
        {own, rows_from([](int64_t) { return int64_t{0}; }), "every row is that of the first token", ""},
        {own, rows_from([](int64_t r) { return r == 0 ? 0 : int64_t{-1}; }),
         "every row but the first token's is 0", ""},
        {own, rows_from([](int64_t r) { return r - 1; }), "each row is that of the token before", ""},
        {own, rows_from([](int64_t r) { return r + 1; }), "each row is that of the next token", ""}};
  }
  for (const int64_t shift : {1, -1}) {
    variants.push_back({own, elements_from(shift),
                        fmt::format("each element stands one place too {}", shift > 0 ? "early" : "late"),
                        ""});
  }
  return variants;
}

}  // namespace

std::vector<OpBug> storage_bugs() {
  return {
      {{.id = "f16-overflow",
        .title = "A value overflows f16",
        .cause = "A number above 65504 is kept in f16, where it becomes infinity.",
        .fix = "Keep this value in f32 or bf16.",
        .rank = 13,
        .next_measurement =
            "Count infinities and NaN in each dumped value: the first one that has any is it."},
       overflows},
      {{.id = "f16-accumulation",
        .title = "Sums are kept in 16 bits",
        .cause = "The accumulator of a matrix product is rounded to f16 or bf16 after each step.",
        .fix = "Accumulate in f32 and round once at the end.",
        .rank = 13,
        .next_measurement = "Dump one projection and its input."},
       few_bits},
      {{.id = "clamp",
        .title = "Values are clamped",
        .cause = "Large numbers are cut off at a bound that the model does not have.",
        .fix = "Take the clamp out: it is often left from debugging.",
        .rank = 13,
        .next_measurement = ""},
       clamps},
      {{.id = "unwritten",
        .title = "A buffer was not written",
        .cause =
            "The value, or its end, is 0: the kernel did not run, did not reach it, or was not waited for.",
        .fix = "Check the launch's size and that the result is waited for before it is read.",
        .rank = 31,
        .next_measurement = "Dump the same run twice: does the value change?"},
       unwritten},
      {{.id = "moved-rows",
        .title = "Rows or elements stand in the wrong place",
        .cause = "The right numbers are there, at another token's or element's place.",
        .fix = "Check the stride and the first index of the loop that writes this value.",
        .rank = 31,
        .next_measurement = "Dump all elements of this value for three tokens."},
       moved},
  };
}

}  // namespace kilter::analysis
