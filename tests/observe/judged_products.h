// What the proofs of the bounds share: modes of backend/cpu, and random weights of any format.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <vector>

#include "backend/cpu/cpu_ops.h"
#include "backend/cpu/select_kernels.h"
#include "model/random/blocks.h"
#include "observe/verifying_ops.h"

namespace kilter {

struct JudgedMode {
  const char* name;
  Arithmetic arithmetic;
  cpu::KvType kv;
};
constexpr JudgedMode kJudgedModes[] = {{"fast", Arithmetic::fast, cpu::KvType::f16},
                                       {"accurate", Arithmetic::accurate, cpu::KvType::f16},
                                       {"exact", Arithmetic::exact, cpu::KvType::f32},
                                       {"f32", Arithmetic::f32, cpu::KvType::f32}};

inline void PrintTo(const JudgedMode& mode, std::ostream* out) { *out << mode.name; }

inline std::unique_ptr<Ops> ops_of(const JudgedMode& mode) {
  return std::make_unique<cpu::CpuOps>(cpu::CpuOptions{
      .kernels = *cpu::select_kernels(""), .mode = mode.arithmetic, .kv = mode.kv, .threads = 1});
}

/// Types that hold weights, as parameters of tests.
inline std::vector<DType> weight_types() {
  std::vector<DType> types;
  for (const DTypeInfo& info : all_dtypes()) {
    if (holds_weights(info.type)) types.push_back(info.type);
  }
  return types;
}

/// A random weight of this spread; cols is rounded up to whole blocks.
class RandomWeight {
 public:
  RandomWeight(uint64_t seed, DType type, int64_t rows, int64_t cols, double deviation) {
    const DTypeInfo& info = dtype_info(type);
    const int64_t blocks = (cols + info.block_values - 1) / info.block_values;
    bytes_.resize(static_cast<size_t>(rows * blocks * info.block_bytes));
    const Result<RandomBlocks> random = RandomBlocks::make(seed, "w", type, {.deviation = deviation});
    EXPECT_TRUE(random.ok());
    random->fill(0, bytes_);
    weight_ = {.name = "w", .type = type, .rows = rows, .cols = blocks * info.block_values, .bytes = bytes_};
  }
  RandomWeight(const RandomWeight&) = delete;
  RandomWeight& operator=(const RandomWeight&) = delete;

  const Weight& operator*() const { return weight_; }
  const Weight* operator->() const { return &weight_; }

 private:
  std::vector<std::byte> bytes_;
  Weight weight_;
};

}  // namespace kilter
