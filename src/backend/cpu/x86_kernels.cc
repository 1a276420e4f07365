// The instruction sets of an x86-64 build.
#include <array>

#include "backend/cpu/amx/kernels.h"
#include "backend/cpu/amx/tile.h"
#include "backend/cpu/avx2/kernels.h"
#include "backend/cpu/avx512/kernels.h"
#include "backend/cpu/generic/kernels.h"
#include "backend/cpu/select_kernels.h"
#include "backend/cpu/x86_features.h"

namespace kilter::cpu {
namespace {

constexpr std::array kBuilt = {
    BuiltKernels{"amx", "AMX with tiles of int8",
                 [] { return x86_features().amx_int8 && amx::request_tiles(); }, amx::kernels},
    BuiltKernels{"avx512", "AVX-512 with VNNI", [] { return x86_features().avx512; }, avx512::kernels},
    BuiltKernels{"avx2vnni", "AVX2 with AVX-VNNI", [] { return x86_features().avx_vnni; }, avx2vnni::kernels},
    BuiltKernels{"avx2", "AVX2 with FMA and F16C", [] { return x86_features().avx2; }, avx2::kernels},
    BuiltKernels{"generic", "nothing", [] { return true; }, generic::kernels},
};

}  // namespace

std::span<const BuiltKernels> built_kernels() { return kBuilt; }

}  // namespace kilter::cpu
