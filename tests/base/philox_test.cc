// Known answers: kat_vectors of the Random123 distribution (D. E. Shaw Research), rows "philox4x32 10".
#include "base/philox.h"

#include <gtest/gtest.h>

namespace kilter {
namespace {

TEST(Philox, MatchesThePublishedVectors) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, UniformIsTheTop53BitsOfTheFirstTwoWords) {
  // From the first vector: 0xe169c58d6627e8d5 >> 11, times 2^-53.
  EXPECT_EQ(philox_uniform(0, 0), static_cast<double>(0xe169c58d6627e8d5ULL >> 11) * 0x1p-53);
  for (uint64_t counter = 0; counter < 1000; ++counter) {
    const double u = philox_uniform(7, counter);
    EXPECT_GE(u, 0.0);
    EXPECT_LT(u, 1.0);
  }
}

}  // namespace
}  // namespace kilter
