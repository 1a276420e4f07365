// The most byte products a second: what KernelTable::int8_peak is in these instruction sets.
#pragma once

#include <cstdint>

namespace kilter::cpu::avx2 {
int64_t int8_peak(int64_t rounds);
}  // namespace kilter::cpu::avx2

namespace kilter::cpu::avx2vnni {
int64_t int8_peak(int64_t rounds);
}  // namespace kilter::cpu::avx2vnni
