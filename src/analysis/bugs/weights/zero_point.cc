// Codes that stand for other integers: zero points, signs and fifth bits.
#include "analysis/bugs/weights/code_order.h"
#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {
namespace {

// What the format subtracts from the stored code; 0: nothing.
int zero_point_of(DType type) {
  switch (type) {
    case DType::q4_0:
      return 8;
    case DType::q5_0:
      return 16;
    case DType::q6_k:
      return 32;
    case DType::q3_k:
      return 4;
    default:
      return 0;
  }
}

// code: as stored, from 0 on.
Reading recoded(DType type, std::string detail, std::function<int(int code)> number) {
  const int zero = zero_point_of(type);
  const size_t n = dtype_info(type).block_values;
  return by_parts(std::move(detail), [=, number = std::move(number)](const std::byte*, quant::Parts& parts) {
    for (size_t i = 0; i < n; ++i) parts.code[i] = quant::as_code(number(parts.code[i] + zero));
  });
}

// Q8_0 and Q8_1: the bytes are signed and have no zero point. Unsigned ones leave the range of Parts::code.
Reading unsigned_bytes(DType type, std::string detail, int zero) {
  const size_t codes_at = type == DType::q8_0 ? 2 : 4;
  const quant::Format* format = &quant::format_of(type);
  return by_block(std::move(detail), [=](const std::byte* block, std::span<float> values) {
    quant::Parts parts{};
    format->unpack(block, parts);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = parts.scale[0] * static_cast<float>(byte_at(block, codes_at + i) - zero);
    }
  });
}

std::vector<Reading> zero_points(const Weight& w, const ReplayModel&) {
  const DType type = w.type;
  if (type == DType::q8_0 || type == DType::q8_1) {
    return {unsigned_bytes(type, "codes read as unsigned bytes", 0),
            unsigned_bytes(type, "codes read as unsigned bytes minus 128", 128)};
  }
  const int zero = zero_point_of(type);
  if (zero == 0) return {};
  const std::string number = std::to_string(zero);
  std::vector<Reading> found;
  found.push_back(recoded(type, "the " + number + " is not subtracted", [](int code) { return code; }));
  // In Q3_K that is the third bit turned round: q3-k-layout.
  if (type != DType::q3_k) {
    found.push_back(recoded(type, "codes read as two's complement",
                            [zero](int code) { return code < zero ? code : code - 2 * zero; }));
  }
  found.push_back(recoded(type, std::to_string(zero - 1) + " subtracted instead of " + number,
                          [zero](int code) { return code - (zero - 1); }));
  if (zero > 8) {
    found.push_back(recoded(type, "8 subtracted instead of " + number, [](int code) { return code - 8; }));
  }
  return found;
}

// Q5_0 and Q5_1: bit i of the little-endian u32 qh belongs to element i.
std::vector<Reading> fifth_bits_of_32(const Weight& w) {
  const DType type = w.type;
  const auto bit = [at = size_t{type == DType::q5_0 ? 2U : 4U}](const std::byte* block, size_t i) {
    return bits_of(block, at + i / 8, i % 8, 1);
  };
  std::vector<Reading> found;
  found.push_back(
      high_bits_from(type, "element j + 16 uses the bit of element j", [](size_t i) { return i % 16; }));
  found.push_back(high_bits_from(type, "element j uses bit 2j, element j + 16 bit 2j + 1",
                                 [](size_t i) { return 2 * (i % 16) + i / 16; }));
  found.push_back(
      high_bits_from(type, "element j + 16 uses bit j + 12", [](size_t i) { return i < 16 ? i : i - 4; }));
  found.push_back(high_bits_from(type, "the halves exchanged: element j uses bit j + 16",
                                 [](size_t i) { return (i + 16) % 32; }));
  found.push_back(high_bits_from(type, "bits taken from the top down", [](size_t i) { return 31 - i; }));
  found.push_back(high_bits_from(type, "qh read as a big-endian number",
                                 [](size_t i) { return 8 * (3 - i / 8) + i % 8; }));
  found.push_back(high_bits_from(type, "even elements use bits 0 to 15, odd ones bits 16 to 31",
                                 [](size_t i) { return i / 2 + 16 * (i % 2); }));
  found.push_back(high_bits_read(type, "fifth bits left out", [](const std::byte*, size_t) { return 0; }));
  found.push_back(high_bits_read(type, "fifth bit not shifted up: it adds 1 instead of 16", bit));
  return found;
}

// Q5_K: bit i / 32 of byte i % 32.
std::vector<Reading> fifth_bits(const Weight& w, const ReplayModel&) {
  const DType type = w.type;
  if (type == DType::q5_0 || type == DType::q5_1) return fifth_bits_of_32(w);
  if (type != DType::q5_k) return {};
  constexpr size_t kQhAt = 16;
  std::vector<Reading> found;
  found.push_back(high_bits_read(
      type, "fifth bits in sequence (element i in byte i / 8)",
      [](const std::byte* block, size_t i) { return 16 * bits_of(block, kQhAt + i / 8, i % 8, 1); }));
  found.push_back(
      high_bits_from(type, "each 64 elements use bits 0 and 1 of qh again", [](size_t i) { return i % 64; }));
  found.push_back(high_bits_from(type, "low and high nibble of a byte use the same bit of qh",
                                 [](size_t i) { return i / 64 * 64 + i % 32; }));
  found.push_back(high_bits_from(type, "bits of qh taken from the top down",
                                 [](size_t i) { return 32 * (7 - i / 32) + i % 32; }));
  found.push_back(high_bits_from(type, "low nibbles use bits 0 to 3 of qh, high ones bits 4 to 7",
                                 [](size_t i) { return 32 * (i / 64 + 4 * (i / 32 % 2)) + i % 32; }));
  found.push_back(high_bits_read(type, "fifth bits left out", [](const std::byte*, size_t) { return 0; }));
  found.push_back(high_bits_read(
      type, "fifth bit not shifted up: it adds 1 instead of 16",
      [](const std::byte* block, size_t i) { return bits_of(block, kQhAt + i % 32, i / 32, 1); }));
  return found;
}

constexpr BugInfo kFifthBit{
    .id = "fifth-bit",
    .title = "The fifth bits of Q5 codes come from the wrong place",
    .cause =
        "In Q5_0 and Q5_1 bit i of the 32-bit qh belongs to element i; in Q5_K bit i / 32 of byte i % 32 "
        "does. The "
        "engine takes another bit.",
    .fix =
        "Q5_0, Q5_1: x0 = (qs[j] & 15) | (qh >> j & 1) << 4, x1 = (qs[j] >> 4) | (qh >> (j + 16) & 1) << 4. "
        "Q5_K: the "
        "bit for each 32 elements moves up by one, twice for each 64.",
    .rank = 8,
    .next_measurement =
        "dump one decoded row of the weight: errors are 0 or plus and minus 16 times the scale"};

constexpr BugInfo kZeroPoint{
    .id = "zero-point",
    .title = "The zero point of the codes is wrong",
    .cause =
        "The stored code is unsigned and a constant is subtracted from it (8 in Q4_0, 16 in Q5_0, 32 in "
        "Q6_K, 4 in "
        "Q3_K; Q8_0 is signed and has none); the engine subtracts something else.",
    .fix =
        "y = d * (code - 8) in Q4_0, code - 16 in Q5_0, code - 32 in Q6_K; read the codes of Q8_0 as int8_t.",
    .rank = 8,
    .next_measurement =
        "dump one decoded row of the weight: the error is a constant times the block's scale"};

}  // namespace

std::span<const Bug* const> zero_point_bugs() {
  static const WeightBugEntry zero(kZeroPoint, zero_points);
  static const WeightBugEntry fifth(kFifthBit, fifth_bits);
  static const Bug* const all[] = {&zero, &fifth};
  return all;
}

}  // namespace kilter::analysis
