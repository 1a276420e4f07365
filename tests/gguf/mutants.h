// Small golden files, damaged in every way that one field or one bit can be.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>

#include "support.h"

namespace kilter::gguf {

/// Between them they hold every kind of field, in both byte orders.
constexpr std::array kMutatedFiles = {"metadata.gguf",    "metadata_big.gguf", "tensors.gguf",
                                      "tensors_big.gguf", "aligned64.gguf",    "vocabulary.gguf"};

/// Calls visit(mutant) with every file that ends early.
template <typename Visit>
void for_each_truncation(const Bytes& file, const Visit& visit) {
  for (size_t size = 0; size < file.size(); ++size)
    visit(Bytes(file.begin(), file.begin() + static_cast<long>(size)));
}

/// Calls visit(mutant) with every file that differs in one bit of its first `header` bytes.
template <typename Visit>
void for_each_bit_flip(const Bytes& file, size_t header, const Visit& visit) {
  for (size_t bit = 0; bit < header * 8; ++bit) {
    Bytes mutant = file;
    mutant[bit / 8] ^= std::byte{1} << (bit % 8);
    visit(mutant);
  }
}

/// Calls visit(mutant) with every file where the T at any place of the first `header` bytes has an extreme
/// value: whatever is a length, count, offset or type is among them, in its own width and byte order.
template <typename T, typename Visit>
void for_each_extreme_number(const Bytes& file, size_t header, const Visit& visit) {
  constexpr T kMax = std::numeric_limits<T>::max();
  const std::array<T, 10> values = {0,
                                    1,
                                    2,
                                    kMax,
                                    kMax - 1,
                                    kMax / 2,
                                    static_cast<T>(1ull << 31),
                                    kMax / 2 + 1,
                                    static_cast<T>(1ull << 32),
                                    static_cast<T>(1ull << 63)};
  for (size_t at = 0; at + sizeof(T) <= header; ++at) {
    for (const T value : values) {
      for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
        Bytes mutant = file;
        const T stored = ordered(value, order);
        std::memcpy(mutant.data() + at, &stored, sizeof(T));
        visit(mutant);
      }
    }
  }
}

/// All of the above.
template <typename Visit>
void for_each_mutant(const Bytes& file, size_t header, const Visit& visit) {
  for_each_truncation(file, visit);
  for_each_bit_flip(file, header, visit);
  for_each_extreme_number<uint32_t>(file, header, visit);
  for_each_extreme_number<uint64_t>(file, header, visit);
}

}  // namespace kilter::gguf
