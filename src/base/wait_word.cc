#include "base/wait_word.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <climits>

#include "base/platform.h"

namespace kilter {
namespace {

/// Waits awake until done() or the time is over; the result is done(). The second half of the time is offered
/// to other threads: on a machine that others use too, the one that is waited for may need this processor.
template <typename Done>
bool spin_until(Done done) {
  using Clock = std::chrono::steady_clock;
  constexpr int kPausesPerLook = 16;  // a look at the clock costs about as much as one pause
  constexpr std::chrono::microseconds kAwake{WaitWord::kSpinMicroseconds};
  const auto begin = Clock::now();
  while (true) {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (done()) return true;
      relax();
    }
    const auto waited = Clock::now() - begin;
    if (waited > kAwake) return done();
    if (waited > kAwake / 2) sched_yield();
  }
}

}  // namespace

uint32_t WaitWord::wait_while_equal(uint32_t old, Patience patience) {
  if (patience == Patience::spin) spin_until([&] { return load() != old; });
  while (load() == old) sleep_while_equal(old);
  return load();
}

void WaitWord::wait_for_zero(Patience patience) {
  if (patience == Patience::spin && spin_until([&] { return load() == 0; })) return;
  for (uint32_t seen = load(); seen != 0; seen = load()) sleep_while_equal(seen);
}

// No wake-up is lost: the sleeper counts itself before the system compares the value, and who changes the
// value does so before it reads the count (all of it sequentially consistent), so one of the two sees the
// other.
void WaitWord::sleep_while_equal(uint32_t old) {
  static_assert(sizeof(value_) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
  sleepers_.fetch_sub(1, std::memory_order_seq_cst);
}

void WaitWord::wake_all() { syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0); }

}  // namespace kilter
