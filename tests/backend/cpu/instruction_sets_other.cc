#include "instruction_sets.h"

namespace kilter::cpu {

std::vector<IntegerMatmul> integer_matmuls() { return {}; }

}  // namespace kilter::cpu
