// The most byte products a second: what KernelTable::int8_peak is in these instruction sets.
#pragma once

#include <cstdint>

namespace kilter::cpu::neon {
int64_t int8_peak(int64_t rounds);
}  // namespace kilter::cpu::neon

namespace kilter::cpu::neon_i8mm {
int64_t int8_peak(int64_t rounds);
}  // namespace kilter::cpu::neon_i8mm
