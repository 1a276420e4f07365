// The weights of a model as the kernels read them.
#pragma once

#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "backend/cpu/crew.h"
#include "backend/cpu/packed_weight.h"
#include "ops/ops.h"

namespace kilter::cpu {

/// Lays weights out: matrices as panels, vectors as f32. A weight is known by the address of its bytes, so it
/// must stay there as long as the store is used.
class WeightStore {
 public:
  WeightStore(Crew& crew, CpuDevice& device) : crew_(crew), device_(device) {}

  /// Packs those that are not packed yet, in parallel. Errors: memory.
  Status prepare(std::span<const Weight* const> weights, const PrepareProgress& progress);

  /// The panels of a matrix. One that was not prepared is packed now, and kept until forget_unprepared().
  /// Null data where memory was refused; then the device has failed.
  PackedWeight matrix(const Weight& weight);
  /// The numbers of a vector [cols], with the same rule. Decoded exactly.
  const float* vector(const Weight& weight);

  /// Ends the life of what matrix() and vector() gave for weights that were not prepared.
  void forget_unprepared();

 private:
  struct Key {
    const std::byte* bytes;
    int64_t rows;
    int64_t cols;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return std::hash<const std::byte*>()(key.bytes); }
  };
  static Key key_of(const Weight& weight) { return {weight.bytes.data(), weight.rows, weight.cols}; }

  PackedWeight pack(const Weight& weight, std::byte* to, const PrepareProgress& progress);

  Crew& crew_;
  CpuDevice& device_;
  std::vector<HostMemory> memory_;
  std::unordered_map<Key, PackedWeight, KeyHash> matrices_;
  std::unordered_map<Key, std::vector<float>, KeyHash> vectors_;
  std::vector<HostMemory> unprepared_matrices_;
  std::deque<std::vector<float>> unprepared_vectors_;
};

}  // namespace kilter::cpu
