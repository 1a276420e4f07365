#include <gtest/gtest.h>

#include "cli/trace/positions.h"
#include "cli/trace/trace_prompts.h"

namespace kilter::cli {
namespace {

std::vector<int32_t> positions(std::string_view text, int64_t n) {
  const auto parsed = parse_positions(text, n);
  EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.error().message();
  return parsed.ok() ? *parsed : std::vector<int32_t>{-1};
}

TEST(Positions, AreNumbersRangesAndTheLast) {
  using Rows = std::vector<int32_t>;
  EXPECT_EQ(positions("0", 1), (Rows{0}));
  EXPECT_EQ(positions("last", 7), (Rows{6}));
  EXPECT_EQ(positions("0,5,10-12,last", 30), (Rows{0, 5, 10, 11, 12, 29}));
  EXPECT_EQ(positions("5,3-5,4,0", 6), (Rows{0, 3, 4, 5}));  // in their order, each once
  EXPECT_EQ(positions("2-last", 4), (Rows{2, 3}));
  EXPECT_EQ(positions("3-3", 4), (Rows{3}));
}

TEST(Positions, RefuseWhatTheRunLacks) {
  for (const char* text : {"", ",", "1,", "-1", "1-", "-", "x", "1 ", "0x1", "4", "3-4", "2-1", "last-0",
                           "99999999999999999999", "first", "1-2-3", "+1"}) {
    const auto parsed = parse_positions(text, 4);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::usage) << text;
    EXPECT_EQ(parsed.error().subject, "--positions") << text;
  }
}

TEST(TracePrompts, NumberTheFilesOfSeveral) {
  EXPECT_EQ(numbered_path("t.safetensors", 0, 1), "t.safetensors");
  EXPECT_EQ(numbered_path("t.safetensors", 0, 2), "t-0.safetensors");
  EXPECT_EQ(numbered_path("a.b/t.x.safetensors", 12, 13), "a.b/t.x-12.safetensors");
  EXPECT_EQ(numbered_path("a.b/t", 1, 2), "a.b/t-1");
  EXPECT_EQ(numbered_path(".hidden", 1, 2), ".hidden-1");
}

}  // namespace
}  // namespace kilter::cli
