// What the compiler must be asked for a processor at a time.
#pragma once

namespace kilter {

/// Tells the processor that this is a waiting loop: it slows down, and a sibling thread of the core speeds
/// up.
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace kilter
