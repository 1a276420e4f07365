#include "cli/units.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace kilter::cli {
namespace {

TEST(Units, Bytes) {
  EXPECT_EQ(bytes_text(0), "0 bytes");
  EXPECT_EQ(bytes_text(1023), "1023 bytes");
  EXPECT_EQ(bytes_text(1024), "1.0 KiB");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(uint64_t{1} << 20), "1.0 MiB");
  EXPECT_EQ(bytes_text((uint64_t{1} << 20) - 1), "1.0 MiB");  // not 1024 KiB
  EXPECT_EQ(bytes_text(UINT64_MAX), "16.0 EiB");
}

TEST(Units, Counts) {
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1500), "1.5 k");
  EXPECT_EQ(count_text(134515008), "135 M");
  EXPECT_EQ(count_text(8030261248), "8.0 G");
}

TEST(Units, Groups) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

TEST(Units, Nouns) {
  EXPECT_EQ(counted(0, "file"), "0 files");
  EXPECT_EQ(counted(1, "file"), "1 file");
  EXPECT_EQ(counted(1200, "file"), "1,200 files");
}

TEST(Units, Durations) {
  EXPECT_EQ(duration_text(0), "0:00");
  EXPECT_EQ(duration_text(59.4), "0:59");
  EXPECT_EQ(duration_text(59.6), "1:00");
  EXPECT_EQ(duration_text(125), "2:05");
  EXPECT_EQ(duration_text(3609), "1:00:09");
}

}  // namespace
}  // namespace kilter::cli
