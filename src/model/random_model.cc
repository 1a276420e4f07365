#include "model/random_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>

#include "gguf/writer.h"
#include "model/random/blocks.h"
#include "model/random/file_type.h"
#include "model/random/shape.h"
#include "model/random/tensors.h"
#include "model/random/vocabulary.h"

namespace kilter {
namespace {

Result<ModelShape> resolve_shape(const RandomModelRequest& request) {
  KILTER_ASSIGN(ModelShape shape, find_shape(request.shape));
  for (const std::string& setting : request.measures) KILTER_TRY(set_measure(shape, setting));
  KILTER_TRY(check_shape(shape));
  return shape;
}

// Collects keys of one architecture.
class KeyWriter {
 public:
  KeyWriter(gguf::Metadata& metadata, std::string prefix) : metadata_(metadata), prefix_(std::move(prefix)) {}

  void add(std::string_view key, gguf::Value value) {
    metadata_.entries.push_back({prefix_ + std::string(key), std::move(value)});
  }
  void add_count(std::string_view key, int64_t n) { add(key, static_cast<uint32_t>(n)); }
  void add_number(std::string_view key, double x) { add(key, static_cast<float>(x)); }

 private:
  gguf::Metadata& metadata_;
  std::string prefix_;
};

void add_general(const RandomModelRequest& request, const ModelShape& shape, uint32_t file_type,
                 gguf::Metadata& metadata) {
  std::string made_by =
      fmt::format("Random weights: shape {}, type {}, seed {}", request.shape, request.type, request.seed);
  for (const std::string& setting : request.measures) made_by += fmt::format(", {}", setting);
  KeyWriter keys(metadata, "general.");
  keys.add("architecture", shape.arch);
  keys.add("type", "model");
  keys.add("name", "kilter random " + request.shape);
  keys.add("description", made_by);
  keys.add("file_type", file_type);
  keys.add("quantization_version", uint32_t{2});
}

void add_rope_scaling(const ModelShape& s, KeyWriter& keys) {
  if (s.rope_scaling == "none") return;
  const int64_t unscaled =
      std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(s.n_ctx) / s.rope_factor));
  keys.add("rope.scaling.type", s.rope_scaling);
  keys.add_number("rope.scaling.factor", s.rope_factor);
  keys.add_count("rope.scaling.original_context_length", s.rope_orig_ctx != 0 ? s.rope_orig_ctx : unscaled);
}

void add_measures(const ModelShape& s, gguf::Metadata& metadata) {
  KeyWriter keys(metadata, s.arch + ".");
  keys.add_count("block_count", s.n_layer);
  keys.add_count("context_length", s.n_ctx);
  keys.add_count("embedding_length", s.n_embd);
  keys.add_count("feed_forward_length", s.n_ff);
  keys.add_count("attention.head_count", s.n_head);
  keys.add_count("attention.head_count_kv", s.n_head_kv);
  if (s.key_length != 0) keys.add_count("attention.key_length", s.key_length);
  if (s.value_length != 0) keys.add_count("attention.value_length", s.value_length);
  keys.add_number("attention.layer_norm_rms_epsilon", s.rms_eps);
  keys.add_count("rope.dimension_count", s.head_width_k());
  keys.add_number("rope.freq_base", s.rope_base);
  add_rope_scaling(s, keys);
  keys.add_count("vocab_size", s.n_vocab);
}

gguf::TensorPlan plan_of(const RandomTensor& t) {
  std::vector<uint64_t> ne = {static_cast<uint64_t>(t.n_cols)};
  if (t.n_rows != 0) ne.push_back(static_cast<uint64_t>(t.n_rows));
  return {t.name, t.type, std::move(ne)};
}

uint64_t weights_of(const RandomTensor& t) {
  return static_cast<uint64_t>(t.n_cols) * static_cast<uint64_t>(std::max<int64_t>(t.n_rows, 1));
}

uint64_t bytes_of(const RandomTensor& t) {
  const DTypeInfo& info = dtype_info(t.type);
  return weights_of(t) / info.block_values * info.block_bytes;
}

Status write_rope_factors(const RandomTensor& tensor, gguf::Writer& writer) {
  std::vector<std::byte> bytes;
  for (const float factor : rope_factors(tensor.n_cols)) {
    const uint32_t word = std::bit_cast<uint32_t>(factor);
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::byte>(word >> shift & 0xff));
  }
  return writer.append(bytes);
}

// Makes the blocks of a tensor piece by piece, all threads at one piece, and writes each piece.
class TensorWriter {
 public:
  TensorWriter(uint64_t seed, gguf::Writer& writer, ThreadPool& threads)
      : seed_(seed), writer_(writer), threads_(threads) {}

  Status write(const RandomTensor& tensor) {
    if (tensor.content == Content::rope_factors) return write_rope_factors(tensor, writer_);
    KILTER_ASSIGN(const RandomBlocks blocks,
                  RandomBlocks::make(seed_, tensor.name, tensor.type, tensor.spread));
    const uint64_t block_bytes = dtype_info(tensor.type).block_bytes;
    const uint64_t n_blocks = bytes_of(tensor) / block_bytes;
    const uint64_t step = kPieceBytes / block_bytes / kGrain * kGrain;
    for (uint64_t first = 0; first < n_blocks; first += step) {
      const uint64_t n = std::min(step, n_blocks - first);
      buffer_.resize(n * block_bytes);
      threads_.parallel_for(static_cast<int64_t>(n), kGrain, [&](int64_t begin, int64_t end) {
        const auto from = static_cast<uint64_t>(begin);
        const auto to = static_cast<uint64_t>(end);
        blocks.fill(first + from, std::span(buffer_).subspan(from * block_bytes, (to - from) * block_bytes));
      });
      KILTER_TRY(writer_.append(buffer_));
    }
    return {};
  }

 private:
  static constexpr uint64_t kPieceBytes = uint64_t{8} << 20;
  static constexpr int64_t kGrain = 1024;
  static_assert(kGrain % RandomBlocks::kAlignment == 0);

  uint64_t seed_;
  gguf::Writer& writer_;
  ThreadPool& threads_;
  std::vector<std::byte> buffer_;
};

}  // namespace

Result<RandomModelSummary> write_random_model(const RandomModelRequest& request, const std::string& path,
                                              ThreadPool& threads) {
  KILTER_ASSIGN(const ModelShape shape, resolve_shape(request));
  KILTER_ASSIGN(const FileType* file_type, find_file_type(request.type));
  gguf::Metadata metadata;
  add_general(request, shape, file_type->number, metadata);
  add_measures(shape, metadata);
  KILTER_TRY(add_vocabulary(shape.vocabulary, shape.n_vocab, metadata));

  const std::vector<RandomTensor> tensors = list_tensors(shape, *file_type);
  std::vector<gguf::TensorPlan> plan;
  RandomModelSummary summary;
  for (const RandomTensor& tensor : tensors) {
    plan.push_back(plan_of(tensor));
    summary.n_weights += weights_of(tensor);
    summary.n_bytes += bytes_of(tensor);
  }
  summary.n_tensors = tensors.size();

  KILTER_ASSIGN(gguf::Writer writer, gguf::Writer::create(path, metadata, plan));
  TensorWriter tensor_writer(request.seed, writer, threads);
  for (const RandomTensor& tensor : tensors) KILTER_TRY(tensor_writer.write(tensor));
  KILTER_TRY(writer.finish());
  return summary;
}

}  // namespace kilter
