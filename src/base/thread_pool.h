// Threads that wait for work: one pool, one region at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "base/function_ref.h"
#include "base/processors.h"
#include "base/wait_word.h"

namespace kilter {

/// Where the threads of a pool may run.
enum class Affinity : uint8_t {
  none,    ///< where the system puts them
  pinned,  ///< worker i on the i-th processor that this process may use; the caller where it is
};

/// Runs regions of work on several threads. Who runs which part is not fixed, so a part must not depend on
/// another: then the result has the same bits for any number of threads.
///
/// A token of a small model is a hundred regions of 100 us each, and waking a thread costs half as much as
/// such a region: after a region the threads stay awake for WaitWord::kSpinMicroseconds. An idle pool sleeps.
/// One caller at a time, and a body must not start a region of its own pool.
class ThreadPool {
 public:
  /// `n_threads` counts the calling thread; 1 or less starts none. Fewer run where the system gives fewer.
  explicit ThreadPool(int n_threads, Affinity affinity = Affinity::none);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Calls body(thread) once for each thread in [0, size()), side by side, and returns when all are done.
  /// What body keeps for its thread (scratch memory) is that number's alone while it runs. The caller is
  /// thread 0; a thread that the system has not run by the time the caller is done has its call made by the
  /// caller.
  void run(FunctionRef<void(int)> body);

  /// Calls body(begin, end) over [0, n) in pieces of at most `grain`, each taken by whoever is free, and
  /// returns when all are done. A loop of one piece, or a pool of one thread, runs on the caller in one
  /// piece.
  void parallel_for(int64_t n, int64_t grain, FunctionRef<void(int64_t, int64_t)> body);

  int size() const { return static_cast<int>(workers_.size()) + 1; }

 private:
  /// The last region whose part of one worker somebody has taken.
  struct alignas(64) Ticket {
    std::atomic<uint32_t> taken{0};
  };

  void work(int thread);
  /// One of the worker and the caller gets true.
  bool take(int thread, uint32_t region);

  const FunctionRef<void(int)>* body_ = nullptr;  ///< of the region that runs
  bool stopping_ = false;                         ///< written before the last region
  Patience patience_ = Patience::spin;
  std::unique_ptr<Ticket[]> tickets_;  ///< [size()]; the first is not used
  WaitWord region_;                    ///< number of the region, from 1 on
  WaitWord unfinished_;                ///< parts of the region that are not done, the caller's aside
  std::vector<std::thread> workers_;
};

}  // namespace kilter
