#include "model/random_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <functional>
#include <span>

#include "gguf/writer.h"
#include "model/random/blocks.h"
#include "model/random/file_type.h"
#include "model/random/metadata.h"
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

// Writes the tensors one after the other. The blocks of each are made piece by
// piece, all threads at one piece.
class TensorWriter {
 public:
  TensorWriter(uint64_t seed, gguf::Writer& writer, ThreadPool& threads)
      : seed_(seed), writer_(writer), threads_(threads) {}

  // `wrote_piece` is called with the bytes of each piece.
  Status write(const RandomTensor& tensor, const std::function<Status(uint64_t)>& wrote_piece) {
    if (tensor.content == Content::rope_factors) return write_rope_factors(tensor, writer_);
    KILTER_ASSIGN(const RandomBlocks blocks,
                  RandomBlocks::make(seed_, tensor.name, tensor.type, tensor.spread));
    const uint64_t block_bytes = dtype_info(tensor.type).block_bytes;
    const uint64_t n_blocks = bytes_of(tensor) / block_bytes;
    const uint64_t step = kPieceBytes / block_bytes / kGrain * kGrain;
    for (uint64_t first = 0; first < n_blocks; first += step) {
      make_piece(blocks, block_bytes, first, std::min(step, n_blocks - first));
      KILTER_TRY(writer_.append(piece_));
      KILTER_TRY(wrote_piece(piece_.size()));
    }
    return {};
  }

 private:
  static constexpr uint64_t kPieceBytes = uint64_t{8} << 20;
  static constexpr int64_t kGrain = 1024;
  static_assert(kGrain % RandomBlocks::kAlignment == 0);

  void make_piece(const RandomBlocks& blocks, uint64_t block_bytes, uint64_t first, uint64_t n) {
    piece_.resize(n * block_bytes);
    threads_.parallel_for(static_cast<int64_t>(n), kGrain, [&](int64_t begin, int64_t end) {
      const uint64_t at = static_cast<uint64_t>(begin);
      const uint64_t count = static_cast<uint64_t>(end - begin);
      blocks.fill(first + at, std::span(piece_).subspan(at * block_bytes, count * block_bytes));
    });
  }

  uint64_t seed_;
  gguf::Writer& writer_;
  ThreadPool& threads_;
  std::vector<std::byte> piece_;
};

std::string describe(const RandomModelRequest& request) {
  std::string text =
      fmt::format("Random weights: shape {}, type {}, seed {}", request.shape, request.type, request.seed);
  for (const std::string& setting : request.measures) text += fmt::format(", {}", setting);
  return text;
}

}  // namespace

Result<RandomModelSummary> write_random_model(const RandomModelRequest& request, const std::string& path,
                                              ThreadPool& threads, const RandomModelProgress& progress) {
  KILTER_ASSIGN(const ModelShape shape, resolve_shape(request));
  KILTER_ASSIGN(const FileType* file_type, find_file_type(request.type));
  gguf::Metadata metadata;
  add_general_keys("kilter random " + request.shape, describe(request), file_type->number, shape, metadata);
  add_shape_keys(shape, metadata);
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
  uint64_t written = 0;
  const auto wrote_piece = [&](uint64_t n_bytes) { return progress(written += n_bytes, summary.n_bytes); };
  for (const RandomTensor& tensor : tensors) KILTER_TRY(tensor_writer.write(tensor, wrote_piece));
  KILTER_TRY(writer.finish());
  return summary;
}

}  // namespace kilter
