// What every instruction set's integer product has to show: the bits of the definition, and those of the
// generic product over more shapes and over the largest numbers that the formats can hold.
#pragma once

#include <cstdint>
#include <string_view>

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

struct MatmulUnderTest {
  std::string_view name;
  bool available;  ///< on this machine
  void (*matmul)(const MatmulJob& job);
  int64_t (*scratch_bytes)(int64_t rows, int planes);
};

/// Every block type, random blocks, one to three planes, tails of rows, columns and tokens.
void expect_definition(const MatmulUnderTest& under_test);

/// One to thirteen tokens of one to three planes, and 1 to 70 rows, against the generic product.
void expect_generic_bits(const MatmulUnderTest& under_test);

/// Largest and smallest codes, scales, minimums and digits: nothing may overflow or saturate.
void expect_generic_extremes(const MatmulUnderTest& under_test);

/// Only the panels asked for are written, and an activation scale may be NaN or 0.
void expect_generic_borders(const MatmulUnderTest& under_test);

}  // namespace kilter::cpu
