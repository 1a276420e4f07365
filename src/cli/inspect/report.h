// What is known about a model from its file alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend_choice.h"
#include "gguf/file.h"
#include "kilter/result.h"
#include "model/config.h"
#include "text/tokenizer.h"

namespace kilter::cli {

/// All tensors of one type together.
struct TypeShare {
  DType type;
  uint64_t tensors = 0;
  uint64_t values = 0;
  uint64_t bytes = 0;

  double bits_per_value() const { return 8 * static_cast<double>(bytes) / static_cast<double>(values); }
};

/// Tensors that differ in the number of their layer only.
struct TensorGroup {
  std::string name;               ///< "blk.*.attn_q.weight", or the name of a tensor outside the layers
  const gguf::TensorInfo* first;  ///< one of them: type and extents are the same for all
  uint64_t bytes = 0;             ///< of all of them
  uint64_t count = 0;
  std::vector<uint64_t> layers{};  ///< in the order of the file
};

/// Memory for one sequence of a length.
struct MemoryNeed {
  uint64_t positions;
  uint64_t kv_values;  ///< numbers of keys and values, in whole blocks

  uint64_t kv_bytes_f16() const { return 2 * kv_values; }
  uint64_t kv_bytes_f32() const { return 4 * kv_values; }
};

/// Everything that `kilter inspect` says, apart from what --verify finds. Points into the file.
struct ModelReport {
  std::shared_ptr<const gguf::File> file;
  std::string architecture;       ///< general.architecture; may be empty
  std::optional<Error> obstacle;  ///< why the model does not run here; nothing when it does
  std::optional<Config> config;   ///< nothing when the numbers cannot be understood
  std::shared_ptr<const text::Tokenizer> tokenizer;  ///< null: see tokenizer_obstacle
  std::optional<Error> tokenizer_obstacle;
  std::vector<const gguf::KeyValue*> hyper_parameters;  ///< the keys of the architecture
  uint64_t parameters = 0;                              ///< values of all tensors
  uint64_t tensor_bytes = 0;
  std::vector<TypeShare> types;  ///< most bytes first
  std::vector<TensorGroup> groups;
  std::vector<MemoryNeed> memory;  ///< empty without a config
  /// Of the weights as backend cpu lays them out; those of the tensors where the model does not run.
  uint64_t weight_bytes = 0;
  std::vector<InstructionSet> instruction_sets;  ///< of backend cpu, the fastest first
};

/// Never fails: what cannot be understood is part of the report.
ModelReport make_report(const std::shared_ptr<const gguf::File>& file);

/// Numbers of keys and values of one position:
///   sum over layers of n_head_kv * (n_embd_head_k + n_embd_head_v)
uint64_t kv_values_per_position(const Config& config);

/// The string under `key`, or empty when it is absent or no string.
std::string metadata_string(const gguf::File& file, std::string_view key);

}  // namespace kilter::cli
