// What the machine could do if it did nothing but multiply, or nothing but read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kilter::bench {

/// Multiplications of a call of run_vnni().
constexpr int64_t kVnniMacs = int64_t{2000} * 12 * 64;
/// Independent vpdpbusd on registers.
void run_vnni();

/// Reads every cache line once, in order. The result is for the optimiser.
int32_t read_all(std::span<const std::byte> bytes);

}  // namespace kilter::bench
