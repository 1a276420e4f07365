#include "model/random/blocks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "quant/half.h"

namespace kilter {
namespace {

constexpr uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

constexpr bool is_plain(DType type) {
  return type == DType::f32 || type == DType::f16 || type == DType::bf16;
}

// The values of the two one-byte scales; exact.
double power_of_two(uint8_t code) {
  double value = 1;
  for (int e = 127; e < code; ++e) value *= 2;
  for (int e = 127; e > code; --e) value /= 2;
  return value;
}
double small_float(uint8_t code) {
  const int exponent = code >> 3;
  const int mantissa = code & 7;
  return exponent == 0 ? mantissa / 512.0 : (8 + mantissa) / 1024.0 * static_cast<double>(1 << exponent);
}

uint16_t half_bits(double value) { return quant::f32_to_f16(static_cast<float>(value)); }

void store_word(std::byte* at, uint32_t word) {
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap32(word);
  std::memcpy(at, &word, sizeof(word));
}

uint32_t load_word(const std::byte* at) {
  uint32_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return std::endian::native == std::endian::big ? __builtin_bswap32(word) : word;
}

unsigned load_half(const std::byte* at) {
  return std::to_integer<unsigned>(at[0]) | std::to_integer<unsigned>(at[1]) << 8;
}
void store_half(std::byte* at, unsigned bits) {
  at[0] = static_cast<std::byte>(bits & 0xff);
  at[1] = static_cast<std::byte>(bits >> 8);
}

void store_number(DType plain, float value, std::byte* at) {
  if (plain == DType::f32) return store_word(at, std::bit_cast<uint32_t>(value));
  store_half(at, plain == DType::f16 ? quant::f32_to_f16(value) : quant::f32_to_bf16(value));
}

// Groups of 16 bytes worked on side by side: without a dependency between them the compiler uses vectors.
constexpr size_t kLanes = 8;
using Lanes = std::array<uint32_t, kLanes>;

// philox4x32 of kLanes neighbouring counters; a test holds it against the one in philox.h.
void random_groups(uint64_t first, const PhiloxKey& stream, PhiloxKey key, std::byte* out) {
  using namespace philox_detail;
  Lanes c0, c1, c2, c3;
  for (size_t i = 0; i < kLanes; ++i) {
    c0[i] = static_cast<uint32_t>(first + i);
    c1[i] = static_cast<uint32_t>((first + i) >> 32);
    c2[i] = stream[0];
    c3[i] = stream[1];
  }
  for (int r = 0; r < kRounds; ++r) {
    for (size_t i = 0; i < kLanes; ++i) {
      const uint64_t p0 = kMultiplier0 * c0[i];
      const uint64_t p1 = kMultiplier1 * c2[i];
      c0[i] = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ key[0];
      c1[i] = static_cast<uint32_t>(p1);
      c2[i] = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ key[1];
      c3[i] = static_cast<uint32_t>(p0);
    }
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  for (size_t i = 0; i < kLanes; ++i, out += 16) {
    store_word(out, c0[i]);
    store_word(out + 4, c1[i]);
    store_word(out + 8, c2[i]);
    store_word(out + 12, c3[i]);
  }
}

// Bytes from 16 * first_group on of the random stream of a tensor.
void random_bytes(uint64_t first_group, const PhiloxKey& stream, const PhiloxKey& key,
                  std::span<std::byte> out) {
  constexpr size_t kStep = kLanes * 16;
  while (out.size() >= kStep) {
    random_groups(first_group, stream, key, out.data());
    out = out.subspan(kStep);
    first_group += kLanes;
  }
  std::array<std::byte, kStep> last;
  random_groups(first_group, stream, key, last.data());
  std::copy_n(last.begin(), out.size(), out.begin());
}

void remove_unused_codes(UnusedCode unused, std::span<std::byte> block) {
  for (std::byte& b : block) {
    if (unused == UnusedCode::int8_minimum && b == std::byte{0x80}) b = std::byte{0};
    // A pair 11 becomes 01, which is the number 0: its upper bit is cleared where both are set.
    if (unused == UnusedCode::fourth_of_ternary) b &= ~((b & (b << 1)) & std::byte{0xaa});
  }
}

// Bits of a sub-block's scale are copied to its minimum.
void tie_sub_minima(const Recipe& recipe, std::span<std::byte> block) {
  std::byte* const at = block.data() + recipe.sub_minima_at;
  switch (recipe.sub_minima) {
    case SubMinima::none:
      break;
    case SubMinima::nibbles:
      for (size_t i = 0; i < 16; ++i) at[i] = (at[i] & std::byte{0x3f}) | ((at[i] & std::byte{0x0c}) << 4);
      break;
    case SubMinima::packed:
      // Bytes 0 to 3: six bits of scales 0 to 3, above them the upper two of scales 4 to 7.
      // Bytes 4 to 7: the minima likewise. Bytes 8 to 11: the lower four bits of scales 4 to 7,
      // and above them of minima 4 to 7.
      for (size_t i = 0; i < 4; ++i) {
        at[4 + i] = (at[4 + i] & std::byte{0x07}) | (at[i] & std::byte{0xf8});
        at[8 + i] = (at[8 + i] & std::byte{0x7f}) | ((at[8 + i] & std::byte{0x08}) << 4);
      }
      break;
  }
}

}  // namespace

bool holds_weights(DType type) { return is_plain(type) || find_recipe(type) != nullptr; }

Result<RandomBlocks> RandomBlocks::make(uint64_t seed, std::string_view tensor_name, DType type,
                                        Spread spread) {
  if (!holds_weights(type)) {
    return Error{ErrorCode::unsupported, std::string(tensor_name),
                 "weights are not stored as " + std::string(dtype_info(type).name), ""};
  }
  RandomBlocks blocks;
  blocks.type_ = type;
  blocks.recipe_ = find_recipe(type);
  blocks.seed_ = philox_words(seed);
  blocks.name_hash_ = philox_words(fnv1a(tensor_name));
  blocks.spread_ = spread;
  if (blocks.recipe_ == nullptr) return blocks;
  const bool halves =
      blocks.recipe_->form == ScaleForm::half || blocks.recipe_->form == ScaleForm::half_nibbles;
  halves ? blocks.choose_halves(spread.deviation) : blocks.choose_codes(spread.deviation);
  return blocks;
}

// Sixteen scales from 17/32 to 47/32 of their mean, so that a block decoded with its neighbour's scale is
// seen. E[(17 + 2k)^2] / 32^2 = 1 + 4 * Var(k) / 32^2 for k uniform in 0..15.
void RandomBlocks::choose_halves(double deviation) {
  constexpr double kSquareOfChoices = 1 + 4 * (255.0 / 12) / 1024;
  const double mean = deviation / std::sqrt(recipe_->mean_square * kSquareOfChoices);
  for (size_t k = 0; k < kChoices; ++k) {
    const double scale = mean * static_cast<double>(17 + 2 * k) / 32;
    scales_[k] = half_bits(scale);
    minima_[k] = half_bits(scale * recipe_->minimum_per_scale);
  }
}

// One-byte scales are too coarse to hit the deviation: two neighbours are mixed so
// that the mean square is right.
void RandomBlocks::choose_codes(double deviation) {
  const auto value = recipe_->form == ScaleForm::power_of_two ? power_of_two : small_float;
  const uint8_t largest = recipe_->form == ScaleForm::power_of_two ? 253 : 125;
  const double wanted = deviation * deviation / recipe_->mean_square;
  const auto square = [&](int code) {
    return value(static_cast<uint8_t>(code)) * value(static_cast<uint8_t>(code));
  };
  while (low_code_ < largest && square(low_code_ + 1) <= wanted) ++low_code_;
  const double low = square(low_code_);
  const double share = (wanted - low) / (square(low_code_ + 1) - low);
  upper_of_256_ = static_cast<uint32_t>(std::clamp(share, 0.0, 1.0) * 256);
}

void RandomBlocks::fill(uint64_t first_block, std::span<std::byte> bytes) const {
  if (recipe_ == nullptr) return fill_plain(first_block, bytes);
  const size_t block_bytes = dtype_info(type_).block_bytes;
  random_bytes(first_block * block_bytes / 16, name_hash_, seed_, bytes);
  for (size_t at = 0; at < bytes.size(); at += block_bytes) {
    const std::span<std::byte> block = bytes.subspan(at, block_bytes);
    if (recipe_->unused != UnusedCode::none) {
      remove_unused_codes(recipe_->unused, block.first(recipe_->scale_at));
      remove_unused_codes(recipe_->unused, block.subspan(recipe_->scale_at + 2));
    }
    tie_sub_minima(*recipe_, block);
    put_scale(block);
  }
}

// 32 random bits a number, read as a signed fraction of 2^31.
void RandomBlocks::fill_plain(uint64_t first_value, std::span<std::byte> bytes) const {
  constexpr size_t kAtOnce = 1024;
  const size_t width = dtype_info(type_).block_bytes;
  const double reach = spread_.deviation * std::sqrt(3.0) / 2147483648.0;
  std::array<std::byte, kAtOnce * 4> words;
  while (!bytes.empty()) {
    const size_t n = std::min(kAtOnce, bytes.size() / width);
    random_bytes(first_value / 4, name_hash_, seed_, std::span(words).first(n * 4));
    for (size_t i = 0; i < n; ++i) {
      const int32_t word = static_cast<int32_t>(load_word(&words[4 * i]));
      store_number(type_, static_cast<float>(spread_.mean + reach * word), &bytes[i * width]);
    }
    bytes = bytes.subspan(n * width);
    first_value += n;
  }
}

void RandomBlocks::put_scale(std::span<std::byte> block) const {
  std::byte* const at = block.data() + recipe_->scale_at;
  switch (recipe_->form) {
    case ScaleForm::half: {
      const unsigned bits = load_half(at);
      const unsigned sign = recipe_->sign == ScaleSign::either ? bits & 0x8000 : 0;
      store_half(at, scales_[bits % kChoices] | sign);
      if (recipe_->minimum_per_scale != 0)
        store_half(block.data() + recipe_->minimum_at, minima_[bits % kChoices]);
      break;
    }
    case ScaleForm::half_nibbles: {
      const unsigned bits = scales_[load_half(at) >> 12];
      for (size_t i = 0; i < 4; ++i) {
        const unsigned nibble = bits >> (4 * i) & 0xf;
        store_half(at + 2 * i, (load_half(at + 2 * i) & 0x0fff) | nibble << 12);
      }
      break;
    }
    case ScaleForm::power_of_two:
    case ScaleForm::small_float:
      for (size_t i = 0; i < (recipe_->form == ScaleForm::small_float ? 4 : 1); ++i) {
        const bool upper = std::to_integer<uint32_t>(at[i]) < upper_of_256_;
        at[i] = static_cast<std::byte>(low_code_ + (upper ? 1 : 0));
      }
      break;
  }
}

}  // namespace kilter
