// What an instruction set has to offer for the float kernels: 16 f32 lanes as one value, `Lanes`.
//
// Every instruction set has a type Lanes in its own namespace (<isa>/lanes.h), and every kernel of this
// folder is a template over it. So there is one source a kernel, and no function in it that two instruction
// sets could share: the linker cannot keep the AVX-512 copy of something that runs on a machine without it.
// For the same reason kernels call no inline function of the standard library that touches floats. (The
// members of the structs of kernel_table.h and packed_weight.h are shared: whole numbers only, and free of
// vector instructions even where nothing is inlined.)
//
// Each operation gives the same bits on every instruction set (payloads of NaNs excepted). Rounding is to
// nearest, ties to even; subnormals are numbers like all others. In what follows lane i of x is x[i].
//
//   Lanes::kRegisters          how many Lanes fit into the vector registers: AVX-512 32, AVX2 and NEON 8
//
// Making and storing. `n` is 0..16, and memory beyond n elements is not touched. No pointer need be aligned;
// pointers to std::byte stand for arrays of 16-bit numbers.
//   all(v)                     v in every lane
//   load(p), load_first(p, n)  p[i]; lanes from n on are +0
//   load_f16, load_f16_first   the same from binary16: exact, a NaN becomes quiet
//   load_bf16(p)               bits p[i] << 16, also those of a NaN
//   x.store(p), x.store_first(p, n)
//   x.store_f16(p)             rounded to binary16: subnormals kept, from 65520 on infinity; a NaN stays a
//                              NaN of the same sign and is quiet, its payload is open
//   split_pairs(p)             {p[0] p[2] .. p[30]} and {p[1] p[3] .. p[31]} as Pairs{even, odd}
//   store_pairs(pairs, p)      the reverse
//
// Arithmetic, lane by lane.
//   x + y, x - y, x * y, x / y
//   -x                         sign bit inverted
//   fma(x, y, z)               x * y + z rounded once
//   absolute(x)                sign bit cleared
//   larger(x, y)               x > y ? x : y           (so y where one of them is NaN)
//   where_less(x, y, a, b)     x < y ? a : b           (so b where one of them is NaN)
//   times_power(x, n)          x * 2^n rounded once, for 0.5 <= |x| < 2 and whole n in [-160, 160]; NaN for
//                              NaN x; anything for another n
//
// Across lanes.
//   tree(x)                    y[i] = x[i] + x[i + 8] for i < 8, then y[i] + y[i + 4], i + 2, i + 1
//   largest(x)                 the largest lane; no lane is NaN
//
// Integers: Lanes::Ints is 16 int32 lanes.
//   bits(x)                    the bits of each lane
//   larger_ints(a, b)          the larger one
//   largest_int(a)             the largest lane
//   nearest(x)                 nearest integer, ties to even, for |x| < 2^23 (others: any)
//   store_low_bytes(a, p)      p[i] = low byte of a[i]
//   next_digits(a)             (a[i] + 128) >> 8, the arithmetic shift: what is left of a once its low byte,
//                              as a signed digit, is taken off
//   group_sums(digits, sums)   sums[g] = digits[16 g] + ... + digits[16 g + 15] for g = 0..15
//   load_ints(p)               16 little-endian int32
//   widen_i8(p), widen_u8(p)   16 bytes, sign or zero extended
//   field(a, shift, mask)      (a[i] >> shift) & mask, the logical shift
//   to_floats(a)               exact for |a| <= 2^24
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace kilter::cpu {

template <typename L>
concept FloatLanes = requires(L x, typename L::Ints a, float v, float* p, const float* from, int n,
                              const std::byte* bytes, std::byte* to, int8_t* digits, int16_t* sums) {
  { L::kRegisters } -> std::convertible_to<int>;
  { L::all(v) } -> std::same_as<L>;
  { L::load(from) } -> std::same_as<L>;
  { L::load_first(from, n) } -> std::same_as<L>;
  { L::load_f16(bytes) } -> std::same_as<L>;
  { L::load_f16_first(bytes, n) } -> std::same_as<L>;
  { L::load_bf16(bytes) } -> std::same_as<L>;
  x.store(p);
  x.store_first(p, n);
  x.store_f16(to);
  { L::split_pairs(from).even } -> std::convertible_to<L>;
  { L::split_pairs(from).odd } -> std::convertible_to<L>;
  L::store_pairs(L::split_pairs(from), p);

  { x + x } -> std::same_as<L>;
  { x - x } -> std::same_as<L>;
  { x* x } -> std::same_as<L>;
  { x / x } -> std::same_as<L>;
  { -x } -> std::same_as<L>;
  { fma(x, x, x) } -> std::same_as<L>;
  { absolute(x) } -> std::same_as<L>;
  { larger(x, x) } -> std::same_as<L>;
  { where_less(x, x, x, x) } -> std::same_as<L>;
  { times_power(x, x) } -> std::same_as<L>;
  { tree(x) } -> std::same_as<float>;
  { largest(x) } -> std::same_as<float>;

  { L::bits(x) } -> std::same_as<typename L::Ints>;
  { L::larger_ints(a, a) } -> std::same_as<typename L::Ints>;
  { L::largest_int(a) } -> std::same_as<int32_t>;
  { L::nearest(x) } -> std::same_as<typename L::Ints>;
  L::store_low_bytes(a, digits);
  { L::next_digits(a) } -> std::same_as<typename L::Ints>;
  L::group_sums(digits, sums);
  { L::load_ints(bytes) } -> std::same_as<typename L::Ints>;
  { L::widen_i8(bytes) } -> std::same_as<typename L::Ints>;
  { L::widen_u8(bytes) } -> std::same_as<typename L::Ints>;
  { L::field(a, n, n) } -> std::same_as<typename L::Ints>;
  { L::to_floats(a) } -> std::same_as<L>;
};

}  // namespace kilter::cpu
