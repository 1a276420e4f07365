#include "analysis/bugs/weights/bits.h"

namespace kilter::analysis {

Codes high_parts(DType type, const std::byte* block) {
  Codes parts{};
  const size_t qh = type == DType::q5_0 ? 2 : type == DType::q5_1 ? 4 : type == DType::q5_k ? 16 : 128;
  for (size_t i = 0; i < parts.size(); ++i) {
    switch (type) {
      case DType::q5_0:
      case DType::q5_1:
        if (i < 32) parts[i] = 16 * bits_of(block, qh + i / 8, i % 8, 1);
        break;
      case DType::q5_k:
        parts[i] = 16 * bits_of(block, qh + i % 32, i / 32, 1);
        break;
      case DType::q6_k:
        parts[i] = 16 * bits_of(block, qh + 32 * (i / 128) + i % 32, 2 * (i / 32 % 4), 2);
        break;
      default:
        return parts;
    }
  }
  return parts;
}

}  // namespace kilter::analysis
