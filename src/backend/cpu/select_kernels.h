// Which instruction set computes: the only place that asks the processor what it can do.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "backend/cpu/kernel_table.h"
#include "kilter/result.h"

namespace kilter::cpu {

/// One instruction set of this build.
struct BuiltKernels {
  std::string_view name;          ///< "avx512"
  std::string_view needs;         ///< "AVX-512 with VNNI"
  bool (*runs_here)();            ///< whether the processor and the system have what it needs
  const KernelTable& (*table)();  ///< to be called only where it runs: its code may use what it needs
};

/// All of this build, the fastest first, "generic" last: x86_kernels.cc or arm_kernels.cc, whichever the
/// build selects.
std::span<const BuiltKernels> built_kernels();

/// Those of this build that this processor can run, the fastest first.
std::vector<BuiltKernels> runnable_kernels();

/// The table called `name`, or the fastest for an empty name. Errors: unsupported for one that this build has
/// and this processor cannot run; usage for a name that this build does not know. Both list those that run.
Result<const KernelTable*> select_kernels(std::string_view name);

}  // namespace kilter::cpu
