#include "blocks.h"

#include <math.h>
#include <string.h>

static float half_value(int half) {
  const int sign = half >> 15, exponent = (half >> 10) & 31, fraction = half & 1023;
  float value;
  if (exponent == 31) {
    value = fraction ? NAN : INFINITY;
  } else if (exponent == 0) {
    value = ldexpf((float)fraction, -24);
  } else {
    value = ldexpf((float)(fraction + 1024), exponent - 25);
  }
  return sign ? -value : value;
}

/* A file of F16 has a thousand million of them: look each up. */
float half_to_float(uint16_t half) {
  static float table[65536];
  static int filled = 0;
  if (!filled) {
    for (int i = 0; i < 65536; ++i) table[i] = half_value(i);
    filled = 1;
  }
  return table[half];
}

static float half_at(const uint8_t* bytes) {
  uint16_t half;
  memcpy(&half, bytes, 2);
  return half_to_float(half);
}

/* d, 16 bytes: element j in the low half of byte j, element j + 16 in the high half. */
static void decode_q4_0(const uint8_t* block, float* out) {
  const float d = half_at(block);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * (float)((block[2 + j] & 15) - 8);
    out[j + 16] = d * (float)((block[2 + j] >> 4) - 8);
  }
}

static void decode_q4_1(const uint8_t* block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * (float)(block[4 + j] & 15) + m;
    out[j + 16] = d * (float)(block[4 + j] >> 4) + m;
  }
}

static void decode_q8_0(const uint8_t* block, float* out) {
  const float d = half_at(block);
  for (int j = 0; j < 32; ++j) out[j] = d * (float)(int8_t)block[2 + j];
}

/* Six-bit scale and minimum of sub-block s of 8, from 12 bytes: the first four of each lie in the low six
 * bits of bytes 0-3 and 4-7; the others have their low half in bytes 8-11 and their top two bits above
 * those six. */
static void unpack_scale(const uint8_t* packed, int s, int* scale, int* minimum) {
  if (s < 4) {
    *scale = packed[s] & 63;
    *minimum = packed[s + 4] & 63;
  } else {
    *scale = (packed[s + 4] & 15) | (packed[s - 4] >> 6) << 4;
    *minimum = (packed[s + 4] >> 4) | (packed[s] >> 6) << 4;
  }
}

/* d, dmin, 12 bytes of scales, 128 bytes: each 32 bytes hold two sub-blocks of 32, low halves first. */
static void decode_q4_k(const uint8_t* block, float* out) {
  const float d = half_at(block), dmin = half_at(block + 2);
  const uint8_t* codes = block + 16;
  for (int s = 0; s < 8; ++s) {
    int scale, minimum;
    unpack_scale(block + 4, s, &scale, &minimum);
    const float step = d * (float)scale, low = dmin * (float)minimum;
    for (int j = 0; j < 32; ++j) {
      const int byte = codes[s / 2 * 32 + j];
      out[s * 32 + j] = step * (float)(s % 2 ? byte >> 4 : byte & 15) - low;
    }
  }
}

/* 128 bytes of low halves, 64 bytes of top bits, 16 scales, d. Two halves of 128 elements, each four groups
 * of 32: groups 0 and 1 in the low halves of 64 bytes, 2 and 3 in the high halves. */
static void decode_q6_k(const uint8_t* block, float* out) {
  const float d = half_at(block + 208);
  for (int e = 0; e < 256; ++e) {
    const int half = e / 128, group = e % 128 / 32, j = e % 32;
    const int low = block[half * 64 + group % 2 * 32 + j] >> (group / 2 * 4) & 15;
    const int high = block[128 + half * 32 + j] >> (group * 2) & 3;
    const int scale = (int8_t)block[192 + e / 16];
    out[e] = d * (float)scale * (float)((low | high << 4) - 32);
  }
}

int can_decode(int type) {
  return type == TYPE_F32 || type == TYPE_F16 || type == TYPE_Q4_0 || type == TYPE_Q4_1 ||
         type == TYPE_Q8_0 || type == TYPE_Q4_K || type == TYPE_Q6_K;
}

void decode_elements(const gguf_tensor* tensor, int64_t first, int64_t count, float* out) {
  const type_info type = type_of(tensor->type);
  const uint8_t* block = tensor->data + first / type.elements * type.bytes;
  for (int64_t i = 0; i < count; i += type.elements, block += type.bytes) {
    switch (tensor->type) {
      case TYPE_F32:
        memcpy(out + i, block, 4);
        break;
      case TYPE_F16:
        out[i] = half_at(block);
        break;
      case TYPE_Q4_0:
        decode_q4_0(block, out + i);
        break;
      case TYPE_Q4_1:
        decode_q4_1(block, out + i);
        break;
      case TYPE_Q8_0:
        decode_q8_0(block, out + i);
        break;
      case TYPE_Q4_K:
        decode_q4_k(block, out + i);
        break;
      case TYPE_Q6_K:
        decode_q6_k(block, out + i);
        break;
      default:
        die("%s: %s blocks are not decoded here", tensor->name, type.name);
    }
  }
}
