// Random weights as blocks of any format, any part of a tensor at any time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/philox.h"
#include "kilter/result.h"
#include "model/random/recipe.h"
#include "tensor/dtype.h"

namespace kilter {

/// What the numbers of a random tensor are like.
struct Spread {
  double mean = 0;       ///< 0 for block formats
  double deviation = 1;  ///< standard deviation of the decoded numbers, above 0
};

/// Whether weights can be stored in `type`: all types but the plain integers, F64, and the two formats that
/// only activations have (Q8_1, Q8_K).
bool holds_weights(DType type);

/// The blocks of one random tensor.
///
/// Byte i of the tensor is byte i mod 16 of philox4x32(counter = {i / 16, hash of the name}, key = seed):
/// words little-endian, low halves first, hash FNV-1a of 64 bits. So all codes and sub-block scales are plain
/// random bits. Then the scale of each block, whose place holds random bits too, is replaced by one of few
/// values that these bits choose, so that the decoded numbers have the wanted deviation (recipe.cc derives it
/// for each format). F32, F16 and BF16 take a word of the stream a number: uniform in mean +- sqrt(3)
/// deviation, rounded to nearest even; the three give the same model at three precisions.
///
/// Only exactly rounded operations are used: the bytes are the same on every machine,
/// and for any order of the calls.
class RandomBlocks {
 public:
  /// Errors: unsupported, for a type that does not hold weights.
  static Result<RandomBlocks> make(uint64_t seed, std::string_view tensor_name, DType type, Spread spread);

  /// fill() starts at a multiple of this many blocks.
  static constexpr uint64_t kAlignment = 16;

  /// Writes blocks first_block, first_block + 1, ... until `bytes`, which is whole blocks, is full.
  /// Safe to call from many threads.
  void fill(uint64_t first_block, std::span<std::byte> bytes) const;

 private:
  static constexpr size_t kChoices = 16;

  RandomBlocks() = default;
  void choose_halves(double deviation);
  void choose_codes(double deviation);
  void fill_plain(uint64_t first_value, std::span<std::byte> bytes) const;
  void put_scale(std::span<std::byte> block) const;

  DType type_ = DType::f32;
  const Recipe* recipe_ = nullptr;  ///< null for the plain types
  PhiloxKey seed_{};
  PhiloxKey name_hash_{};
  Spread spread_;
  std::array<uint16_t, kChoices> scales_{};  ///< bits of the f16 scales that a block may get
  std::array<uint16_t, kChoices> minima_{};  ///< and of the minima that go with them
  uint8_t low_code_ = 0;                     ///< one-byte scales: a block gets this code or the next,
  uint32_t upper_of_256_ = 0;                ///< the next one in so many cases of 256
};

}  // namespace kilter
