#include "cli/inspect/verify.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/thread_pool.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "tensor/dtype.h"

namespace kilter::cli {
namespace {

using quant::BlockScan;
using quant::Sighting;

constexpr std::array kFindingKinds = {
    FindingKind{"NaN", "nan_values", Severity::broken, &BlockScan::nan_values},
    FindingKind{"infinity", "infinite_values", Severity::broken, &BlockScan::infinite_values},
    FindingKind{"zero scale", "zero_scales", Severity::suspicious, &BlockScan::zero_scales},
    FindingKind{"subnormal scale", "subnormal_scales", Severity::suspicious, &BlockScan::subnormal_scales},
    FindingKind{"negative scale", "negative_scales", Severity::suspicious, &BlockScan::negative_scales},
    FindingKind{"large step", "large_steps", Severity::suspicious, &BlockScan::large_steps},
};

/// Encoders of these types write negative scales as often as positive ones.
constexpr std::array kSignedScales = {DType::q4_0, DType::q5_0, DType::q3_k, DType::q6_k};

constexpr uint64_t kPieceBytes = uint64_t{1} << 20;
constexpr size_t kPiecesPerThread = 8;  // between two looks at the progress and at Ctrl-C

bool usual(DType type, const FindingKind& kind) {
  const bool negative = kind.sighting == &BlockScan::negative_scales;
  return negative && std::find(kSignedScales.begin(), kSignedScales.end(), type) != kSignedScales.end();
}

/// Whole blocks of one tensor.
struct Piece {
  size_t tensor;
  uint64_t first_block;
  std::span<const std::byte> bytes;
};

std::vector<Piece> cut(std::span<const gguf::TensorInfo> tensors) {
  std::vector<Piece> pieces;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const uint64_t block_bytes = dtype_info(tensors[i].type).block_bytes;
    const uint64_t step = std::max<uint64_t>(1, kPieceBytes / block_bytes) * block_bytes;
    const std::span<const std::byte> bytes = tensors[i].bytes;
    for (uint64_t at = 0; at < bytes.size(); at += step) {
      pieces.push_back({i, at / block_bytes, bytes.subspan(at, std::min<uint64_t>(step, bytes.size() - at))});
    }
  }
  return pieces;
}

/// Adds the scan of a later piece to that of the pieces before it.
void add(BlockScan& all, const BlockScan& piece, uint64_t first_block) {
  all.blocks += piece.blocks;
  all.values += piece.values;
  for (const FindingKind& kind : kFindingKinds) {
    Sighting& sum = all.*kind.sighting;
    const Sighting& more = piece.*kind.sighting;
    sum.count += more.count;
    if (!sum.first_block && more.first_block) sum.first_block = first_block + *more.first_block;
  }
}

}  // namespace

std::span<const FindingKind> all_finding_kinds() { return kFindingKinds; }

std::vector<const FindingKind*> TensorScan::findings() const {
  std::vector<const FindingKind*> found;
  for (const FindingKind& kind : kFindingKinds) {
    if ((scan.*kind.sighting).count != 0 && !usual(tensor->type, kind)) found.push_back(&kind);
  }
  return found;
}

bool TensorScan::broken() const {
  const auto found = findings();
  return std::any_of(found.begin(), found.end(),
                     [](const FindingKind* kind) { return kind->severity == Severity::broken; });
}

Result<std::vector<TensorScan>> scan_tensors(const gguf::File& file) {
  const auto tensors = file.tensors();
  std::vector<TensorScan> scans;
  for (const gguf::TensorInfo& tensor : tensors) scans.push_back({&tensor, {}});

  const std::vector<Piece> pieces = cut(tensors);
  std::vector<std::optional<Result<BlockScan>>> results(pieces.size());
  ThreadPool pool(usable_processors());
  const size_t batch = static_cast<size_t>(pool.size()) * kPiecesPerThread;
  Progress progress("verifying", file.file_bytes(), ProgressUnit::bytes);
  uint64_t done = 0;
  for (size_t start = 0; start < pieces.size(); start += batch) {
    if (interrupted()) return interrupted_error();
    const size_t count = std::min(batch, pieces.size() - start);
    pool.parallel_for(static_cast<int64_t>(count), 1, [&](int64_t begin, int64_t end) {
      for (auto i = start + static_cast<size_t>(begin); i < start + static_cast<size_t>(end); ++i) {
        results[i] = quant::scan(tensors[pieces[i].tensor].type, pieces[i].bytes);
      }
    });
    for (size_t i = start; i < start + count; ++i) {
      if (!results[i]->ok()) return results[i]->error();
      add(scans[pieces[i].tensor].scan, **results[i], pieces[i].first_block);
      done += pieces[i].bytes.size();
    }
    progress.update(done);
  }
  return scans;
}

}  // namespace kilter::cli
