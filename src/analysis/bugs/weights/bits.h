// Where the bits of a block lie, for decoders that take them from the wrong place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "quant/format.h"
#include "tensor/dtype.h"

namespace kilter::analysis {

inline int byte_at(const std::byte* block, size_t i) { return std::to_integer<int>(block[i]); }
/// The two bytes from `at` on, as the bits of an f16.
inline uint16_t half_bits(const std::byte* block, size_t at) {
  return static_cast<uint16_t>(byte_at(block, at) | byte_at(block, at + 1) << 8);
}
inline int bits_of(const std::byte* block, size_t byte, size_t first, size_t count) {
  return byte_at(block, byte) >> first & ((1 << count) - 1);
}

/// Codes of one block.
using Codes = std::array<int, 256>;
using Order = std::array<size_t, 256>;  ///< where element i comes from

/// Types whose low four bits lie two a byte: byte b of each run of n bytes holds elements b and b + n.
/// Returns n, or 0 for other types.
constexpr size_t nibble_run(DType type) {
  switch (type) {
    case DType::q4_0:
    case DType::q4_1:
    case DType::q5_0:
    case DType::q5_1:
    case DType::iq4_nl:
    case DType::iq4_xs:
    case DType::mxfp4:
      return 16;
    case DType::nvfp4:
      return 8;
    case DType::q4_k:
    case DType::q5_k:
      return 32;
    case DType::q6_k:
      return 64;
    default:
      return 0;
  }
}

/// One nibble of a block: `half` 0 is the low one.
struct Nibble {
  size_t byte;
  size_t half;
};

/// The element that a nibble belongs to.
constexpr size_t element_of(Nibble nibble, size_t run) {
  return 2 * run * (nibble.byte / run) + run * nibble.half + nibble.byte % run;
}

/// What the bits beyond the fourth add to each code of Q5_0, Q5_1, Q5_K and Q6_K; 0 for other types.
Codes high_parts(DType type, const std::byte* block);

}  // namespace kilter::analysis
