// QuantisedRows::tiles: which jobs have them, and how they are laid.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::amx {

/// KernelTable::tiled_digit_bytes. None for few columns: opening a panel as tiles would cost more than the
/// tiles save.
int64_t tiled_digit_bytes(const QuantisedRows& x);

/// Copies the digits of some rows into their places in the tiles. Any rows by any thread.
void lay_tiles(int64_t row_begin, int64_t row_end, const QuantisedRows& x);

/// KernelTable::quantise: that of AVX-512, and the tiles where they are wanted.
void quantise(const float* x, int64_t row_begin, int64_t row_end, const QuantisedRows& to);

}  // namespace kilter::cpu::amx
