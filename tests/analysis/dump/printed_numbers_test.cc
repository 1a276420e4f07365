#include "analysis/dump/formats/printed_numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <vector>

namespace kilter::analysis {
namespace {

// A spread of magnitudes, from the digits of e.
const std::vector<double> kNumbers = {2.718281828, -0.459045235, 36.02874713, 0.005266249, -775.7247093,
                                      69.99595749, 0.669676277,  -2.407663,   0.000353547, 5.94571382};

double quantum_of(const char* format) {
  PrintedNumbers digits;
  for (const double number : kNumbers) {
    char text[64];
    std::snprintf(text, sizeof(text), format, number);
    digits.add(std::string_view(text));
  }
  return digits.quantum();
}

TEST(PrintedNumbers, FixedDecimals) {
  EXPECT_DOUBLE_EQ(quantum_of("%.4f"), 1e-4);
  EXPECT_DOUBLE_EQ(quantum_of("%.6f"), 1e-6);
  EXPECT_DOUBLE_EQ(quantum_of("%.2f"), 1e-2);
}

TEST(PrintedNumbers, SignificantDigitsAreAsCoarseAsTheLargestNumber) {
  EXPECT_DOUBLE_EQ(quantum_of("%g"), 1e-3);    // -775.725
  EXPECT_DOUBLE_EQ(quantum_of("%.3e"), 1e-1);  // -7.757e+02
}

TEST(PrintedNumbers, AllDigitsAreNoRounding) {
  EXPECT_EQ(quantum_of("%.9g"), 0);
  EXPECT_EQ(quantum_of("%.17g"), 0);
}

TEST(PrintedNumbers, WholeNumbersTellNothing) {
  PrintedNumbers digits;
  digits.add(std::string_view("3"));
  digits.add(std::string_view("-40"));
  EXPECT_EQ(digits.quantum(), 0);
}

TEST(PrintedNumbers, Words) {
  EXPECT_TRUE(std::isnan(*parse_number("nan")));
  EXPECT_TRUE(std::isnan(*parse_number("-nan")));
  EXPECT_EQ(*parse_number("-inf"), -INFINITY);
  EXPECT_EQ(*parse_number("Infinity"), INFINITY);
  EXPECT_EQ(*parse_number("-0.5"), -0.5);
  EXPECT_FALSE(parse_number("1.2.3"));
  EXPECT_FALSE(parse_number(""));
  EXPECT_FALSE(parse_number("--1"));
}

}  // namespace
}  // namespace kilter::analysis
