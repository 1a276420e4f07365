// Threads that wait for work: one pool, one loop at a time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace kilter {

/// Runs the iterations of a loop on several threads. Who runs which iteration is not fixed, so an iteration
/// must not depend on another: then the result has the same bits for any number of threads.
class ThreadPool {
 public:
  /// `n_threads` counts the calling thread; 1 or less starts none. Fewer run where the system gives fewer.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Calls body(begin, end) over [0, n) in pieces of at most `grain`, and returns when all
  /// are done. One caller at a time.
  void parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body);

  int size() const { return static_cast<int>(workers_.size()) + 1; }

 private:
  void worker();
  void take_pieces(std::unique_lock<std::mutex>& lock);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable work_ready_;
  std::condition_variable work_done_;
  const std::function<void(int64_t, int64_t)>* body_ = nullptr;
  int64_t next_ = 0;
  int64_t end_ = 0;
  int64_t grain_ = 1;
  int running_ = 0;
  bool stopping_ = false;
};

/// The processors that this process may use (its affinity mask and control group), at least 1.
int usable_processors();

}  // namespace kilter
