#include "arithmetic.h"

#include <math.h>
#include <string.h>

#include "bugs.h"

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}

static float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

/* Nearest, ties to even, with `dropped` bits of the fraction left out. */
static float round_fraction(float x, int dropped) {
  const uint32_t bits = bits_of(x);
  if (!isfinite(x)) return x;
  const uint32_t half = (1u << (dropped - 1)) - 1 + (bits >> dropped & 1);
  return float_of((bits + half) >> dropped << dropped);
}

float to_bf16(float x) { return round_fraction(x, 16); }

float to_f16(float x) {
  const float size = fabsf(x);
  if (!(size < 65520.0f)) return isnan(x) ? x : copysignf(INFINITY, x);
  if (size >= 0x1p-14f) return round_fraction(x, 13);
  return nearbyintf(x * 0x1p24f) * 0x1p-24f; /* subnormal: multiples of 2^-24 */
}

void store(float* x, int64_t n) {
  if (rounding(ROUND_BF16)) {
    for (int64_t i = 0; i < n; ++i) x[i] = to_bf16(x[i]);
  }
  if (rounding(ROUND_F16)) {
    for (int64_t i = 0; i < n; ++i) x[i] = to_f16(x[i]);
  }
}

static float factor(float x) { return rounding(ROUND_TF32) ? round_fraction(x, 13) : x; }

static float sum_in_f16(const float* a, const float* b, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum = to_f16(sum + a[i] * b[i]);
  return sum;
}

static float sum_in_f64(const float* a, const float* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += (double)a[i] * (double)b[i];
  return (float)sum;
}

static float sum_backwards(const float* a, const float* b, int64_t n) {
  float sum = 0;
  for (int64_t i = n - 1; i >= 0; --i) sum += a[i] * b[i];
  return sum;
}

float sum_of_products(const float* a, const float* b, int64_t n) {
  if (bug(BUG_F16_SUMS)) return sum_in_f16(a, b, n);
  if (rounding(ROUND_SUM_F64)) return sum_in_f64(a, b, n);
  if (rounding(ROUND_SUM_REVERSE)) return sum_backwards(a, b, n);
  float sum[4] = {0};
  for (int64_t i = 0; i < n; ++i) sum[i % 4] += factor(a[i]) * factor(b[i]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

float sum_of_squares(const float* x, int64_t n) {
  if (rounding(ROUND_SUM_F64)) return sum_in_f64(x, x, n);
  if (rounding(ROUND_SUM_REVERSE)) return sum_backwards(x, x, n);
  float sum[4] = {0};
  for (int64_t i = 0; i < n; ++i) sum[i % 4] += x[i] * x[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* Codes of 8 bits with one scale a block; the scale itself is f16 in blocks of 32, f32 in those of 256. */
static void round_block(float* x, int64_t n, int scale_in_f16) {
  float largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = fmaxf(largest, fabsf(x[i]));
  const float exact = largest / 127, d = scale_in_f16 ? to_f16(exact) : exact;
  for (int64_t i = 0; i < n; ++i) x[i] = largest > 0 ? nearbyintf(x[i] / exact) * d : 0;
}

void round_activations(float* x, int64_t n) {
  const int in_32 = rounding(ROUND_ACTS_Q8_0), in_256 = rounding(ROUND_ACTS_Q8_K);
  if (!in_32 && !in_256) return;
  const int64_t block = in_32 ? 32 : 256;
  for (int64_t i = 0; i < n; i += block) round_block(x + i, n - i < block ? n - i : block, in_32);
}
