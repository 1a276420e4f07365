#include "backend/cpu/weight_store.h"

#include "quant/codec.h"

namespace kilter::cpu {
namespace {

// Source bytes that one thread packs at a time: enough to be worth a hand-out, little enough to balance.
constexpr int64_t kPieceBytes = int64_t{1} << 18;
// Pieces between two reports of progress.
constexpr int64_t kPiecesAReport = 64;

int64_t weight_bytes(const Weight& weight) { return weight.rows * weight.row_bytes(); }

// Bytes of a packed weight, whole lines of the cache.
int64_t memory_of(const PackedWeight& packed) {
  return (packed.panels() * packed.panel_bytes() + 63) / 64 * 64;
}

std::vector<float> decoded(const Weight& weight) {
  std::vector<float> values(static_cast<size_t>(weight.rows * weight.cols));
  static_cast<void>(quant::decode(weight.type, weight.bytes, values));  // whole rows: the sizes always fit
  return values;
}

}  // namespace

Status WeightStore::prepare(std::span<const Weight* const> weights, const PrepareProgress& progress) {
  int64_t source_bytes = 0;
  int64_t packed_bytes = 0;
  for (const Weight* weight : weights) {
    if (weight->rows == 1 || matrices_.contains(key_of(*weight))) continue;
    source_bytes += weight_bytes(*weight);
    packed_bytes += memory_of(packed_form(*weight));
  }
  // One piece for all of them, so that small weights stand in huge pages too.
  KILTER_ASSIGN(HostMemory memory, HostMemory::create(packed_bytes));
  std::byte* next = memory.data();
  int64_t done = 0;
  for (const Weight* weight : weights) {
    if (weight->rows == 1) {
      if (!vectors_.contains(key_of(*weight))) vectors_.emplace(key_of(*weight), decoded(*weight));
      continue;
    }
    if (matrices_.contains(key_of(*weight))) continue;
    const PackedWeight packed = pack(*weight, next, [&](int64_t bytes, int64_t) {
      if (progress) progress(done + bytes, source_bytes);
    });
    matrices_.emplace(key_of(*weight), packed);
    next += memory_of(packed);
    done += weight_bytes(*weight);
  }
  memory_.push_back(std::move(memory));
  return {};
}

PackedWeight WeightStore::pack(const Weight& weight, std::byte* to, const PrepareProgress& progress) {
  PackedWeight packed = packed_form(weight);
  packed.data = to;
  const int64_t panel_source = weight.row_bytes() * kPanelRows;
  const int64_t grain = std::max<int64_t>(1, kPieceBytes / panel_source);
  const int64_t step = grain * kPiecesAReport;
  for (int64_t first = 0; first < packed.panels(); first += step) {
    const int64_t count = std::min(step, packed.panels() - first);
    crew_.share(count, grain, [&](int64_t begin, int64_t end, std::byte*) {
      pack_panels(weight, first + begin, first + end, to);
    });
    if (progress) progress(std::min((first + count) * panel_source, weight_bytes(weight)), 0);
  }
  return packed;
}

PackedWeight WeightStore::matrix(const Weight& weight) {
  const auto found = matrices_.find(key_of(weight));
  if (found != matrices_.end()) return found->second;
  const PackedWeight form = packed_form(weight);
  Result<HostMemory> memory = HostMemory::create(memory_of(form));
  if (!memory.ok()) {
    device_.fail(std::move(memory).error());
    return form;
  }
  unprepared_matrices_.push_back(std::move(memory).value());
  return pack(weight, unprepared_matrices_.back().data(), {});
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
