#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {

std::span<const Bug* const> weight_bugs() {
  static const std::vector<const Bug*> all = [] {
    std::vector<const Bug*> joined;
    for (const auto part :
         {nibble_order_bugs(), layout_bugs(), block_table_bugs(), wrong_type_bugs(), offset_bugs(),
          wrong_tensor_bugs(), q6_k_bugs(), zero_point_bugs(), unfinished_bugs(), k_scale_bugs(),
          half_float_bugs(), row_order_bugs(), vector_bugs(), low_bit_bugs()}) {
      joined.insert(joined.end(), part.begin(), part.end());
    }
    return joined;
  }();
  return all;
}

}  // namespace kilter::analysis
