#include "base/free_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

namespace kilter {
namespace {

// What sysconf knows by another way: no more can be free than the machine has, swap space aside.
TEST(FreeMemory, LiesBetweenTheFreePagesAndAllPages) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const auto all = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * page;
  const auto free = free_memory();
  ASSERT_TRUE(free.has_value()) << "Linux says it in /proc/meminfo";
  EXPECT_GT(*free, uint64_t{1} << 24);
  EXPECT_LT(*free, 64 * all);
}

TEST(ResidentMemory, GrowsByWhatIsTouched) {
  constexpr size_t kBytes = size_t{64} << 20;
  const auto before = resident_memory();
  const std::vector<char> touched(kBytes, 'x');
  const auto after = resident_memory();
  ASSERT_TRUE(before.has_value() && after.has_value());
  EXPECT_GE(*after - *before, kBytes * 9 / 10) << touched.back();
  EXPECT_LE(*after - *before, kBytes * 11 / 10);
}

}  // namespace
}  // namespace kilter
