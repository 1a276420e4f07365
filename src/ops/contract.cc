#include "ops/contract.h"

#include <array>

namespace kilter {
namespace {

constexpr Arithmetic kReference = Arithmetic::reference;

constexpr std::array kContracts = {
    OpContract{"embed", kReference, SumLength::none, 0, 1,
               "decode; rounds only numbers that f32 cannot hold"},
    OpContract{"rmsnorm", kReference, SumLength::row, 6, 1, "/n, +eps, sqrt, the quotient, two products"},
    OpContract{"matmul", kReference, SumLength::n_in, 1, 1, "each product may round"},
    OpContract{"add_bias", kReference, SumLength::none, 1, 1, "one f64 sum"},
    OpContract{"rope", kReference, SumLength::none, 8, 1,
               "cos and sin at 1 ULP each, two products, one sum, the magnitude; the angle is a definition"},
    OpContract{"kv_store", kReference, SumLength::none, 0, 0, "a copy"},
    OpContract{"attention_scores", kReference, SumLength::head, 2, 1, "each product, and the scale"},
    OpContract{"softmax", kReference, SumLength::positions, 108, 1,
               "exp at 1 ULP, quotient; the difference d = s - m may be off by u64 |d|, and |d| < 104 where "
               "f32 is not 0"},
    OpContract{"attention_mix", kReference, SumLength::positions, 1, 1, "each product"},
    OpContract{"silu", kReference, SumLength::none, 4, 1, "exp at 1 ULP, sum, quotient"},
    OpContract{"multiply", kReference, SumLength::none, 1, 1, "one f64 product"},
    OpContract{"add", kReference, SumLength::none, 1, 1, "one f64 sum"},
    OpContract{"take_rows", kReference, SumLength::none, 0, 0, "a copy"},
};

}  // namespace

std::span<const OpContract> all_contracts() { return kContracts; }

const OpContract* find_contract(std::string_view op, Arithmetic arithmetic) {
  for (const OpContract& c : kContracts) {
    if (c.op == op && c.arithmetic == arithmetic) return &c;
  }
  return nullptr;
}

double contract_bound(const OpContract& contract, double exact_magnitude, double term_magnitude, int64_t n) {
  constexpr double kUnit32 = 0x1p-24;
  constexpr double kUnit64 = 0x1p-53;
  constexpr double kHalfLeastSubnormal32 = 0x1p-150;
  const double sum_roundings = contract.sum == SumLength::none ? 0.0 : static_cast<double>(n);
  const double inside = (sum_roundings + contract.extra_roundings) * kUnit64 * term_magnitude;
  const double stored =
      contract.output_roundings * (kUnit32 * (exact_magnitude + inside) + kHalfLeastSubnormal32);
  return inside + stored;
}

}  // namespace kilter
