#include "cli/inspect/verify.h"

#include <algorithm>
#include <array>
#include <optional>

#include "cli/inspect/block_walk.h"

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

bool usual(DType type, const FindingKind& kind) {
  const bool negative = kind.sighting == &BlockScan::negative_scales;
  return negative && std::find(kSignedScales.begin(), kSignedScales.end(), type) != kSignedScales.end();
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

  const std::vector<BlockPiece> pieces = pieces_of(tensors);
  std::vector<std::optional<BlockScan>> results(pieces.size());
  KILTER_TRY(walk_blocks(pieces, "verifying", [&](size_t i) -> Status {
    KILTER_ASSIGN(results[i], quant::scan(pieces[i].tensor->type, pieces[i].bytes));
    return {};
  }));
  for (size_t i = 0; i < pieces.size(); ++i) {
    add(scans[static_cast<size_t>(pieces[i].tensor - tensors.data())].scan, *results[i],
        pieces[i].first_block);
  }
  return scans;
}

}  // namespace kilter::cli
