#include "cli/suggest.h"

#include <gtest/gtest.h>

#include <array>

namespace kilter::cli {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"inspect", "tokenize", "--ids", "--json"};

TEST(Suggest, FindsWhatIsOneEditAway) {
  EXPECT_EQ(nearest("inspec", kNames), "inspect");     // a letter is missing
  EXPECT_EQ(nearest("tokenise", kNames), "tokenize");  // another letter
  EXPECT_EQ(nearest("--idss", kNames), "--ids");       // a letter too many
  EXPECT_EQ(nearest("--jsno", kNames), "--json");      // two swapped
}

TEST(Suggest, SwappingNeighboursIsOneEdit) {
  // One edit in three letters is near, two would not be.
  constexpr std::array<std::string_view, 1> kShort = {"abc"};
  EXPECT_EQ(nearest("acb", kShort), "abc");
  EXPECT_EQ(nearest("axy", kShort), "");
}

TEST(Suggest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("xyzzy", kNames), "");
  EXPECT_EQ(nearest("", kNames), "");
  EXPECT_EQ(did_you_mean("xyzzy", kNames), "");
  EXPECT_EQ(did_you_mean("--id", kNames), "did you mean --ids?");
}

TEST(Suggest, TakesTheNearest) {
  constexpr std::array<std::string_view, 3> kAlike = {"--tensors", "--tensor", "--tens"};
  EXPECT_EQ(nearest("--tensr", kAlike), "--tensor");
}

}  // namespace
}  // namespace kilter::cli
