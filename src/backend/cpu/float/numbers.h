// How 16 stored numbers become Lanes: the three plain types of caches and weights.
#pragma once

#include "backend/cpu/float/lanes.h"

namespace kilter::cpu {

template <FloatLanes L>
struct F32Numbers {
  static constexpr int64_t kBytes = 4;
  static L load(const std::byte* p) { return L::load(reinterpret_cast<const float*>(p)); }
  static L load_first(const std::byte* p, int n) {
    return L::load_first(reinterpret_cast<const float*>(p), n);
  }
};

template <FloatLanes L>
struct F16Numbers {
  static constexpr int64_t kBytes = 2;
  static L load(const std::byte* p) { return L::load_f16(p); }
  static L load_first(const std::byte* p, int n) { return L::load_f16_first(p, n); }
};

template <FloatLanes L>
struct Bf16Numbers {
  static constexpr int64_t kBytes = 2;
  static L load(const std::byte* p) { return L::load_bf16(p); }
};

}  // namespace kilter::cpu
