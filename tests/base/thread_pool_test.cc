#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
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

// A stack larger than any address space makes the system refuse every thread.
TEST(ThreadPool, WorksWithTheThreadsThatItGets) {
  pthread_attr_t usual;
  pthread_attr_t vast;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  ASSERT_EQ(pthread_getattr_default_np(&vast), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&vast, size_t{1} << 60), 0);
  ASSERT_EQ(pthread_setattr_default_np(&vast), 0);
  ThreadPool pool(4);
  ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
  EXPECT_EQ(pool.size(), 1);
  int64_t done = 0;
  pool.parallel_for(100, 7, [&](int64_t begin, int64_t end) { done += end - begin; });
  EXPECT_EQ(done, 100);
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

/// Two iterations, each of which waits until the other has begun, so that two threads must take part.
/// `last` is what the thread does that did not call. False when nobody came in time.
bool run_together(ThreadPool& pool, const std::function<void()>& last) {
  const auto caller = std::this_thread::get_id();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::atomic<int> begun{0};
  pool.parallel_for(2, 1, [&](int64_t, int64_t) {
    ++begun;
    while (begun < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    if (std::this_thread::get_id() != caller) last();
  });
  return std::chrono::steady_clock::now() < deadline;
}

TEST(ThreadPool, WakesItsThreadsEachTime) {
  ThreadPool pool(2);
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(run_together(pool, [] {})) << "round " << round;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the thread falls asleep
  }
}

TEST(ThreadPool, WaitsForTheLastPiece) {
  ThreadPool pool(2);
  std::atomic<bool> done{false};
  EXPECT_TRUE(run_together(pool, [&done] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    done = true;
  }));
  EXPECT_TRUE(done);
}

TEST(UsableProcessors, IsAtLeastOneAndNoMoreThanTheMachineHas) {
  EXPECT_GE(usable_processors(), 1);
  EXPECT_LE(usable_processors(), static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace kilter
