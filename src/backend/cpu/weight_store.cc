#include "backend/cpu/weight_store.h"

#include "quant/codec.h"

namespace kilter::cpu {
namespace {

// Source bytes that one thread packs at a time: enough to be worth a hand-out, little enough to balance.
constexpr int64_t kPieceBytes = int64_t{1} << 18;
// Pieces between two reports of progress.
constexpr int64_t kPiecesAReport = 64;

int64_t weight_bytes(const Weight& weight) { return weight.rows * weight.row_bytes(); }

std::vector<float> decoded(const Weight& weight) {
  std::vector<float> values(static_cast<size_t>(weight.rows * weight.cols));
  static_cast<void>(quant::decode(weight.type, weight.bytes, values));  // whole rows: the sizes always fit
  return values;
}

}  // namespace

Status WeightStore::prepare(std::span<const Weight* const> weights, const PrepareProgress& progress) {
  int64_t all = 0;
  for (const Weight* weight : weights) all += weight->rows == 1 ? 0 : weight_bytes(*weight);
  int64_t done = 0;
  for (const Weight* weight : weights) {
    if (weight->rows == 1) {
      if (!vectors_.contains(key_of(*weight))) vectors_.emplace(key_of(*weight), decoded(*weight));
      continue;
    }
    if (!matrices_.contains(key_of(*weight))) {
      HostMemory memory;
      KILTER_ASSIGN(const PackedWeight packed, pack(*weight, memory, [&](int64_t bytes, int64_t) {
                      if (progress) progress(done + bytes, all);
                    }));
      matrices_.emplace(key_of(*weight), packed);
      bytes_ += memory.bytes();
      memory_.push_back(std::move(memory));
    }
    done += weight_bytes(*weight);
    if (progress) progress(done, all);
  }
  return {};
}

Result<PackedWeight> WeightStore::pack(const Weight& weight, HostMemory& memory,
                                       const PrepareProgress& progress) {
  PackedWeight packed = packed_form(weight);
  KILTER_ASSIGN(memory, HostMemory::create(packed.panels() * packed.panel_bytes()));
  packed.data = memory.data();
  const int64_t panel_source = weight.row_bytes() * kPanelRows;
  const int64_t grain = std::max<int64_t>(1, kPieceBytes / panel_source);
  const int64_t step = grain * kPiecesAReport;
  for (int64_t first = 0; first < packed.panels(); first += step) {
    const int64_t count = std::min(step, packed.panels() - first);
    crew_.share(count, grain, [&](int64_t begin, int64_t end, std::byte*) {
      pack_panels(weight, first + begin, first + end, memory.data());
    });
    if (progress) progress(std::min((first + count) * panel_source, weight_bytes(weight)), 0);
  }
  return packed;
}

PackedWeight WeightStore::matrix(const Weight& weight) {
  const auto found = matrices_.find(key_of(weight));
  if (found != matrices_.end()) return found->second;
  HostMemory memory;
  Result<PackedWeight> packed = pack(weight, memory, {});
  if (!packed.ok()) {
    device_.fail(std::move(packed).error());
    return packed_form(weight);
  }
  unprepared_matrices_.push_back(std::move(memory));
  return *packed;
}

const float* WeightStore::vector(const Weight& weight) {
  const auto found = vectors_.find(key_of(weight));
  if (found != vectors_.end()) return found->second.data();
  return unprepared_vectors_.emplace_back(decoded(weight)).data();
}

void WeightStore::forget_unprepared() {
  unprepared_matrices_.clear();
  unprepared_vectors_.clear();
}

}  // namespace kilter::cpu
