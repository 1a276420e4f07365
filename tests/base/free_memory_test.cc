#include "base/free_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

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

}  // namespace
}  // namespace kilter
