// The most byte products a second: what KernelTable::int8_peak is in this instruction set.
#pragma once

#include <cstdint>

namespace kilter::cpu::amx {

int64_t int8_peak(int64_t rounds);

}  // namespace kilter::cpu::amx
