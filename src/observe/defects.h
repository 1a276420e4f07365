// Defects that engines have had, put into the values of one real call: what a judge must see to be worth its
// name.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace kilter {

/// A product as it was computed, in host memory.
struct Product {
  std::span<const float> x;  ///< [T, w.cols], as the contract rounds it: what the kernel multiplied with
  const Weight& w;
  std::span<const float> y;  ///< [T, w.rows]

  int64_t rows() const { return static_cast<int64_t>(x.size()) / w.cols; }
};

/// Some outputs of a product with a defect in them; all others are as they were.
struct Defective {
  std::vector<int64_t> outputs;  ///< columns of y
  std::vector<float> values;     ///< [T, outputs.size()]
};

/// How far a defect reaches.
enum class Reach {
  one_output,   ///< of a weight's row
  all_outputs,  ///< some of them are made, picked at random: 64, or 8 where that is slow
  any_op,       ///< not only products: each element by itself
};

/// One kind of defect.
struct Defect {
  std::string_view name;  ///< "one block's scale off"
  std::string_view unit;  ///< what its sizes count: "of the scale", "bits"; empty where it has one size
  Reach reach;
  std::span<const double> sizes;     ///< from the usual one, which people have met, to finer ones
  bool (*applies)(const Weight& w);  ///< null: to every weight
  /// The same draw gives the same place. Null for Reach::any_op, whose size is what rounded_to() takes.
  Defective (*make)(const Product& p, uint64_t draw, double size);
};

/// One nibble wrong in its lowest bit; a block's scale 2 % off; two neighbouring weights swapped; the last
/// product of each sum dropped; the operand transposed; the next row's output; sums kept in f16 (11 bits);
/// outputs rounded to bf16 (8 bits) and to f16 (11 bits).
std::span<const Defect> all_defects();

/// `value` with a significand of so many bits, rounded to nearest even; exponents are not bounded.
float rounded_to(double value, int bits);

}  // namespace kilter
