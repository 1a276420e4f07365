// Numbers to blocks, step by step as ggml's reference encoder rounds (quantize_row_*_ref of ggml-quants.c).
#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "quant/block_layouts.h"
#include "quant/blocks.h"
#include "quant/codec.h"
#include "quant/half.h"

namespace kilter::quant {
namespace {

constexpr size_t kValues = 32;

template <typename Block>
void store_block(const Block& block, std::byte* bytes) {
  std::memcpy(bytes, &block, sizeof(Block));
}

/// Toward zero. What no int32 can hold, NaN too, is 0: there C leaves the conversion open, and x86 gives a
/// word whose low byte is 0.
int truncated(float x) { return std::fabs(x) < 0x1p31f ? static_cast<int>(x) : 0; }

float inverse(float scale) { return scale != 0.0f ? 1.0f / scale : 0.0f; }

/// The element farthest from zero, with its sign; the first of equals; 0 for a block of zeros.
float extreme(std::span<const float> x) {
  float farthest = 0.0f;
  for (const float v : x) {
    if (std::fabs(farthest) < std::fabs(v)) farthest = v;
  }
  return farthest;
}

/// The largest |v|. As in ggml, a NaN counts until a number follows it.
float largest_magnitude(std::span<const float> x) {
  float largest = 0.0f;
  for (const float v : x) largest = largest > std::fabs(v) ? largest : std::fabs(v);
  return largest;
}

struct Range {
  float low = FLT_MAX;
  float high = -FLT_MAX;
};

Range range(std::span<const float> x) {
  Range r;
  for (const float v : x) {
    if (v < r.low) r.low = v;
    if (v > r.high) r.high = v;
  }
  return r;
}

/// Codes around a middle: the element farthest from zero gets code 0, that is -middle steps.
struct Symmetric {
  float scale;
  std::array<uint8_t, kValues> codes;
};

Symmetric encode_symmetric(std::span<const float> x, int middle) {
  Symmetric result{extreme(x) / static_cast<float>(-middle), {}};
  const float steps_per_unit = inverse(result.scale);
  const float shift = static_cast<float>(middle) + 0.5f;
  for (size_t i = 0; i < kValues; ++i) {
    result.codes[i] =
        static_cast<uint8_t>(std::min(2 * middle - 1, truncated(x[i] * steps_per_unit + shift)));
  }
  return result;
}

/// Codes above a minimum, in steps of 1/top_code of the range.
struct Ranged {
  float scale;
  float minimum;
  std::array<uint8_t, kValues> codes;
};

Ranged encode_ranged(std::span<const float> x, int top_code) {
  const Range r = range(x);
  Ranged result{(r.high - r.low) / static_cast<float>(top_code), r.low, {}};
  const float steps_per_unit = inverse(result.scale);
  for (size_t i = 0; i < kValues; ++i) {
    const int code = truncated((x[i] - r.low) * steps_per_unit + 0.5f);
    result.codes[i] = static_cast<uint8_t>(std::min(top_code, code));
  }
  return result;
}

/// The low nibbles: element j beside element j + 16.
void pack_nibbles(const std::array<uint8_t, kValues>& codes, uint8_t (&qs)[16]) {
  for (size_t j = 0; j < 16; ++j) {
    qs[j] = static_cast<uint8_t>((codes[j] & 0xf) | (codes[j + 16] & 0xf) << 4);
  }
}

/// The fifth bits, bit i for element i.
void pack_fifth_bits(const std::array<uint8_t, kValues>& codes, uint8_t (&qh)[4]) {
  for (size_t k = 0; k < 4; ++k) {
    int byte = 0;
    for (size_t j = 0; j < 8; ++j) byte |= (codes[8 * k + j] >> 4 & 1) << j;
    qh[k] = static_cast<uint8_t>(byte);
  }
}

void encode_q4_0(std::span<const float> x, std::byte* bytes) {
  const Symmetric s = encode_symmetric(x, 8);
  BlockQ4_0 block{.d = f32_to_f16(s.scale), .qs = {}};
  pack_nibbles(s.codes, block.qs);
  store_block(block, bytes);
}

void encode_q4_1(std::span<const float> x, std::byte* bytes) {
  const Ranged r = encode_ranged(x, 15);
  BlockQ4_1 block{.d = f32_to_f16(r.scale), .m = f32_to_f16(r.minimum), .qs = {}};
  pack_nibbles(r.codes, block.qs);
  store_block(block, bytes);
}

void encode_q5_0(std::span<const float> x, std::byte* bytes) {
  const Symmetric s = encode_symmetric(x, 16);
  BlockQ5_0 block{.d = f32_to_f16(s.scale), .qh = {}, .qs = {}};
  pack_nibbles(s.codes, block.qs);
  pack_fifth_bits(s.codes, block.qh);
  store_block(block, bytes);
}

void encode_q5_1(std::span<const float> x, std::byte* bytes) {
  const Ranged r = encode_ranged(x, 31);
  BlockQ5_1 block{.d = f32_to_f16(r.scale), .m = f32_to_f16(r.minimum), .qh = {}, .qs = {}};
  pack_nibbles(r.codes, block.qs);
  pack_fifth_bits(r.codes, block.qh);
  store_block(block, bytes);
}

void encode_q8_0(std::span<const float> x, std::byte* bytes) {
  const float scale = largest_magnitude(x) / 127.0f;
  const float steps_per_unit = inverse(scale);
  BlockQ8_0 block{.d = f32_to_f16(scale), .qs = {}};
  for (size_t i = 0; i < kValues; ++i) {
    block.qs[i] = static_cast<int8_t>(truncated(std::round(x[i] * steps_per_unit)));
  }
  store_block(block, bytes);
}

void encode_f32(std::span<const float> x, std::byte* bytes) { std::memcpy(bytes, x.data(), sizeof(float)); }

template <uint16_t (*to_half)(float)>
void encode_half(std::span<const float> x, std::byte* bytes) {
  store_block(to_half(x[0]), bytes);
}

struct Encoder {
  DType type;
  void (*encode_block)(std::span<const float>, std::byte*);
};

constexpr Encoder kEncoders[] = {
    {DType::f32, encode_f32},
    {DType::f16, encode_half<f32_to_f16>},
    {DType::bf16, encode_half<f32_to_bf16>},
    {DType::q4_0, encode_q4_0},
    {DType::q4_1, encode_q4_1},
    {DType::q5_0, encode_q5_0},
    {DType::q5_1, encode_q5_1},
    {DType::q8_0, encode_q8_0},
};

const Encoder* find_encoder(DType type) {
  const auto* found = std::find_if(std::begin(kEncoders), std::end(kEncoders),
                                   [type](const Encoder& encoder) { return encoder.type == type; });
  return found == std::end(kEncoders) ? nullptr : found;
}

}  // namespace

bool can_encode(DType type) { return find_encoder(type) != nullptr; }

Status encode(DType type, std::span<const float> values, std::span<std::byte> bytes) {
  const DTypeInfo& info = dtype_info(type);
  const Encoder* encoder = find_encoder(type);
  if (encoder == nullptr) {
    return Error{ErrorCode::unsupported, std::string(info.name), "kilter cannot encode this type",
                 "it encodes F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0"};
  }
  KILTER_ASSIGN(const size_t blocks, count_blocks(type, bytes.size(), values.size()));
  for (size_t block = 0; block < blocks; ++block) {
    encoder->encode_block(values.subspan(block * info.block_values, info.block_values),
                          &bytes[block * info.block_bytes]);
  }
  return {};
}

}  // namespace kilter::quant
