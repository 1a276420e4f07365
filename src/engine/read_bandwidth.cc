#include "engine/read_bandwidth.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <vector>

#include "backend/cpu/host_memory.h"
#include "base/thread_pool.h"

namespace kilter {
namespace {

/// Bytes of a try: some milliseconds, long against waking a thread, short against others' time slices.
constexpr int64_t kTryBytes = int64_t{64} << 20;
constexpr int kRounds = 2;  // over all tries

/// Of all tries together: when the first one comes again, no cache holds what it reads.
int64_t count_tries() {
  constexpr int64_t kLeast = int64_t{512} << 20;
  const int64_t last_cache = std::max<int64_t>(0, sysconf(_SC_LEVEL3_CACHE_SIZE));
  return (std::max(kLeast, 4 * last_cache) + kTryBytes - 1) / kTryBytes;
}

constexpr int64_t kSums = 8;

/// Eight independent sums, which the compiler keeps in vectors: one processor asks for lines faster than any
/// memory gives them.
uint64_t sum_of(const uint64_t* numbers, int64_t n) {
  uint64_t sums[kSums] = {};
  for (int64_t i = 0; i < n; i += kSums) {
    for (int64_t j = 0; j < kSums; ++j) sums[j] += numbers[i + j];
  }
  uint64_t sum = 0;
  for (const uint64_t part : sums) sum += part;
  return sum;
}

}  // namespace

Result<double> measured_read_bandwidth(int threads) {
  const int64_t tries = count_tries();
  KILTER_ASSIGN(const cpu::HostMemory memory, cpu::HostMemory::create(tries * kTryBytes));
  auto* numbers = reinterpret_cast<uint64_t*>(memory.data());
  ThreadPool pool(threads);
  // Each thread reads the same share of every try. kTryBytes is divided down to whole steps of sum_of.
  const int64_t try_numbers = kTryBytes / int64_t{sizeof(uint64_t)};
  const int64_t share = try_numbers / pool.size() / kSums * kSums;
  std::vector<uint64_t> sums(static_cast<size_t>(pool.size()));
  // Written once: pages that were never touched are all the same page of zeros.
  pool.parallel_for(tries * try_numbers, try_numbers / 16, [&](int64_t begin, int64_t end) {
    std::fill(numbers + begin, numbers + end, uint64_t{1});
  });
  double best = 0;
  for (int64_t i = 0; i < kRounds * tries; ++i) {
    const uint64_t* from = numbers + i % tries * try_numbers;
    const auto begin = std::chrono::steady_clock::now();
    pool.run([&](int thread) { sums[static_cast<size_t>(thread)] = sum_of(from + thread * share, share); });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const auto sum = static_cast<int64_t>(std::accumulate(sums.begin(), sums.end(), uint64_t{0}));
    // The sum is what was written. It is looked at, so that the reads cannot be left out.
    if (sum == share * pool.size()) best = std::max(best, static_cast<double>(sum * 8) / seconds);
  }
  return best;
}

}  // namespace kilter
