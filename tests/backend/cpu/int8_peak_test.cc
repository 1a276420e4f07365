#include "backend/cpu/int8_peak.h"

#include <gtest/gtest.h>

#include <string>

#include "backend/cpu/select_kernels.h"

namespace kilter::cpu {
namespace {

TEST(Int8Peak, CountsRounds) {
  for (const BuiltKernels& kernels : runnable_kernels()) {
    const KernelTable& table = kernels.table();
    if (table.int8_peak == nullptr) continue;
    const int64_t one = table.int8_peak(1);
    EXPECT_GT(one, 0) << kernels.name;
    EXPECT_EQ(table.int8_peak(1000), 1000 * one) << kernels.name;
  }
}

// A product that the compiler left out would show as a rate beyond any processor: 4096 multiply-adds a cycle,
// which two AMX tiles would need, at 10 GHz.
TEST(Int8Peak, IsARateThatAProcessorCanHave) {
  for (const BuiltKernels& kernels : runnable_kernels()) {
    const double rate = measured_int8_peak(kernels.table(), 1);
    EXPECT_LT(rate, 4096 * 10e9) << kernels.name;
    if (kernels.table().int8_peak != nullptr) {
      EXPECT_GT(rate, 1e6) << kernels.name;
    }
  }
}

TEST(Int8Peak, IsNothingWhereTheKernelsCannotSay) {
  KernelTable silent;
  silent.int8_peak = nullptr;
  EXPECT_EQ(measured_int8_peak(silent, 1), 0);
}

}  // namespace
}  // namespace kilter::cpu
