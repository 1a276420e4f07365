#include "model/random/recipe.h"

#include <algorithm>
#include <array>

namespace kilter {
namespace {

// The whole numbers from low to high, all equally likely.
struct Uniform {
  double low;
  double high;

  constexpr double mean() const { return (low + high) / 2; }
  constexpr double variance() const { return ((high - low + 1) * (high - low + 1) - 1) / 12; }
  constexpr double mean_square() const { return variance() + mean() * mean(); }
};

// E[(s*q - c*m)^2] with c = E[q], which makes the mean 0, and m = s but for its low bits: m =
// s + e, where e is the difference of two sets of low bits. s*q - c*m = s*(q - c) - c*e, and
// the two terms are not correlated.
constexpr double with_minimum(Uniform s, Uniform q, Uniform low_bits) {
  return s.mean_square() * q.variance() + q.mean() * q.mean() * 2 * low_bits.variance();
}

// Codes and sub-block scales by their width in bits.
constexpr Uniform unsigned_bits(int bits) { return {0, static_cast<double>((1 << bits) - 1)}; }
constexpr Uniform signed_bits(int bits) {
  return {-static_cast<double>(1 << (bits - 1)), static_cast<double>((1 << (bits - 1)) - 1)};
}
// (2s + 1)^2 and (s + 1/2)^2 on average, s of 3 or 4 bits: how the IQ formats write scales that are never 0.
constexpr double odd_square(int bits) {
  const Uniform s = unsigned_bits(bits);
  return 4 * (s.mean_square() + s.mean() + 0.25);
}

// Mean squares of the code books: the sums of squares of all their entries over the number of entries. The
// entries are those of ggml-common.h, as gguf-py's quants.py unpacks them.
constexpr double kIq1Grid = 9735.0 / 16384 + 1.0 / 64;  // and 1/8 added to or taken from each number
constexpr double kIq2XxsGrid = 1094513.0 / 2048;
constexpr double kIq2XsGrid = 2402206.0 / 4096;
constexpr double kIq2SGrid = 4889327.0 / 8192;
constexpr double kIq3XxsGrid = 974480.0 / 1024;
constexpr double kIq3SGrid = 118112.0 / 2048;
constexpr double kIq4Levels = 72768.0 / 16;
constexpr double kE2m1Levels = 68.5 / 8;  // 0, 0.5, 1, 1.5, 2, 3, 4, 6
constexpr double kTernaryBytes =
    171.0 / 256;  // the bytes of TQ1_0 that decode to -1 or 1, for each of the five
constexpr double kInt8WithoutMinimum = 2 * (127.0 * 128 * 255 / 6) / 256;  // -128 became 0
constexpr double kTernaryPairs = 0.5;                                      // -1, 0, 1 and, for 11, again 0

constexpr auto kHalf = ScaleForm::half;
constexpr auto kPositive = ScaleSign::positive;
constexpr auto kEither = ScaleSign::either;

// Field offsets: the block structs of ggml-common.h.
constexpr std::array kRecipes = {
    Recipe{DType::q4_0, kHalf, 0, signed_bits(4).mean_square(), kEither},
    Recipe{DType::q4_1, kHalf, 0, unsigned_bits(4).variance(), kPositive, 2, -unsigned_bits(4).mean()},
    Recipe{DType::q5_0, kHalf, 0, signed_bits(5).mean_square(), kEither},
    Recipe{DType::q5_1, kHalf, 0, unsigned_bits(5).variance(), kPositive, 2, -unsigned_bits(5).mean()},
    Recipe{DType::q8_0, kHalf, 0, kInt8WithoutMinimum, kPositive, 0, 0, UnusedCode::int8_minimum},
    Recipe{DType::q2_k, kHalf, 80, with_minimum(unsigned_bits(4), unsigned_bits(2), unsigned_bits(2)),
           kPositive, 82, unsigned_bits(2).mean(), UnusedCode::none, SubMinima::nibbles, 0},
    Recipe{DType::q3_k, kHalf, 108, signed_bits(6).mean_square() * signed_bits(3).mean_square(), kEither},
    Recipe{DType::q4_k, kHalf, 0, with_minimum(unsigned_bits(6), unsigned_bits(4), unsigned_bits(3)),
           kPositive, 2, unsigned_bits(4).mean(), UnusedCode::none, SubMinima::packed, 4},
    Recipe{DType::q5_k, kHalf, 0, with_minimum(unsigned_bits(6), unsigned_bits(5), unsigned_bits(3)),
           kPositive, 2, unsigned_bits(5).mean(), UnusedCode::none, SubMinima::packed, 4},
    Recipe{DType::q6_k, kHalf, 208, signed_bits(8).mean_square() * signed_bits(6).mean_square(), kEither},
    Recipe{DType::iq2_xxs, kHalf, 0, odd_square(4) / 64 * kIq2XxsGrid},
    Recipe{DType::iq2_xs, kHalf, 0, odd_square(4) / 64 * kIq2XsGrid},
    Recipe{DType::iq3_xxs, kHalf, 0, odd_square(4) / 16 * kIq3XxsGrid},
    Recipe{DType::iq1_s, kHalf, 0, odd_square(3) * kIq1Grid},
    Recipe{DType::iq4_nl, kHalf, 0, kIq4Levels, kEither},
    Recipe{DType::iq3_s, kHalf, 0, odd_square(4) * kIq3SGrid},
    Recipe{DType::iq2_s, kHalf, 0, odd_square(4) / 64 * kIq2SGrid},
    Recipe{DType::iq4_xs, kHalf, 0, signed_bits(6).mean_square() * kIq4Levels, kEither},
    Recipe{DType::iq1_m, ScaleForm::half_nibbles, 48, odd_square(3) * kIq1Grid},
    Recipe{DType::tq1_0, kHalf, 52, kTernaryBytes},
    Recipe{DType::tq2_0, kHalf, 64, kTernaryPairs, kPositive, 0, 0, UnusedCode::fourth_of_ternary},
    Recipe{DType::mxfp4, ScaleForm::power_of_two, 0, kE2m1Levels},
    Recipe{DType::nvfp4, ScaleForm::small_float, 0, kE2m1Levels},
    Recipe{DType::q1_0, kHalf, 0, 1.0},
    Recipe{DType::q2_0, kHalf, 0, kTernaryPairs, kPositive, 0, 0, UnusedCode::fourth_of_ternary},
};

}  // namespace

const Recipe* find_recipe(DType type) {
  const auto* found =
      std::find_if(kRecipes.begin(), kRecipes.end(), [&](const Recipe& r) { return r.type == type; });
  return found == kRecipes.end() ? nullptr : &*found;
}

}  // namespace kilter
