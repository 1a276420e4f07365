#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <vector>

namespace kilter {
namespace {

class Pools : public testing::TestWithParam<int> {};

TEST_P(Pools, RunEveryIterationOnce) {
  ThreadPool pool(GetParam());
  for (const int64_t n : {1, 2, 7, 64, 1000}) {
    for (const int64_t grain : {1, 3, 64, 5000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(n));
      pool.parallel_for(n, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) ++runs[static_cast<size_t>(i)];
      });
      for (const auto& count : runs) EXPECT_EQ(count, 1) << "n " << n << ", grain " << grain;
    }
  }
}

TEST_P(Pools, GiveNoPieceLargerThanTheGrain) {
  ThreadPool pool(GetParam());
  if (pool.size() == 1) GTEST_SKIP() << "one thread takes the loop in one piece";
  std::atomic<int64_t> largest{0};
  pool.parallel_for(100, 7, [&](int64_t begin, int64_t end) {
    EXPECT_LT(begin, end);
    int64_t seen = largest;
    while (end - begin > seen && !largest.compare_exchange_weak(seen, end - begin)) {
    }
  });
  EXPECT_EQ(largest, 7);
}

TEST_P(Pools, DoNothingForAnEmptyLoop) {
  ThreadPool pool(GetParam());
  const auto never = [](int64_t, int64_t) { FAIL(); };
  pool.parallel_for(0, 1, never);
  pool.parallel_for(-1, 1, never);
}

TEST_P(Pools, ShowTheCallerWhatWasWritten) {
  ThreadPool pool(GetParam());
  std::vector<int64_t> values(10000);
  for (int64_t round = 1; round <= 200; ++round) {
    pool.parallel_for(10000, 100, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) values[static_cast<size_t>(i)] += i;
    });
  }
  for (int64_t i = 0; i < 10000; ++i) ASSERT_EQ(values[static_cast<size_t>(i)], 200 * i);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Pools, testing::Values(1, 2, 3, 8));

TEST(ThreadPool, CountsTheCallingThread) {
  EXPECT_EQ(ThreadPool(-1).size(), 1);
  EXPECT_EQ(ThreadPool(0).size(), 1);
  EXPECT_EQ(ThreadPool(1).size(), 1);
  EXPECT_EQ(ThreadPool(4).size(), 4);
}

TEST(ThreadPool, UsesItsThreads) {
  ThreadPool pool(3);
  std::atomic<int> inside{0};
  std::atomic<bool> together{false};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  // Each piece waits for another one: alone, a thread would wait until the deadline.
  pool.parallel_for(3, 1, [&](int64_t, int64_t) {
    if (++inside >= 2) together = true;
    while (!together && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  });
  EXPECT_TRUE(together);
}

TEST(UsableProcessors, IsAtLeastOneAndNoMoreThanTheMachineHas) {
  EXPECT_GE(usable_processors(), 1);
  EXPECT_LE(usable_processors(), static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace kilter
