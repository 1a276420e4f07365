// How fast this machine multiplies bytes at best: the roof of the integer products.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

/// Multiply-adds a second that `threads` threads reach together with the instructions of the kernels, the
/// best of several tries: about a tenth of a second. 0 where the kernels cannot say.
double measured_int8_peak(const KernelTable& kernels, int threads);

}  // namespace kilter::cpu
