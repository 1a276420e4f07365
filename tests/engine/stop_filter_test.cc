#include <gtest/gtest.h>

#include "engine/generate.h"

namespace kilter {
namespace {

// Pushes the pieces one by one and gathers what comes out.
std::string through(StopFilter& filter, const std::vector<std::string>& pieces) {
  std::string out;
  for (const std::string& p : pieces) out += filter.push(p);
  return out + filter.finish();
}

TEST(StopFilter, LetsEverythingThroughWithoutStops) {
  StopFilter filter({});
  EXPECT_EQ(filter.push("abc"), "abc");
  EXPECT_EQ(through(filter, {"d", "e"}), "de");
  EXPECT_FALSE(filter.stopped());
}

TEST(StopFilter, CutsAStopThatIsSplitOverPieces) {
  StopFilter filter({"\n\nQ:"});
  EXPECT_EQ(through(filter, {"yes.\n", "\n", "Q", ": more", "!"}), "yes.");
  EXPECT_TRUE(filter.stopped());
}

TEST(StopFilter, GivesBackWhatOnlyLookedLikeAStop) {
  StopFilter filter({"STOP"});
  EXPECT_EQ(filter.push("a ST"), "a ");
  EXPECT_EQ(filter.push("O"), "");
  EXPECT_EQ(filter.push("RM"), "STORM");
  EXPECT_FALSE(filter.stopped());
}

TEST(StopFilter, HoldsBackTheLongestCandidate) {
  StopFilter filter({"aab", "b!"});
  EXPECT_EQ(filter.push("aa"), "");
  EXPECT_EQ(filter.push("a"), "a");  // "aaa": the last two may still become "aab"
  EXPECT_EQ(filter.push("b"), "");
  EXPECT_TRUE(filter.stopped());
}

TEST(StopFilter, TakesTheStopThatComesFirst) {
  StopFilter filter({"yy", "x"});
  EXPECT_EQ(through(filter, {"1x2yy"}), "1");
}

TEST(StopFilter, GivesOutTheHeldTextAtTheEnd) {
  StopFilter filter({"###"});
  EXPECT_EQ(through(filter, {"end #", "#"}), "end ##");
}

}  // namespace
}  // namespace kilter
