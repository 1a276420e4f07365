// The threads of the CPU backend, each with scratch memory of its own.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "backend/cpu/cpu_device.h"
#include "backend/cpu/host_memory.h"
#include "base/thread_pool.h"

namespace kilter::cpu {

class Crew {
 public:
  /// `device` is told when memory is refused, and must outlive the crew.
  Crew(int n_threads, Affinity affinity, CpuDevice& device)
      : device_(device), pool_(n_threads, affinity), scratch_(static_cast<size_t>(pool_.size())) {}

  int size() const { return pool_.size(); }

  /// Gives each thread at least `bytes` of scratch, aligned to 64. False where memory was refused: then the
  /// device has failed, and the work at hand must not be done.
  bool reserve(int64_t bytes) {
    for (HostMemory& memory : scratch_) {
      if (memory.bytes() >= bytes) continue;
      memory = HostMemory();
      Result<HostMemory> more = HostMemory::create(bytes);
      if (!more.ok()) {
        device_.fail(std::move(more).error());
        return false;
      }
      memory = std::move(more).value();
    }
    return true;
  }

  /// body(begin, end, scratch) over [0, n) in pieces of at most `grain`, handed out in ascending order to
  /// whichever thread is free; the caller's alone where there is one piece only.
  template <typename Body>
  void share(int64_t n, int64_t grain, const Body& body) {
    if (n <= grain || size() == 1) {
      if (n > 0) body(int64_t{0}, n, scratch_[0].data());
      return;
    }
    std::atomic<int64_t> next{0};
    pool_.run([&](int thread) {
      std::byte* scratch = scratch_[static_cast<size_t>(thread)].data();
      for (int64_t begin = 0; (begin = next.fetch_add(grain, std::memory_order_relaxed)) < n;) {
        body(begin, std::min(n, begin + grain), scratch);
      }
    });
  }

 private:
  CpuDevice& device_;
  ThreadPool pool_;
  std::vector<HostMemory> scratch_;
};

}  // namespace kilter::cpu
