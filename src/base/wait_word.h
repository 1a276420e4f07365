// A number that threads wait on, a short while awake and then asleep.
#pragma once

#include <atomic>
#include <cstdint>

namespace kilter {

/// How a thread waits before it sleeps.
enum class Patience : uint8_t {
  spin,  ///< awake for kSpinMicroseconds: a wake-up by the system costs as much as a small product
  none,  ///< asleep at once: there are more threads than processors, and another one needs this processor
};

/// A number with waiters. Whoever stores it wakes those that sleep, and pays for a system call only then.
/// What was written before a store is seen by the waiter that returns because of it.
class alignas(64) WaitWord {
 public:
  static constexpr int kSpinMicroseconds = 50;

  uint32_t load() const { return value_.load(std::memory_order_acquire); }
  /// Wakes all waiters.
  void store(uint32_t value) {
    value_.store(value, std::memory_order_seq_cst);
    wake_sleepers();
  }
  /// For a word that nobody can be waiting for yet.
  void store_unwatched(uint32_t value) { value_.store(value, std::memory_order_relaxed); }
  /// Takes `count` away, and wakes all waiters when nothing is left.
  void subtract(uint32_t count) {
    if (value_.fetch_sub(count, std::memory_order_seq_cst) == count) wake_sleepers();
  }
  /// Returns when the number is not `old`: the number. It may miss numbers in between.
  uint32_t wait_while_equal(uint32_t old, Patience patience);
  /// Returns when the number is 0.
  void wait_for_zero(Patience patience);

 private:
  void wake_sleepers() {
    if (sleepers_.load(std::memory_order_seq_cst) > 0) wake_all();
  }
  void wake_all();
  void sleep_while_equal(uint32_t old);

  std::atomic<uint32_t> value_{0};
  std::atomic<uint32_t> sleepers_{0};
};

}  // namespace kilter
