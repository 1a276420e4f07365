#include "ops/activation_rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kilter {
namespace {

// The largest integer that an activation becomes; 0 where there are no integers.
float top_of(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::fast:
      return 127;
    case Arithmetic::accurate:
      return 32639;
    case Arithmetic::exact:
      return 8355710;
    case Arithmetic::reference:
    case Arithmetic::f32:
      break;
  }
  return 0;
}

void round_block(float top, std::span<const float> x, std::span<float> to) {
  float largest = 0;
  bool all_numbers = true;
  for (const float v : x) {
    all_numbers = all_numbers && std::isfinite(v);
    largest = std::max(largest, std::abs(v));
  }
  if (!all_numbers) {
    std::fill(to.begin(), to.end(), std::numeric_limits<float>::quiet_NaN());
  } else if (largest < 0x1p-100F) {
    std::fill(to.begin(), to.end(), 0.0F);
  } else {
    const float inverse = top / largest;
    const float scale = largest / top;
    std::transform(x.begin(), x.end(), to.begin(),
                   [&](float v) { return scale * std::nearbyint(v * inverse); });
  }
}

}  // namespace

void round_activations(Arithmetic arithmetic, std::span<const float> x, std::span<float> to) {
  const float top = top_of(arithmetic);
  if (top == 0) {
    std::copy(x.begin(), x.end(), to.begin());
    return;
  }
  for (size_t begin = 0; begin < x.size(); begin += kActivationBlock) {
    const size_t n = std::min<size_t>(kActivationBlock, x.size() - begin);
    round_block(top, x.subspan(begin, n), to.subspan(begin, n));
  }
}

}  // namespace kilter
