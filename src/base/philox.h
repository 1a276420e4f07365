// Random numbers without a state: number i of a stream is a function of i, so any
// thread may ask for any of them.
#pragma once

#include <array>
#include <cstdint>

namespace kilter {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

namespace philox_detail {

// The multipliers, and the increments of the key (Weyl sequences of the golden ratio and of sqrt(3) - 1).
inline constexpr uint64_t kMultiplier0 = 0xD2511F53;
inline constexpr uint64_t kMultiplier1 = 0xCD9E8D57;
inline constexpr uint32_t kWeyl0 = 0x9E3779B9;
inline constexpr uint32_t kWeyl1 = 0xBB67AE85;
inline constexpr int kRounds = 10;

constexpr PhiloxCounter round(const PhiloxCounter& c, const PhiloxKey& k) {
  const uint64_t p0 = kMultiplier0 * c[0];
  const uint64_t p1 = kMultiplier1 * c[2];
  return {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
          static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
}

}  // namespace philox_detail

/// Philox 4x32-10: four words, uniform over all 2^128 values, from a counter and a key.
/// Neighbouring counters and neighbouring keys give independent results; the same pair gives the
/// same words on every machine. Source: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy
/// as 1, 2, 3 (SC 2011), section 3.3.
constexpr PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key) {
  for (int i = 0; i < philox_detail::kRounds; ++i) {
    counter = philox_detail::round(counter, key);
    key = {key[0] + philox_detail::kWeyl0, key[1] + philox_detail::kWeyl1};
  }
  return counter;
}

/// The two halves of a 64-bit number, low one first, as keys and counters want them.
constexpr PhiloxKey philox_words(uint64_t number) {
  return {static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32)};
}

/// A number in [0, 1), a multiple of 2^-53, for each (seed, counter).
constexpr double philox_uniform(uint64_t seed, uint64_t counter) {
  const PhiloxKey low = philox_words(counter);
  const PhiloxCounter bits = philox4x32({low[0], low[1], 0, 0}, philox_words(seed));
  const uint64_t word = (uint64_t{bits[1]} << 32) | bits[0];
  return static_cast<double>(word >> 11) * 0x1p-53;
}

}  // namespace kilter
