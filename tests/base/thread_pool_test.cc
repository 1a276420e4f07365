#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <ctime>
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

TEST_P(Pools, RunEachThreadNumberOnce) {
  ThreadPool pool(GetParam());
  std::vector<int> runs(static_cast<size_t>(pool.size()));  // not atomic: a number is one thread's
  constexpr int kRegions = 3000;
  for (int i = 0; i < kRegions; ++i) pool.run([&](int thread) { ++runs[static_cast<size_t>(thread)]; });
  for (const int count : runs) EXPECT_EQ(count, kRegions);
}

// Regions with pauses of every length around the time that threads stay awake: they fall asleep, are about
// to, or have just been woken when the next one comes.
TEST_P(Pools, LoseNoRegionWhileThreadsFallAsleep) {
  ThreadPool pool(GetParam());
  std::vector<int> runs(static_cast<size_t>(pool.size()));
  constexpr int kRegions = 400;
  for (int i = 0; i < kRegions; ++i) {
    pool.run([&](int thread) { ++runs[static_cast<size_t>(thread)]; });
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(i % 100);
    while (std::chrono::steady_clock::now() < end) {
    }
  }
  for (const int count : runs) EXPECT_EQ(count, kRegions);
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

// A body that waits for the others is not what pools are for, but here it proves that there are others.
TEST(ThreadPool, RunsItsThreadsSideBySide) {
  ThreadPool pool(4);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::atomic<int> begun{0};
  pool.run([&](int) {
    ++begun;
    while (begun < 4 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  });
  EXPECT_LT(std::chrono::steady_clock::now(), deadline);
}

double processor_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

TEST(ThreadPool, TakesNoTimeWhileIdle) {
  ThreadPool pool(2);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(run_together(pool, [] {}));
  const double before = processor_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  // Awake it would take the whole 0.2 s; it may the 50 us that it waits.
  EXPECT_LT(processor_seconds() - before, 0.05);
}

TEST(ThreadPool, PinsEachWorkerToOneProcessor) {
  ThreadPool pool(2, Affinity::pinned);
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  int allowed = 0;
  EXPECT_TRUE(run_together(pool, [&allowed] {
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof(mask), &mask) == 0) allowed = CPU_COUNT(&mask);
  }));
  EXPECT_EQ(allowed, 1);
  cpu_set_t after;
  ASSERT_EQ(sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after)) << "the caller stays where it is";
}

}  // namespace
}  // namespace kilter
