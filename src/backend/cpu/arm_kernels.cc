// The instruction sets of a 64-bit Arm build.
#include <sys/auxv.h>

#include <array>

#include "backend/cpu/generic/kernels.h"
#include "backend/cpu/neon/kernels.h"
#include "backend/cpu/select_kernels.h"

namespace kilter::cpu {
namespace {

// What the system says about the processor. Source: arch/arm64/include/uapi/asm/hwcap.h of Linux.
bool has_dot_product() { return (getauxval(AT_HWCAP) & 1UL << 20) != 0; }
bool has_int8_matrices() { return has_dot_product() && (getauxval(AT_HWCAP2) & 1UL << 13) != 0; }

constexpr std::array kBuilt = {
    BuiltKernels{"neon_i8mm", "NEON with int8 matrices", has_int8_matrices, neon_i8mm::kernels},
    BuiltKernels{"neon", "NEON with dot products", has_dot_product, neon::kernels},
    BuiltKernels{"generic", "nothing", [] { return true; }, generic::kernels},
};

}  // namespace

std::span<const BuiltKernels> built_kernels() { return kBuilt; }

}  // namespace kilter::cpu
