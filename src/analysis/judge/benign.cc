#include "analysis/judge/benign.h"

#include <algorithm>
#include <cmath>

#include "analysis/judge/activation_blocks.h"
#include "analysis/judge/float_rounding.h"
#include "analysis/judge/noise.h"

namespace kilter::analysis {
namespace {

bool is_product(const Node& node) { return node.op == "matmul"; }
bool is_attention(const Node& node) { return node.op == "attention_scores" || node.op == "attention_mix"; }

void round_all(ShortFloat type, std::span<float> x) {
  for (float& v : x) v = round_to(type, v);
}

// Half a step of the type around each value, on both bounds.
void widen_by_half_steps(ShortFloat type, double halves, std::span<const float> y, ErrorBounds& bounds) {
  for (size_t i = 0; i < y.size(); ++i) {
    const double more = halves * step_of(type, y[i]) / 2;
    bounds.expected[i] += more;
    bounds.guaranteed[i] += more;
  }
}

// Errors of half a step of a short type, or of a share of the row, for what they do to later values.
class AllowedNoise final : public Rounding {
 public:
  AllowedNoise(std::string_view op, double of_element, double of_row)
      : op_(op), of_element_(of_element), of_row_(of_row) {}
  bool touches(const Node& node) const override { return node.op == op_; }
  void round_result(const Node& node, std::span<float> y) const override {
    move_randomly(node.at, of_element_, of_row_, y);
  }

 private:
  std::string_view op_;
  double of_element_;
  double of_row_;
};

// Rounding errs in most elements: one number that is off is no rounding. Rows of position 0 are not turned,
// and half of the numbers of a short type may be there by chance, so a tenth is asked for.
bool is_spread(const Score& with) { return with.spread > 0.1; }

// Results kept in a short type.
class StoredShort final : public Benign {
 public:
  StoredShort(std::string_view id, std::string_view sentence, ShortFloat type)
      : id_(id), sentence_(sentence), type_(type) {}
  std::string_view id() const override { return id_; }
  std::string_view sentence() const override { return sentence_; }
  bool touches(const Node&) const override { return true; }
  void round_result(const Node&, std::span<float> y) const override { round_all(type_, y); }
  bool could_give(const Node&, std::span<const float> seen) const override {
    return std::all_of(seen.begin(), seen.end(), [&](float x) { return round_to(type_, x) == x || x != x; });
  }
  Status widen(const Node&, std::span<const float> y, BoundContext&, ErrorBounds& bounds) const override {
    widen_by_half_steps(type_, 1, y, bounds);
    return {};
  }

 private:
  std::string_view id_;
  std::string_view sentence_;
  ShortFloat type_;
};

// Operands of products as integers, by the type of the weight.
class IntegerActivations final : public Benign {
 public:
  using BlocksOf = std::optional<ActivationBlocks> (*)(DType weights);
  IntegerActivations(std::string_view id, std::string_view sentence, BlocksOf blocks_of)
      : id_(id), sentence_(sentence), blocks_of_(blocks_of) {}
  std::string_view id() const override { return id_; }
  std::string_view sentence() const override { return sentence_; }
  bool touches(const Node& node) const override {
    return is_product(node) && node.weight != nullptr && blocks_of_(node.weight->type).has_value();
  }
  void round_operand(const Node& node, size_t, std::span<float> x, int64_t width) const override {
    const ActivationBlocks blocks = *blocks_of_(node.weight->type);
    for (size_t begin = 0; begin < x.size(); begin += static_cast<size_t>(width)) {
      round_in_blocks(blocks, x.subspan(begin, static_cast<size_t>(width)));
    }
  }
  Status widen(const Node& node, std::span<const float> y, BoundContext& context,
               ErrorBounds& bounds) const override;

 private:
  std::string_view id_;
  std::string_view sentence_;
  BlocksOf blocks_of_;
};

// A number within rounding errors of the middle between two codes may go either way: in an f32 division by
// the scale that happens to |code| * 4u of all numbers, which for codes up to 127 is once in 30000, and three
// such in a row of any length here are beyond 1e-4. Finer codes may all be off by one, and their steps are as
// much smaller: flips grow as the square root of the row. A weight is taken as at most 6 times the root mean
// square of its row.
Status IntegerActivations::widen(const Node& node, std::span<const float> y, BoundContext& context,
                                 ErrorBounds& bounds) const {
  constexpr double kMostOfARow = 6;
  KILTER_ASSIGN(const std::span<const float> x, context.view.value(node.inputs.at(0)));
  KILTER_ASSIGN(const std::span<const double> norms, context.norms.of(*node.weight));
  const ActivationBlocks blocks = *blocks_of_(node.weight->type);
  const auto n_in = static_cast<size_t>(node.weight->cols);
  const double flips = blocks.codes > 127 ? std::sqrt(static_cast<double>(n_in)) : 2;
  for (size_t t = 0; t * norms.size() < y.size(); ++t) {
    const double step = largest_step(blocks, x.subspan(t * n_in, n_in));
    const double one = flips * kMostOfARow * step / std::sqrt(static_cast<double>(n_in));
    for (size_t o = 0; o < norms.size(); ++o) {
      bounds.expected[t * norms.size() + o] += one * norms[o];
      bounds.guaranteed[t * norms.size() + o] += one * norms[o];
    }
  }
  return {};
}

// Operands in 8 bits by a scheme that nobody knows: errors of half a step at most, uniform and independent,
// with a scale for the whole row at worst. Their sum has the deviation |w| step / sqrt(12).
class UnknownEightBits final : public Benign {
 public:
  std::string_view id() const override { return "activations-8bit"; }
  std::string_view sentence() const override {
    return "activations of matrix products rounded to about 8 bits: the errors are as large and as evenly "
           "spread";
  }
  bool touches(const Node& node) const override { return is_product(node); }
  Kind kind() const override { return Kind::allowed_for; }
  // A largest number of four deviations in a row makes steps of a 30th of one.
  std::shared_ptr<const Rounding> noise() const override {
    static const auto kNoise =
        std::make_shared<const AllowedNoise>("matmul", 0, kLambda * 4 / 127 / std::sqrt(12.0));
    return kNoise;
  }
  Status widen(const Node& node, std::span<const float> y, BoundContext& context,
               ErrorBounds& bounds) const override {
    KILTER_ASSIGN(const std::span<const float> x, context.view.value(node.inputs.at(0)));
    KILTER_ASSIGN(const std::span<const double> norms, context.norms.of(*node.weight));
    const auto n_in = static_cast<size_t>(node.weight->cols);
    for (size_t t = 0; t * norms.size() < y.size(); ++t) {
      double most = 0;
      for (const float v : x.subspan(t * n_in, n_in)) most = std::max(most, std::abs(double{v}));
      for (size_t o = 0; o < norms.size(); ++o) {
        const double more = kLambda * norms[o] * most / 127 / std::sqrt(12.0);
        bounds.expected[t * norms.size() + o] += more;
        bounds.guaranteed[t * norms.size() + o] += more;
      }
    }
    return {};
  }
  // Bounds are kLambda deviations: the errors are one at most. And rounding errs everywhere, a bug at some
  // places.
  bool looks_like_it(const Score& with) const override {
    return with.rms_margin * kLambda < 1.15 && with.spread > 0.7;
  }
};

// Operands in the type of the weights, where that is a short float: f16 times f16, as llama.cpp multiplies.
class LikeTheWeights final : public Benign {
 public:
  std::string_view id() const override { return "activations-as-weights"; }
  std::string_view sentence() const override {
    return "activations rounded to f16 or bf16 where the weights are kept so, as llama.cpp does";
  }
  bool touches(const Node& node) const override {
    return is_product(node) && node.weight != nullptr &&
           (node.weight->type == DType::f16 || node.weight->type == DType::bf16);
  }
  void round_operand(const Node& node, size_t, std::span<float> x, int64_t) const override {
    round_all(node.weight->type == DType::f16 ? kF16 : kBf16, x);
  }
  Status widen(const Node&, std::span<const float>, BoundContext&, ErrorBounds&) const override { return {}; }
};

// Operands of products in a short type, the weights too where `weights` says so.
class ShortOperands final : public Benign {
 public:
  enum class Weights { kept, rounded, alone };  // alone: and the activations are not
  ShortOperands(std::string_view id, std::string_view sentence, ShortFloat type, Weights weights)
      : id_(id), sentence_(sentence), type_(type), weights_(weights) {}
  std::string_view id() const override { return id_; }
  std::string_view sentence() const override { return sentence_; }
  bool touches(const Node& node) const override {
    if (weights_ == Weights::alone) return is_product(node) || node.op == "embed";
    return is_product(node) || is_attention(node) || (weights_ == Weights::rounded && node.op == "embed");
  }
  void round_operand(const Node&, size_t, std::span<float> x, int64_t) const override {
    if (weights_ != Weights::alone) round_all(type_, x);
  }
  bool rounds_weight(const Node&) const override { return weights_ != Weights::kept; }
  void round_weight(std::span<float> w) const override { round_all(type_, w); }
  Status widen(const Node&, std::span<const float>, BoundContext&, ErrorBounds&) const override { return {}; }

 private:
  std::string_view id_;
  std::string_view sentence_;
  ShortFloat type_;
  Weights weights_;
};

// Keys and values in f16, and what they are multiplied with.
class ShortCache final : public Benign {
 public:
  enum class Operands { rounded, kept };
  ShortCache(std::string_view id, std::string_view sentence, ShortFloat type, Operands operands)
      : id_(id), sentence_(sentence), type_(type), operands_(operands) {}
  std::string_view id() const override { return id_; }
  std::string_view sentence() const override { return sentence_; }
  bool touches(const Node& node) const override { return node.op == "kv_store" || is_attention(node); }
  bool looks_like_it(const Score& with) const override { return with.rms_margin == 0 || is_spread(with); }
  void round_result(const Node& node, std::span<float> y) const override {
    if (node.op == "kv_store") round_all(type_, y);
  }
  void round_operand(const Node& node, size_t, std::span<float> x, int64_t) const override {
    if (is_attention(node) && operands_ == Operands::rounded) round_all(type_, x);
  }
  Status widen(const Node& node, std::span<const float> y, BoundContext&,
               ErrorBounds& bounds) const override {
    if (node.op == "kv_store") widen_by_half_steps(type_, 1, y, bounds);
    return {};
  }

 private:
  std::string_view id_;
  std::string_view sentence_;
  ShortFloat type_;
  Operands operands_;
};

// Kept in a short type at some step inside an op: allowed for, not simulated.
class InsideAnOp final : public Benign {
 public:
  struct What {
    std::string_view id;
    std::string_view sentence;
    std::string_view op;
    ShortFloat type;
    double halves;  // half steps of the result
  };
  explicit InsideAnOp(What what)
      : what_(what),
        noise_(std::make_shared<AllowedNoise>(
            what.op, std::ldexp(what.halves, -what.type.precision),
            what.op == "rope" ? std::ldexp(what.halves, -what.type.precision) : 0)) {}
  Kind kind() const override { return Kind::allowed_for; }
  std::shared_ptr<const Rounding> noise() const override { return noise_; }
  bool looks_like_it(const Score& with) const override { return is_spread(with); }
  std::string_view id() const override { return what_.id; }
  std::string_view sentence() const override { return what_.sentence; }
  bool touches(const Node& node) const override { return node.op == what_.op; }
  Status widen(const Node& node, std::span<const float> y, BoundContext& context,
               ErrorBounds& bounds) const override {
    if (node.op != "rope") {
      widen_by_half_steps(what_.type, what_.halves, y, bounds);
      return {};
    }
    // An error of cos or sin meets either element of the pair: the largest of the head is taken for both.
    KILTER_ASSIGN(const std::span<const float> x, context.view.value(node.inputs.at(0)));
    const auto head = static_cast<size_t>(node.row[1]);
    for (size_t at = 0; at < y.size(); at += head) {
      float most = 0;
      for (const float v : x.subspan(at, head)) most = std::max(most, std::abs(v));
      for (size_t i = at; i < at + head; ++i) {
        const double more = what_.halves * step_of(what_.type, 0.99) * most;
        bounds.expected[i] += more;
        bounds.guaranteed[i] += more;
      }
    }
    return {};
  }

 private:
  What what_;
  std::shared_ptr<const Rounding> noise_;
};

class NoisesTogether final : public Rounding {
 public:
  explicit NoisesTogether(Roundings parts) : parts_(std::move(parts)) {}
  bool touches(const Node& node) const override {
    return std::any_of(parts_.begin(), parts_.end(), [&](const auto& part) { return part->touches(node); });
  }
  void round_result(const Node& node, std::span<float> y) const override {
    for (const auto& part : parts_) {
      if (part->touches(node)) part->round_result(node, y);
    }
  }

 private:
  Roundings parts_;
};

// Several at once: what one engine does to all of its values.
class Together final : public Benign {
 public:
  Together(std::string_view id, std::string_view sentence, std::vector<std::shared_ptr<const Benign>> parts)
      : id_(id), sentence_(sentence), parts_(std::move(parts)) {
    for (const auto& part : parts_) {
      if (part->noise() != nullptr) noises_.push_back(part->noise());
    }
  }
  std::string_view id() const override { return id_; }
  std::string_view sentence() const override { return sentence_; }
  bool touches(const Node& node) const override {
    return std::any_of(parts_.begin(), parts_.end(), [&](const auto& part) { return part->touches(node); });
  }
  // The parts that are simulated are most of it; noise() has the rest.
  std::shared_ptr<const Rounding> noise() const override {
    return noises_.empty() ? nullptr : std::make_shared<NoisesTogether>(noises_);
  }
  void round_operand(const Node& node, size_t i, std::span<float> x, int64_t width) const override {
    for (const auto& part : parts_) {
      if (part->touches(node)) part->round_operand(node, i, x, width);
    }
  }
  bool rounds_weight(const Node& node) const override {
    return std::any_of(parts_.begin(), parts_.end(),
                       [&](const auto& part) { return part->rounds_weight(node); });
  }
  void round_weight(std::span<float> w) const override {
    for (const auto& part : parts_) part->round_weight(w);
  }
  void round_result(const Node& node, std::span<float> y) const override {
    for (const auto& part : parts_) {
      if (part->touches(node)) part->round_result(node, y);
    }
  }
  bool could_give(const Node& node, std::span<const float> seen) const override {
    return std::all_of(parts_.begin(), parts_.end(), [&](const auto& part) {
      return !part->touches(node) || part->could_give(node, seen);
    });
  }
  Status widen(const Node& node, std::span<const float> y, BoundContext& context,
               ErrorBounds& bounds) const override {
    for (const auto& part : parts_) {
      if (part->touches(node)) KILTER_TRY(part->widen(node, y, context, bounds));
    }
    return {};
  }

 private:
  std::string_view id_;
  std::string_view sentence_;
  std::vector<std::shared_ptr<const Benign>> parts_;
  Roundings noises_;
};

using Parts = std::vector<std::shared_ptr<const Benign>>;

std::shared_ptr<const Benign> integers(std::string_view id, std::string_view sentence,
                                       IntegerActivations::BlocksOf blocks_of) {
  return std::make_shared<IntegerActivations>(id, sentence, blocks_of);
}
std::shared_ptr<const Benign> stored(std::string_view id, std::string_view sentence, ShortFloat type) {
  return std::make_shared<StoredShort>(id, sentence, type);
}
std::shared_ptr<const Benign> operands(std::string_view id, std::string_view sentence, ShortFloat type,
                                       ShortOperands::Weights weights) {
  return std::make_shared<ShortOperands>(id, sentence, type, weights);
}
std::shared_ptr<const Benign> cache(std::string_view id, std::string_view sentence, ShortFloat type,
                                    ShortCache::Operands others) {
  return std::make_shared<ShortCache>(id, sentence, type, others);
}
std::shared_ptr<const Benign> inside(InsideAnOp::What what) { return std::make_shared<InsideAnOp>(what); }
std::shared_ptr<const Benign> together(std::string_view id, std::string_view sentence, Parts parts) {
  return std::make_shared<Together>(id, sentence, std::move(parts));
}

// What may happen to one op.
struct Single {
  std::shared_ptr<const Benign> q8 = integers(
      "activations-q8", "activations of matrix products rounded to 8 bits, block by block, as llama.cpp does",
      activation_blocks);
  std::shared_ptr<const Benign> q8_32 = integers(
      "activations-q8-32", "activations of matrix products rounded to 8 bits in blocks of 32", blocks_of_32);
  std::shared_ptr<const Benign> fast =
      integers("kilter-fast", "kilter's mode fast: activations in 8 bits a block of 256", fast_blocks);
  std::shared_ptr<const Benign> accurate = integers(
      "kilter-accurate", "kilter's mode accurate: activations in 16 bits a block of 256", accurate_blocks);
  std::shared_ptr<const Benign> plain = std::make_shared<LikeTheWeights>();
  std::shared_ptr<const Benign> kv_f16_alone =
      cache("kv-f16-alone", "keys and values kept in f16", kF16, ShortCache::Operands::kept);
  std::shared_ptr<const Benign> kv_f16 =
      cache("kv-f16", "keys and values kept in f16, and multiplied with f16 queries and probabilities", kF16,
            ShortCache::Operands::rounded);
  std::shared_ptr<const Benign> kv_bf16 =
      cache("kv-bf16", "keys and values kept in bf16", kBf16, ShortCache::Operands::kept);
  std::shared_ptr<const Benign> bf16 = stored("stored-bf16", "values kept in bf16", kBf16);
  std::shared_ptr<const Benign> f16 = stored("stored-f16", "values kept in f16", kF16);
  std::shared_ptr<const Benign> bf16_operands = operands(
      "operands-bf16", "operands and weights of products in bf16", kBf16, ShortOperands::Weights::rounded);
  std::shared_ptr<const Benign> f16_operands = operands(
      "operands-f16", "operands and weights of products in f16", kF16, ShortOperands::Weights::rounded);
  std::shared_ptr<const Benign> norm_bf16 = inside(
      {"norm-cast-bf16", "normalised in f32, cast to bf16 before the norm weight", "rmsnorm", kBf16, 2.1});
  std::shared_ptr<const Benign> norm_f16 = inside(
      {"norm-cast-f16", "normalised in f32, cast to f16 before the norm weight", "rmsnorm", kF16, 2.1});
  std::shared_ptr<const Benign> rope_bf16 =
      inside({"rope-bf16", "cosines and sines of RoPE kept in bf16", "rope", kBf16, 1.5});
  std::shared_ptr<const Benign> rope_f16 =
      inside({"rope-f16", "cosines and sines of RoPE kept in f16", "rope", kF16, 1.5});
};

Parts make_benign() {
  using Weights = ShortOperands::Weights;
  const Single one;
  Parts all = {one.q8,      one.plain,    one.q8_32, one.kv_f16_alone, one.kv_f16,
               one.kv_bf16, one.accurate, one.fast,  one.bf16,         one.f16};
  const Parts more = {
      operands("activations-f16", "activations of products rounded to f16", kF16, Weights::kept),
      operands("activations-bf16", "activations of products rounded to bf16", kBf16, Weights::kept),
      one.f16_operands,
      one.bf16_operands,
      operands("weights-f16", "weights of products kept in f16", kF16, Weights::alone),
      operands("weights-bf16", "weights of products kept in bf16", kBf16, Weights::alone),
      operands("tf32", "operands of products rounded to TF32", kTf32, Weights::rounded),
      together("llama.cpp", "llama.cpp's arithmetic: activations in 8 bits, keys and values in f16",
               {one.q8, one.plain, one.kv_f16}),
      together("kilter", "kilter's mode accurate, keys and values in f16", {one.accurate, one.kv_f16_alone}),
      together("kilter-8", "kilter's mode fast, keys and values in f16", {one.fast, one.kv_f16_alone}),
      together("all-bf16", "everything in bf16, as PyTorch runs models",
               {one.bf16, one.bf16_operands, one.norm_bf16, one.rope_bf16}),
      together("all-f16", "everything in f16, as PyTorch runs models",
               {one.f16, one.f16_operands, one.norm_f16, one.rope_f16}),
      one.norm_bf16,
      one.norm_f16,
      one.rope_f16,
      one.rope_bf16,
      inside({"silu-f16", "SiLU looked up in a table of f16 numbers", "silu", kF16, 6}),
      std::make_shared<UnknownEightBits>(),
  };
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

std::span<const std::shared_ptr<const Benign>> all_benign() {
  static const std::vector<std::shared_ptr<const Benign>> kBenign = make_benign();
  return kBenign;
}

}  // namespace kilter::analysis
