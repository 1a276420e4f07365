#include "base/thread_pool.h"

#include <algorithm>
#include <system_error>

namespace kilter {

ThreadPool::ThreadPool(int n_threads, Affinity affinity) {
  if (n_threads <= 1) return;
  if (n_threads > usable_processors()) patience_ = Patience::none;
  tickets_ = std::make_unique<Ticket[]>(static_cast<size_t>(n_threads));
  try {
    for (int i = 1; i < n_threads; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (const std::system_error&) {  // the system has no more to give: those that run share the work
  }
  if (affinity == Affinity::none) return;
  for (size_t i = 0; i < workers_.size(); ++i) {
    pin_to_processor(workers_[i].native_handle(), static_cast<int>(i) + 1);
  }
}

ThreadPool::~ThreadPool() {
  stopping_ = true;
  region_.store(region_.load() + 1);
  for (std::thread& t : workers_) t.join();
}

// A region: its number is published, each part is taken once (ticket) and counted down once (unfinished_).
// The next region begins when all are counted, so body_ stays what it is while any part runs.
void ThreadPool::run(FunctionRef<void(int)> body) {
  if (workers_.empty()) {
    body(0);
    return;
  }
  body_ = &body;
  unfinished_.store_unwatched(static_cast<uint32_t>(workers_.size()));
  const uint32_t region = region_.load() + 1;
  region_.store(region);
  body(0);
  // Backwards: the threads that were woken last are the likeliest to be late.
  for (int i = size() - 1; i > 0; --i) {
    if (!take(i, region)) continue;
    body(i);
    unfinished_.subtract(1);
  }
  unfinished_.wait_for_zero(patience_);
}

void ThreadPool::work(int thread) {
  uint32_t region = 0;
  while (true) {
    region = region_.wait_while_equal(region, patience_);
    // A ticket of an old region can no longer be taken, so body_ and stopping_ are this region's.
    if (!take(thread, region)) continue;
    if (stopping_) return;
    (*body_)(thread);
    unfinished_.subtract(1);
  }
}

bool ThreadPool::take(int thread, uint32_t region) {
  uint32_t before = region - 1;
  std::atomic<uint32_t>& taken = tickets_[static_cast<size_t>(thread)].taken;
  return taken.compare_exchange_strong(before, region, std::memory_order_acq_rel);
}

void ThreadPool::parallel_for(int64_t n, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  if (n <= 0) return;
  if (workers_.empty() || n <= grain) {
    body(0, n);
    return;
  }
  const int64_t step = std::max<int64_t>(grain, 1);
  std::atomic<int64_t> next{0};
  run([&](int) {
    for (int64_t begin = next.fetch_add(step, std::memory_order_relaxed); begin < n;
         begin = next.fetch_add(step, std::memory_order_relaxed)) {
      body(begin, std::min(n, begin + step));
    }
  });
}

}  // namespace kilter
