#include "backend/reference/reference_ops.h"
#include "ops_under_test.h"

namespace kilter {

std::vector<OpsUnderTest> ops_under_test() {
  return {{"reference", Arithmetic::reference, CacheNumbers::f32,
           [] { return std::make_unique<reference::ReferenceOps>(2); }}};
}

}  // namespace kilter
