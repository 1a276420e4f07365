// add, multiply, silu.
#pragma once

#include "backend/cpu/float/exponential.h"

namespace kilter::cpu {

/// y[i] = f(x[i]) in vectors of 16; the last one is filled up with zeros, and only its own part is stored.
template <FloatLanes L, typename Function>
void map_one(const float* x, int64_t n, float* y, Function f) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) f(L::load(x + i)).store(y + i);
  const int rest = static_cast<int>(n - i);
  if (rest != 0) f(L::load_first(x + i, rest)).store_first(y + i, rest);
}

/// y[i] = f(a[i], b[i]), alike.
template <FloatLanes L, typename Function>
void map_two(const float* a, const float* b, int64_t n, float* y, Function f) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) f(L::load(a + i), L::load(b + i)).store(y + i);
  const int rest = static_cast<int>(n - i);
  if (rest != 0) f(L::load_first(a + i, rest), L::load_first(b + i, rest)).store_first(y + i, rest);
}

template <FloatLanes L>
void add(const float* a, const float* b, int64_t n, float* y) {
  map_two<L>(a, b, n, y, [](L u, L v) { return u + v; });
}

template <FloatLanes L>
void multiply(const float* a, const float* b, int64_t n, float* y) {
  map_two<L>(a, b, n, y, [](L u, L v) { return u * v; });
}

/// The exponential is that of -|x|, which is at most 1: so y stays accurate to the smallest subnormal, where
/// 1 + exp(-x) would be infinite from x = -89 on.
template <FloatLanes L>
void silu(const float* x, int64_t n, float* y) {
  map_one<L>(x, n, y, [](L v) {
    const L e = exponential_to_one(-absolute(v));
    const L numerator = where_less(v, L::all(0.0F), v * e, v);
    // From -104 on e is 0 and the quotient -0; -infinity * 0 would be NaN.
    return where_less(v, L::all(-104.0F), L::all(-0.0F), numerator / (L::all(1.0F) + e));
  });
}

}  // namespace kilter::cpu
