#include "cli/inspect/block_walk.h"

#include <algorithm>

#include "base/thread_pool.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "tensor/dtype.h"

namespace kilter::cli {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{1} << 20;
constexpr size_t kPiecesPerThread = 8;  // between two looks at the progress and at Ctrl-C

}  // namespace

std::vector<BlockPiece> pieces_of(std::span<const gguf::TensorInfo> tensors) {
  std::vector<BlockPiece> pieces;
  for (const gguf::TensorInfo& tensor : tensors) {
    const uint64_t block_bytes = dtype_info(tensor.type).block_bytes;
    const uint64_t step = std::max<uint64_t>(1, kPieceBytes / block_bytes) * block_bytes;
    for (uint64_t at = 0; at < tensor.bytes.size(); at += step) {
      const uint64_t bytes = std::min<uint64_t>(step, tensor.bytes.size() - at);
      pieces.push_back({&tensor, at / block_bytes, tensor.bytes.subspan(at, bytes)});
    }
  }
  return pieces;
}

Status walk_blocks(std::span<const BlockPiece> pieces, const std::string& label,
                   const std::function<Status(size_t i)>& look_at) {
  uint64_t all = 0;
  for (const BlockPiece& piece : pieces) all += piece.bytes.size();
  ThreadPool pool(usable_processors());
  const size_t batch = static_cast<size_t>(pool.size()) * kPiecesPerThread;
  Progress progress(label, all, ProgressUnit::bytes);
  uint64_t done = 0;
  for (size_t start = 0; start < pieces.size(); start += batch) {
    if (interrupted()) return interrupted_error();
    const size_t count = std::min(batch, pieces.size() - start);
    std::vector<Status> results(count);
    pool.parallel_for(static_cast<int64_t>(count), 1, [&](int64_t begin, int64_t end) {
      for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
        results[i] = look_at(start + i);
      }
    });
    for (size_t i = 0; i < count; ++i) {
      KILTER_TRY(std::move(results[i]));
      done += pieces[start + i].bytes.size();
    }
    progress.update(done);
  }
  return {};
}

}  // namespace kilter::cli
