#include "backend/cpu/int8_peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/thread_pool.h"

namespace kilter::cpu {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Rounds that take one thread about 2 ms: long against waking a thread, short against others' time slices.
int64_t rounds_of_a_try(const KernelTable& kernels) {
  constexpr double kSeconds = 0.002;
  for (int64_t rounds = 1 << 10;; rounds *= 2) {
    const auto begin = std::chrono::steady_clock::now();
    kernels.int8_peak(rounds);
    if (seconds_since(begin) >= kSeconds) return rounds;
  }
}

}  // namespace

double measured_int8_peak(const KernelTable& kernels, int threads) {
  if (kernels.int8_peak == nullptr) return 0;
  constexpr int kTries = 64;
  const int64_t rounds = rounds_of_a_try(kernels);
  ThreadPool pool(threads);
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    std::atomic<int64_t> multiply_adds{0};
    const auto begin = std::chrono::steady_clock::now();
    pool.run([&](int) { multiply_adds += kernels.int8_peak(rounds); });
    best = std::max(best, static_cast<double>(multiply_adds) / seconds_since(begin));
  }
  return best;
}

}  // namespace kilter::cpu
