#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <system_error>

namespace kilter {

ThreadPool::ThreadPool(int n_threads) {
  try {
    for (int i = 1; i < n_threads; ++i) workers_.emplace_back([this] { worker(); });
  } catch (const std::system_error&) {  // the system has no more to give: those that run share the work
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_ready_.notify_all();
  for (std::thread& t : workers_) t.join();
}

void ThreadPool::parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
  if (n <= 0) return;
  if (workers_.empty() || n <= grain) {
    body(0, n);
    return;
  }
  std::unique_lock lock(mutex_);
  body_ = &body;
  next_ = 0;
  end_ = n;
  grain_ = std::max<int64_t>(grain, 1);
  work_ready_.notify_all();
  take_pieces(lock);
  work_done_.wait(lock, [this] { return running_ == 0; });
  body_ = nullptr;
}

void ThreadPool::worker() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_ready_.wait(lock, [this] { return stopping_ || (body_ != nullptr && next_ < end_); });
    if (stopping_) return;
    take_pieces(lock);
    if (running_ == 0) work_done_.notify_one();
  }
}

// Called with the lock held; releases it while a piece runs.
void ThreadPool::take_pieces(std::unique_lock<std::mutex>& lock) {
  while (body_ != nullptr && next_ < end_) {
    const int64_t begin = next_;
    const int64_t end = std::min(end_, begin + grain_);
    const auto& body = *body_;
    next_ = end;
    ++running_;
    lock.unlock();
    body(begin, end);
    lock.lock();
    --running_;
  }
}

namespace {

// cgroup v2 writes "quota period" in microseconds, or "max period".
int control_group_limit() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  return static_cast<int>((std::atof(quota.c_str()) + period - 1) / period);
}

}  // namespace

int usable_processors() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  int n = sched_getaffinity(0, sizeof(mask), &mask) == 0 ? CPU_COUNT(&mask) : 1;
  if (const int limit = control_group_limit(); limit > 0) n = std::min(n, limit);
  return std::max(n, 1);
}

}  // namespace kilter
