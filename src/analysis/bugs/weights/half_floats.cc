// 16-bit floats converted wrongly: as scales of blocks, and as elements.
#include <cmath>

#include "analysis/bugs/weights/bits.h"
#include "analysis/bugs/weights/weight_bugs.h"
#include "quant/half.h"

namespace kilter::analysis {
namespace {

using FromBits = float (*)(uint16_t bits);

// Where the f16 fields of a block lie: `d`, and `dmin` or `m`. -1: the type has none.
struct HalfFields {
  int scale = -1;
  int offset = -1;
};

HalfFields half_fields(DType type) {
  HalfFields fields;
  for (const quant::Field& field : quant::format_of(type).fields) {
    if (field.encoding != quant::Encoding::f16) continue;
    if (field.name == "d") fields.scale = static_cast<int>(field.offset);
    if (field.name == "dmin" || field.name == "m") fields.offset = static_cast<int>(field.offset);
  }
  return fields;
}

// The same multiple of a number that `right` is of `wrong`. Exact: f64 holds products of an f16 and a small
// integer.
float rescaled(float number, float right, float wrong) {
  return static_cast<float>(static_cast<double>(number) / static_cast<double>(right) *
                            static_cast<double>(wrong));
}

Reading scales_by(DType type, std::string detail, FromBits convert) {
  const HalfFields fields = half_fields(type);
  return by_parts(std::move(detail), [=](const std::byte* block, quant::Parts& parts) {
    const auto replace = [&](int at, std::span<float> numbers) {
      if (at < 0) return;
      const uint16_t bits = half_bits(block, static_cast<size_t>(at));
      const float right = quant::f16_to_f32(bits);
      if (right == 0 || !std::isfinite(right)) return;
      for (float& number : numbers) number = rescaled(number, right, convert(bits));
    };
    replace(fields.scale, parts.scale);
    replace(fields.offset, parts.offset);
  });
}

Reading elements_by(std::string detail, FromBits convert) {
  return by_block(std::move(detail), [convert](const std::byte* block, std::span<float> values) {
    values[0] = convert(half_bits(block, 0));
  });
}

struct Conversion {
  const char* detail;
  FromBits convert;
};

std::vector<Reading> read_by(DType type, std::span<const Conversion> conversions) {
  std::vector<Reading> found;
  const bool in_blocks = is_quantised(type) && half_fields(type).scale >= 0;
  for (const auto& [detail, convert] : conversions) {
    if (in_blocks) found.push_back(scales_by(type, detail, convert));
    if (type == DType::f16) found.push_back(elements_by(detail, convert));
  }
  return found;
}

bool subnormal(uint16_t bits) { return (bits >> 10 & 31) == 0; }
float sign_of(uint16_t bits) { return bits >> 15 == 0 ? 1.0F : -1.0F; }

std::vector<Reading> subnormals(const Weight& w, const ReplayModel&) {
  static constexpr Conversion kConversions[] = {
      {"f16 subnormals flushed to zero",
       [](uint16_t bits) { return subnormal(bits) ? 0.0F * sign_of(bits) : quant::f16_to_f32(bits); }},
      {"f16 subnormals at half their size",
       [](uint16_t bits) { return quant::f16_to_f32(bits) * (subnormal(bits) ? 0.5F : 1.0F); }},
      {"f16 subnormals at double their size",
       [](uint16_t bits) { return quant::f16_to_f32(bits) * (subnormal(bits) ? 2.0F : 1.0F); }},
      {"f16 subnormals with the implicit one of normal numbers",
       [](uint16_t bits) {
         if (!subnormal(bits)) return quant::f16_to_f32(bits);
         return sign_of(bits) * static_cast<float>(1024 + (bits & 1023)) * 0x1p-25F;
       }},
  };
  return read_by(w.type, kConversions);
}

uint16_t exchanged_bytes(uint16_t bits) { return static_cast<uint16_t>(bits >> 8 | bits << 8); }

std::vector<Reading> formats(const Weight& w, const ReplayModel&) {
  static constexpr Conversion kConversions[] = {
      {"f16 read as bf16", quant::bf16_to_f32},
      {"the two bytes of an f16 exchanged",
       [](uint16_t bits) { return quant::f16_to_f32(exchanged_bytes(bits)); }},
  };
  if (w.type == DType::bf16) return {elements_by("bf16 read as f16", quant::f16_to_f32)};
  return read_by(w.type, kConversions);
}

constexpr BugInfo kSubnormals{
    .id = "f16-subnormals",
    .title = "Small f16 numbers (subnormals) are converted wrongly",
    .cause =
        "An f16 with exponent 0 is fraction * 2^-24; the engine's conversion gives 0 or another size. "
        "TinyLlama's "
        "embedding has such scales in the rows of BOS and of unused tokens.",
    .fix =
        "For exponent 0 return sign * fraction * 2^-24 (no implicit one), or use the hardware's conversion "
        "without "
        "flush-to-zero.",
    .rank = 11,
    .next_measurement = "dump decoded row 1 of token_embd.weight, or any row whose scale is below 6.1e-05"};

constexpr BugInfo kFormats{.id = "half-format",
                           .title = "A 16-bit float is read in the wrong format",
                           .cause =
                               "The engine takes f16 bits for bf16 or the reverse, or their bytes in the "
                               "wrong order; the numbers are off by "
                               "wildly varying factors.",
                           .fix =
                               "Scales of blocks are always IEEE f16, little-endian. For whole tensors look "
                               "at the type: F16 is 1, BF16 is 30.",
                           .rank = 11,
                           .next_measurement = "dump one decoded row of the weight"};

}  // namespace

std::span<const Bug* const> half_float_bugs() {
  static const WeightBugEntry entries[] = {{kSubnormals, subnormals}, {kFormats, formats}};
  static const Bug* const all[] = {&entries[0], &entries[1]};
  return all;
}

}  // namespace kilter::analysis
