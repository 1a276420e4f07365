#include "base/processors.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace kilter {
namespace {

TEST(UsableProcessors, IsAtLeastOneAndNoMoreThanTheMachineHas) {
  EXPECT_GE(usable_processors(), 1);
  EXPECT_LE(usable_processors(), static_cast<int>(std::thread::hardware_concurrency()));
}

TEST(ProcessorName, IsSomethingOnOneLine) {
  EXPECT_FALSE(processor_name().empty());
  EXPECT_EQ(processor_name().find_first_of("\n\t:"), std::string::npos);
}

/// A folder of control groups, as the system shows them.
class ControlGroups : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "control_groups_" +
            testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << '\n';
  }
  int processors(const std::string& membership) const { return control_group_processors(membership, root_); }

  std::string root_;
};

TEST_F(ControlGroups, OfNoKindSetNoLimit) {
  EXPECT_EQ(processors(""), 0);
  EXPECT_EQ(processors("0::/\n"), 0);
  EXPECT_EQ(processors("nonsense\n1:cpu\n"), 0);
}

TEST_F(ControlGroups, Version2) {
  write("cpu.max", "max 100000");
  EXPECT_EQ(processors("0::/\n"), 0);
  write("cpu.max", "150000 100000");  // one and a half
  EXPECT_EQ(processors("0::/\n"), 2);
  write("cpu.max", "5000 100000");
  EXPECT_EQ(processors("0::/\n"), 1);
}

TEST_F(ControlGroups, Version2TakesTheSmallestOfTheGroupsAround) {
  write("a/cpu.max", "300000 100000");
  write("a/b/cpu.max", "max 100000");
  write("a/b/c/cpu.max", "700000 100000");
  EXPECT_EQ(processors("0::/a/b/c\n"), 3);
  EXPECT_EQ(processors("0::/a/b/c/absent\n"), 3);
  EXPECT_EQ(processors("0::/elsewhere\n"), 0);
}

TEST_F(ControlGroups, Version1) {
  write("cpu/a/cpu.cfs_quota_us", "400000");
  write("cpu/a/cpu.cfs_period_us", "100000");
  write("cpu/a/b/cpu.cfs_quota_us", "-1");
  write("cpu/a/b/cpu.cfs_period_us", "100000");
  EXPECT_EQ(processors("3:cpuset:/\n1:cpu:/a/b\n"), 4);
  EXPECT_EQ(processors("3:cpuset:/a/b\n"), 0);
}

// What a container sees: the path of the outside, and its own group as the mounted one.
TEST_F(ControlGroups, Version1OfAContainer) {
  write("cpu,cpuacct/cpu.cfs_quota_us", "250000");
  write("cpu,cpuacct/cpu.cfs_period_us", "100000");
  EXPECT_EQ(processors("4:memory:/x\n2:cpu,cpuacct:/docker/0123\n0::/y\n"), 3);
}

}  // namespace
}  // namespace kilter
