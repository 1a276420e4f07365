// The right decoder at the wrong place of the file.
#include <algorithm>
#include <array>

#include "analysis/bugs/weights/weight_bugs.h"
#include "quant/codec.h"

namespace kilter::analysis {
namespace {

/// The file as one row of bytes, which need not be one in memory.
struct FileBytes {
  std::span<const std::byte> header;
  std::span<const std::byte> data;

  bool copy(int64_t from, std::span<std::byte> out) const {
    const auto begin = static_cast<int64_t>(header.size());
    const int64_t end = begin + static_cast<int64_t>(data.size());
    if (from < 0 || from + static_cast<int64_t>(out.size()) > end) return false;
    for (size_t i = 0; i < out.size(); ++i) {
      const int64_t place = from + static_cast<int64_t>(i);
      out[i] = place < begin ? header[static_cast<size_t>(place)] : data[static_cast<size_t>(place - begin)];
    }
    return true;
  }
};

// The tensor read from `position` of the file on.
Reading read_at(std::string detail, const FileBytes& file, int64_t position) {
  const auto decode_row = [=](const Weight& w, int64_t row, std::span<float> out) -> Status {
    std::vector<std::byte> bytes(static_cast<size_t>(w.row_bytes()));
    if (!file.copy(position + row * w.row_bytes(), bytes)) {
      return cannot_be_read_so(w, "would reach beyond the file");
    }
    return quant::decode(w.type, bytes, out);
  };
  return {.detail = std::move(detail), .decode_row = decode_row};
}

/// Where the tensor begins in the data section; -1: it does not lie there.
int64_t offset_of(const Weight& w, const ReplayModel& model) {
  const bool inside = !model.file_data.empty() && bytes_from(w, model).data() == w.bytes.data() &&
                      bytes_from(w, model).data() + bytes_from(w, model).size() ==
                          model.file_data.data() + model.file_data.size();
  return inside ? w.bytes.data() - model.file_data.data() : -1;
}

std::vector<Reading> first_tensor(const Weight& w, const ReplayModel& model) {
  const int64_t offset = offset_of(w, model);
  if (offset <= 0 || w.bytes.size() > model.file_data.size()) return {};
  return {read_at("the first bytes of the data section decoded under this tensor's type and shape",
                  {{}, model.file_data}, 0)};
}

/// Where the first tensor has this one's shape and type, that is one wrong tensor and no proof of a lost
/// offset.
class FirstTensorBug final : public WeightBugEntry {
 public:
  explicit FirstTensorBug(const BugInfo& what) : WeightBugEntry(what, first_tensor) {}

  std::vector<Trial> trials(const Suspect& suspect) const override {
    const auto begins_the_data = [&](const Node& node) {
      return node.weight != nullptr && node.weight->bytes.data() == suspect.view->file_data().data();
    };
    const std::vector<Node>& nodes = suspect.view->graph().nodes();
    const auto first = std::find_if(nodes.begin(), nodes.end(), begins_the_data);
    const bool proves = std::any_of(suspect.segment.begin(), suspect.segment.end(), [&](const Node* node) {
      const Weight* w = node->weight;
      return w != nullptr && (first == nodes.end() || w->type != first->weight->type ||
                              w->rows != first->weight->rows || w->cols != first->weight->cols);
    });
    return proves ? WeightBugEntry::trials(suspect) : std::vector<Trial>{};
  }
};

std::vector<Reading> positions(const Weight& w, const ReplayModel& model) {
  const int64_t offset = offset_of(w, model);
  const auto start = static_cast<int64_t>(model.file_header.bytes.size());
  if (offset < 0 || start == 0) return {};
  const FileBytes file{model.file_header.bytes, model.file_data};
  return {read_at("offset counted from the start of the file", file, offset),
          read_at("start of the data section added twice", file, offset + 2 * start)};
}

std::vector<Reading> alignments(const Weight& w, const ReplayModel& model) {
  const int64_t offset = offset_of(w, model);
  const auto start = static_cast<int64_t>(model.file_header.bytes.size());
  const auto used = static_cast<int64_t>(model.file_header.used);
  if (offset < 0 || start == 0 || used == 0 || used > start) return {};
  const FileBytes file{model.file_header.bytes, model.file_data};
  std::vector<int64_t> tried = {start};
  std::vector<Reading> found;
  for (const int64_t alignment : {32, 1, 64, 16, 8, 4, 128, 256, 512, 1024, 2048, 4096}) {
    const int64_t place = (used + alignment - 1) / alignment * alignment;
    if (std::find(tried.begin(), tried.end(), place) != tried.end()) continue;
    tried.push_back(place);
    const std::string detail = alignment == 1
                                   ? "data taken to begin right behind the tensor entries, without padding"
                                   : "data taken to begin at a multiple of " + std::to_string(alignment);
    found.push_back(read_at(detail, file, place + offset));
    found.back().fitted = alignment == 32 || alignment == 1 ? 0 : 1;
  }
  return found;
}

constexpr BugInfo kFirst{
    .id = "first-tensor-bytes",
    .title = "The tensor's offset is ignored",
    .cause =
        "The engine hands its kernel the start of the data section instead of the tensor's place in it, so "
        "every "
        "matrix is made of the first tensor's bytes.",
    .fix =
        "Add the tensor's offset to the pointer (or bind the buffer with it); two layers must not have equal "
        "weights.",
    .rank = 6,
    .next_measurement =
        "dump the first decoded row of two different weights: they are made of the same bytes"};

constexpr BugInfo kOffset{
    .id = "tensor-offset",
    .title = "The tensor's offset is counted from the wrong place",
    .cause =
        "Offsets in a GGUF file count from the start of the data section, which begins behind the tensor "
        "entries at "
        "the next multiple of the alignment; the engine counts from elsewhere.",
    .fix = "position = data_start + offset, data_start added exactly once.",
    .rank = 6,
    .next_measurement = "print data_start and the position of one tensor beside `kilter inspect --tensors`"};

constexpr BugInfo kAlignment{
    .id = "data-alignment",
    .title = "The start of the data section is rounded wrongly",
    .cause =
        "The data section begins at the next multiple of general.alignment (32 if absent) behind the tensor "
        "entries; "
        "the engine uses another alignment, so all tensors are shifted by the same number of bytes.",
    .fix = "Read general.alignment and round the end of the tensor entries up to it.",
    .rank = 6,
    .next_measurement = "print data_start beside `kilter inspect`"};

}  // namespace

std::span<const Bug* const> offset_bugs() {
  static const FirstTensorBug first(kFirst);
  static const WeightBugEntry entries[] = {{kOffset, positions}, {kAlignment, alignments}};
  static const Bug* const all[] = {&first, &entries[0], &entries[1]};
  return all;
}

}  // namespace kilter::analysis
