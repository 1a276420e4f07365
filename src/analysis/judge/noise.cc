#include "analysis/judge/noise.h"

#include <cmath>

#include "analysis/judge/expected_error.h"

namespace kilter::analysis {
namespace {

// A number in [-1, 1) for each element of each value: splitmix64 of where it is.
double random_of(At at, size_t i) {
  uint64_t x = (static_cast<uint64_t>(at.point) << 48) ^ (static_cast<uint64_t>(at.il + 1) << 36) ^ i;
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  x ^= x >> 31;
  return static_cast<double>(x >> 11) * 0x1p-52 - 1;
}

class F32Noise final : public Rounding {
 public:
  explicit F32Noise(double size) : size_(size) {}
  bool touches(const Node& node) const override { return node.op != "take_rows" && node.op != "kv_store"; }

  void round_result(const Node& node, std::span<float> y) const override {
    const double terms = node.op == "matmul" ? static_cast<double>(node.weight->cols) : 0;
    // A sum or a rotation of two numbers is off by the size of these, which is about the row's.
    const bool cancels = node.op == "rope" || node.op == "add" || node.op == "add_bias";
    move_randomly(node.at, 8 * kUnit * size_,
                  (kLambda * std::sqrt(terms) + (cancels ? 8 : 0)) * kUnit * size_, y);
  }

 private:
  double size_;
};

}  // namespace

void move_randomly(At at, double of_element, double of_row, std::span<float> y) {
  double squares = 0;
  for (const float v : y) squares += std::isfinite(v) ? double{v} * double{v} : 0;
  const double rms = std::sqrt(squares / static_cast<double>(y.size()));
  for (size_t i = 0; i < y.size(); ++i) {
    const double most = of_row * rms + of_element * std::abs(double{y[i]});
    if (std::isfinite(y[i])) y[i] = static_cast<float>(double{y[i]} + random_of(at, i) * most);
  }
}

std::shared_ptr<const Rounding> f32_noise(NoiseSize size) {
  static const std::shared_ptr<const Rounding> kPlain = std::make_shared<F32Noise>(1);
  static const std::shared_ptr<const Rounding> kAmidRoundings = std::make_shared<F32Noise>(32);
  return size == NoiseSize::plain ? kPlain : kAmidRoundings;
}

}  // namespace kilter::analysis
