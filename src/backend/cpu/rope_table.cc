#include "backend/cpu/rope_table.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace kilter::cpu {
namespace {

// pi/2 in four parts. The first three have 22 bits, so that their products with up to 2^30 quarter turns are
// exact: Cody and Waite 1980, chapter 8.
constexpr std::array kHalfPi = {0x1.921fbp+0, 0x1.5110bp-22, 0x1.184698p-44, 0x1.3198a2e037073p-69};
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;

// 1 + x^2 (c0 + x^2 (c1 + ...)) with the Taylor coefficients, which are enough for |x| <= pi/4: the first
// term left out is below 1e-19.
template <size_t n>
double series(double square, const std::array<double, n>& coefficients) {
  double sum = 0;
  for (size_t i = n; i-- > 0;) sum = coefficients[i] + square * sum;
  return sum;
}

// 1/3!, 1/5! ... and 1/2!, 1/4! ..., with their signs.
constexpr std::array<double, 9> taylor(int first) {
  std::array<double, 9> c{};
  double factorial = 1;
  for (int k = 2; k < first; ++k) factorial *= k;
  double sign = -1;
  int k = first;
  for (double& value : c) {
    factorial *= k;
    value = sign / factorial;
    factorial *= k + 1;
    sign = -sign;
    k += 2;
  }
  return c;
}
constexpr auto kSine = taylor(3);
constexpr auto kCosine = taylor(2);

}  // namespace

Turn turn_of(double angle) {
  const double quarters = std::nearbyint(angle * kTwoOverPi);
  double x = angle;  // |x| <= pi/4 after this
  for (const double part : kHalfPi) x -= quarters * part;
  const double square = x * x;
  const double sine = x + x * (square * series(square, kSine));
  const double cosine = 1.0 + square * series(square, kCosine);
  switch (static_cast<int64_t>(quarters) & 3) {
    case 0:
      return {cosine, sine};
    case 1:
      return {-sine, cosine};
    case 2:
      return {-cosine, -sine};
    default:
      return {sine, -cosine};
  }
}

void RopeTable::prepare(std::span<const int32_t> positions, const Rope& rope) {
  if (std::ranges::equal(positions, positions_) && rope.frequency == frequency_ &&
      rope.magnitude == magnitude_) {
    return;
  }
  positions_.assign(positions.begin(), positions.end());
  frequency_ = rope.frequency;
  magnitude_ = rope.magnitude;
  half_ = rope.n_rot / 2;
  cos_.clear();
  sin_.clear();
  for (const int32_t position : positions) {
    for (int64_t i = 0; i < half_; ++i) {
      const Turn turn = turn_of(position * frequency_[static_cast<size_t>(i)]);
      cos_.push_back(static_cast<float>(magnitude_ * turn.cos));
      sin_.push_back(static_cast<float>(magnitude_ * turn.sin));
    }
  }
}

}  // namespace kilter::cpu
