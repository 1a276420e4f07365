// Arithmetic on sizes that come from files: every product and sum says whether it fitted.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace kilter {

/// a * b, or nothing when it does not fit 64 bits.
inline std::optional<uint64_t> checked_mul(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// a + b, or nothing when it does not fit 64 bits.
inline std::optional<uint64_t> checked_add(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

/// The smallest multiple of `unit` that is at least `value`; `unit` is not 0.
/// Nothing when it does not fit 64 bits.
inline std::optional<uint64_t> checked_round_up(uint64_t value, uint64_t unit) {
  const uint64_t rest = value % unit;
  return rest == 0 ? std::optional(value) : checked_add(value, unit - rest);
}

}  // namespace kilter
