/* Sums, products and stores, in f32 or in one of the ways in which other engines round. */
#pragma once

#include <stdint.h>

float to_f16(float x);
float to_bf16(float x);
/* What a result becomes where it is stored. */
void store(float* x, int64_t n);
float sum_of_products(const float* a, const float* b, int64_t n);
float sum_of_squares(const float* x, int64_t n);
/* What a quantised matrix sees of a row of activations. */
void round_activations(float* x, int64_t n);
