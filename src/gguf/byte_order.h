// Which end of a number comes first in a file.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace kilter::gguf {

enum class ByteOrder { little, big };

// Tensor data is handed out as it lies in a little-endian file.
static_assert(std::endian::native == std::endian::little, "kilter runs on little-endian machines");

/// An unsigned integer as wide as T.
template <typename T>
using BitsOf = std::conditional_t<
    sizeof(T) == 1, uint8_t,
    std::conditional_t<sizeof(T) == 2, uint16_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>>;

/// `value` with its bytes in reverse.
template <typename T>
T reverse_bytes(T value) {
  BitsOf<T> bits;
  std::memcpy(&bits, &value, sizeof(T));
  if constexpr (sizeof(T) == 2) bits = __builtin_bswap16(bits);
  if constexpr (sizeof(T) == 4) bits = __builtin_bswap32(bits);
  if constexpr (sizeof(T) == 8) bits = __builtin_bswap64(bits);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

/// `value` as it must be stored for `order`, or the other way round.
template <typename T>
T ordered(T value, ByteOrder order) {
  return order == ByteOrder::little ? value : reverse_bytes(value);
}

}  // namespace kilter::gguf
