#include "decode.h"

#include <math.h>
#include <string.h>

#include "bugs.h"
#include "gguf.h"

/* ---- Scales ---- */

static float bf16_to_float(uint16_t bits) {
  const uint32_t word = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &word, 4);
  return value;
}

float half_to_float(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16, fraction = half & 0x3ff;
  const int exponent = half >> 10 & 31;
  if (exponent == 0) {
    const float value = (float)fraction / 16777216.0f;
    return sign ? -value : value;
  }
  const uint32_t word =
      sign | (exponent == 31 ? 0x7f800000u : (uint32_t)(exponent + 112) << 23) | fraction << 13;
  float value;
  memcpy(&value, &word, 4);
  return value;
}

static uint16_t half_bits(const uint8_t* bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

/* An f16 scale. */
static float scale_at(const uint8_t* bytes) {
  const uint16_t bits = half_bits(bytes);
  if (bug(BUG_F16_AS_BF16)) return bf16_to_float(bits);
  if ((bits & 0x7c00) == 0) {
    if (bug(BUG_SUBNORMAL_ZERO)) return 0;
    if (bug(BUG_SUBNORMAL_HALF)) return half_to_float(bits) / 2;
    if (bug(BUG_SUBNORMAL_DOUBLE)) return half_to_float(bits) * 2;
  }
  return half_to_float(bits);
}

/* ---- Blocks of 32 ---- */

/* The four-bit code of element e of 32, from 16 bytes. */
static int nibble_of_32(const uint8_t* codes, int e) {
  if (bug(BUG_Q4_NEIGHBOURS)) return codes[e / 2] >> (e % 2 * 4) & 15;
  const int high = bug(BUG_Q4_SWAPPED) ? e < 16 : e >= 16;
  return codes[e % 16] >> (high ? 4 : 0) & 15;
}

static void decode_q4_0(const uint8_t* block, float* out) {
  const float d = scale_at(block);
  for (int e = 0; e < 32; ++e) {
    int code = nibble_of_32(block + 2, e);
    if (bug(BUG_Q4_TWOS)) {
      code = code >= 8 ? code - 16 : code;
    } else if (!bug(BUG_Q4_ZERO)) {
      code -= 8;
    }
    out[e] = d * (float)code;
  }
}

static void decode_q4_1(const uint8_t* block, float* out) {
  const float d = scale_at(block), m = scale_at(block + 2);
  const uint8_t* codes = block + (bug(BUG_Q4_1_HEADER) ? 2 : 4);
  for (int e = 0; e < 32; ++e) out[e] = d * (float)nibble_of_32(codes, e) + m;
}

/* Five-bit codes: nibbles as above, and bit e of a 32-bit word. */
static int code_of_q5(const uint8_t* high, const uint8_t* low, int e) {
  const int nibble = low[e % 16] >> (e >= 16 ? 4 : 0) & 15;
  const int bit = bug(BUG_Q5_BITS) ? e % 16 * 2 + e / 16 : e;
  const int top = bug(BUG_Q5_NONE) ? 0 : high[bit / 8] >> (bit % 8) & 1;
  return nibble | top << 4;
}

static void decode_q5_0(const uint8_t* block, float* out) {
  const float d = scale_at(block);
  for (int e = 0; e < 32; ++e) out[e] = d * (float)(code_of_q5(block + 2, block + 6, e) - 16);
}

static void decode_q5_1(const uint8_t* block, float* out) {
  const float d = scale_at(block), m = scale_at(block + 2);
  for (int e = 0; e < 32; ++e) out[e] = d * (float)code_of_q5(block + 4, block + 8, e) + m;
}

static void decode_q8_0(const uint8_t* block, float* out) {
  const float d = scale_at(block);
  for (int e = 0; e < 32; ++e) out[e] = d * (float)(int8_t)block[2 + e];
}

/* ---- Blocks of 256 ---- */

static void decode_q2_k(const uint8_t* block, float* out) {
  const float d = scale_at(block + 80), dmin = scale_at(block + 82);
  for (int e = 0; e < 256; ++e) {
    const uint8_t* codes = block + 16;
    const int scale = block[e / 16];
    int code = codes[e / 128 * 32 + e % 32] >> (e % 128 / 32 * 2) & 3;
    if (bug(BUG_Q2_SEQUENTIAL)) code = codes[e / 4] >> (e % 4 * 2) & 3;
    out[e] = d * (float)(scale & 15) * (float)code - dmin * (float)(scale >> 4);
  }
}

/* The low four bits of scale s are nibble s of the first 8 bytes, low nibbles first; its top two bits are
 * pair s / 4 of byte 8 + s % 4. */
static int scale_of_q3_k(const uint8_t* packed, int s) {
  const int low = s < 8 ? packed[s] & 15 : packed[s - 8] >> 4;
  if (bug(BUG_Q3_SCALES)) return low - 8;
  return (low | (packed[8 + s % 4] >> (s / 4 * 2) & 3) << 4) - 32;
}

static void decode_q3_k(const uint8_t* block, float* out) {
  const uint8_t *mask = block, *codes = block + 32, *scales = block + 96;
  const float d = scale_at(block + 108);
  for (int e = 0; e < 256; ++e) {
    const int low = codes[e / 128 * 32 + e % 32] >> (e % 128 / 32 * 2) & 3;
    const int top = mask[e % 32] >> (e / 32) & 1;
    out[e] = d * (float)scale_of_q3_k(scales, e / 16) * (float)(low + 4 * top - 4);
  }
}

static int six_bits(const uint8_t* packed, int first_bit) {
  const int pair = packed[first_bit / 8] | (first_bit / 8 < 11 ? packed[first_bit / 8 + 1] << 8 : 0);
  return pair >> (first_bit % 8) & 63;
}

static void scales_of_q4_k(const uint8_t* p, int s, float* scale, float* minimum) {
  int sc, m;
  if (bug(BUG_K_IGNORED)) {
    sc = m = 1;
  } else if (bug(BUG_K_LINEAR)) {
    sc = six_bits(p, 6 * s);
    m = six_bits(p, 48 + 6 * s);
  } else if (s < 4) {
    sc = p[s] & 63;
    m = p[s + 4] & 63;
  } else {
    const int top = bug(BUG_K_TOP_BITS) ? 0 : 1;
    sc = (p[s + 4] & 15) + top * (p[s - 4] >> 6) * 16;
    m = (p[s + 4] >> 4) + top * (p[s] >> 6) * 16;
    if (bug(BUG_K_MIXED)) {
      const int other = sc;
      sc = m;
      m = other;
    }
  }
  const float divisor = bug(BUG_K_63) ? 63.0f : 1.0f;
  *scale = (float)sc / divisor;
  *minimum = (float)m / divisor * (bug(BUG_ODD_MIN) ? -1.0f : 1.0f);
}

static int nibble_of_256(const uint8_t* codes, int e) {
  if (bug(BUG_K_SEQUENTIAL)) return codes[e / 2] >> (e % 2 * 4) & 15;
  return codes[e / 64 * 32 + e % 32] >> (e / 32 % 2 * 4) & 15;
}

static void decode_q4_k(const uint8_t* block, float* out) {
  const float d = scale_at(block), dmin = scale_at(block + 2);
  for (int e = 0; e < 256; ++e) {
    float scale, minimum;
    scales_of_q4_k(block + 4, e / 32, &scale, &minimum);
    out[e] = d * scale * (float)nibble_of_256(block + 16, e) - dmin * minimum;
  }
}

static void decode_q5_k(const uint8_t* block, float* out) {
  const float d = scale_at(block), dmin = scale_at(block + 2);
  for (int e = 0; e < 256; ++e) {
    float scale, minimum;
    scales_of_q4_k(block + 4, e / 32, &scale, &minimum);
    const int top = block[16 + e % 32] >> (e / 32) & 1;
    out[e] = d * scale * (float)(nibble_of_256(block + 48, e) + 16 * top) - dmin * minimum;
  }
}

static float element_of_q6_k(const uint8_t* block, int e) {
  const int half = e / 128, group = e / 32 % 4, j = e % 32;
  const int low = block[half * 64 + group % 2 * 32 + j] >> (group / 2 * 4) & 15;
  const int shift = bug(BUG_Q6_HIGH) ? 6 - group * 2 : group * 2;
  const int high = block[128 + half * 32 + j] >> shift & 3;
  const uint8_t byte = block[192 + (bug(BUG_Q6_INDEX) ? e / 32 : e / 16)];
  const int scale = bug(BUG_Q6_UNSIGNED) ? byte : (int8_t)byte;
  const int code = (low | high << 4) - (bug(BUG_Q6_ZERO) ? 0 : 32);
  return scale_at(block + 208) * (float)scale * (float)code;
}

static void decode_q6_k(const uint8_t* block, float* out) {
  static const int exchanged[4] = {0, 2, 1, 3};
  for (int e = 0; e < 256; ++e) {
    int to = e;
    if (bug(BUG_Q6_ORDER)) to = e / 128 * 128 + exchanged[e / 32 % 4] * 32 + e % 32;
    out[to] = bug(BUG_Q6_QUARTER) && e >= 64 ? 0 : element_of_q6_k(block, e);
  }
}

/* ---- A tensor ---- */

static int is_k_quant(int type) { return type >= TYPE_Q2_K && type <= TYPE_Q6_K; }

int stride_of(int type) {
  if (bug(BUG_BLOCK_SIZE)) {
    switch (type) {
      case TYPE_Q2_K:
        return 72;
      case TYPE_Q3_K:
        return 104;
      case TYPE_Q4_K:
        return 148;
      case TYPE_Q5_K:
        return 178;
      case TYPE_Q6_K:
        return 208;
      default:
        break;
    }
  }
  return type_of(type).bytes;
}

int believed_type(int type, int type_of_layer_zero) {
  if (bug(BUG_ONE_TYPE) && type_of(type).elements > 1 &&
      type_of(type).elements == type_of(type_of_layer_zero).elements) {
    return type_of_layer_zero;
  }
  if (!bug(BUG_TYPE_NUMBER)) return type;
  switch (type) {
    case TYPE_Q4_1:
      return TYPE_Q4_0;
    case TYPE_Q5_0:
      return TYPE_Q8_0;
    case TYPE_Q5_1:
      return TYPE_Q5_0;
    case TYPE_Q8_0:
      return TYPE_Q5_1;
    case TYPE_Q2_K:
      return TYPE_Q3_K;
    case TYPE_Q3_K:
      return TYPE_Q2_K;
    case TYPE_Q4_K:
      return TYPE_Q5_K;
    case TYPE_Q5_K:
      return TYPE_Q6_K;
    case TYPE_Q6_K:
      return TYPE_Q5_K;
    default:
      return type;
  }
}

static void decode_block(int type, const uint8_t* block, float* out) {
  switch (type) {
    case TYPE_F32:
      memcpy(out, block, 4);
      break;
    case TYPE_F16:
      *out = bug(BUG_F16_AS_BF16) ? bf16_to_float(half_bits(block)) : half_to_float(half_bits(block));
      break;
    case TYPE_BF16:
      *out = bf16_to_float(half_bits(block));
      break;
    case TYPE_Q4_0:
      decode_q4_0(block, out);
      break;
    case TYPE_Q4_1:
      decode_q4_1(block, out);
      break;
    case TYPE_Q5_0:
      decode_q5_0(block, out);
      break;
    case TYPE_Q5_1:
      decode_q5_1(block, out);
      break;
    case TYPE_Q8_0:
      decode_q8_0(block, out);
      break;
    case TYPE_Q2_K:
      decode_q2_k(block, out);
      break;
    case TYPE_Q3_K:
      decode_q3_k(block, out);
      break;
    case TYPE_Q4_K:
      decode_q4_k(block, out);
      break;
    case TYPE_Q5_K:
      decode_q5_k(block, out);
      break;
    case TYPE_Q6_K:
      decode_q6_k(block, out);
      break;
    default:
      die("type %d is not decoded here", type);
  }
}

void decode_blocks(int type, const uint8_t* bytes, int64_t first, int64_t count, float* out) {
  const int elements = type_of(type).elements, stride = stride_of(type);
  for (int64_t i = 0; i < count; i += elements, bytes += stride) {
    if (bug(BUG_FIRST_BLOCK) && is_k_quant(type) && first + i >= elements) {
      memset(out + i, 0, (size_t)elements * sizeof *out);
    } else {
      decode_block(type, bytes, out + i);
    }
  }
}
