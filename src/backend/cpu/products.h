// Rows of activations times weights: makes digits where the mode asks for them, and shares out the panels.
#pragma once

#include <span>

#include "backend/cpu/crew.h"
#include "backend/cpu/kernel_table.h"
#include "backend/cpu/weight_store.h"
#include "ops/contract.h"

namespace kilter::cpu {

/// int8 planes of an activation in a mode; 0 where products are f32.
int planes_of(Arithmetic mode);

/// The left operand: rows in f32, and as digits once they are made.
struct Operand {
  const float* x = nullptr;  ///< [rows, cols]
  int64_t rows = 0;
  int64_t cols = 0;
  QuantisedRows digits;  ///< of the same rows; null where no weight at hand needs them
};

/// One product of an operand: y [rows, w.rows].
struct Product {
  const Weight* w = nullptr;
  float* y = nullptr;
};

/// Memory that grows to what was asked for last.
class Buffer {
 public:
  /// Null where memory was refused; then the device has failed. The contents do not survive growth.
  std::byte* bytes(int64_t n, CpuDevice& device);
  float* floats(int64_t n, CpuDevice& device) { return reinterpret_cast<float*>(bytes(n * 4, device)); }

 private:
  HostMemory memory_;
};

class Products {
 public:
  Products(const KernelTable& kernels, Arithmetic mode, Crew& crew, WeightStore& weights, CpuDevice& device)
      : kernels_(kernels), planes_(planes_of(mode)), crew_(crew), weights_(weights), device_(device) {}

  /// An operand over x, with room for digits where one of the weights wants them. quantise() fills them in,
  /// any rows by any thread. The room is the same each time, so an operand lives until the next one.
  Operand operand(const float* x, int64_t rows, int64_t cols, std::span<const Product> products);
  void quantise(const Operand& x, int64_t row_begin, int64_t row_end) const;

  /// All products of one operand, panels of all of them handed out together.
  void multiply(const Operand& x, std::span<const Product> products);

 private:
  const KernelTable& kernels_;
  int planes_;
  Crew& crew_;
  WeightStore& weights_;
  CpuDevice& device_;
  Buffer digits_;
};

}  // namespace kilter::cpu
