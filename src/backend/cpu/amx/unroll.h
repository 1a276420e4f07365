// Loops whose counter is a constant of the compiler: tile numbers and shift counts have to be.
#pragma once

#include <utility>

namespace kilter::cpu::amx {

template <int kValue>
struct Constant {
  static constexpr int value = kValue;
};

template <typename Body, int... kSteps>
[[gnu::always_inline]] inline void unroll_steps(Body& body, std::integer_sequence<int, kSteps...>) {
  (body(Constant<kSteps>{}), ...);
}

/// body(Constant<0>{}) ... body(Constant<kCount - 1>{}).
template <int kCount, typename Body>
[[gnu::always_inline]] inline void unroll(Body body) {
  unroll_steps(body, std::make_integer_sequence<int, kCount>{});
}

}  // namespace kilter::cpu::amx
