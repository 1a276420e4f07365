#include "gguf/read_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/utf8.h"
#include "gguf/format.h"
#include "gguf/tensor_shape.h"

namespace kilter::gguf {
namespace {

/// Types that the format had once and gave up.
bool is_retired(uint32_t type) {
  constexpr std::array<uint32_t, 8> kRetired = {4, 5, 31, 32, 33, 36, 37, 38};
  return std::find(kRetired.begin(), kRetired.end(), type) != kRetired.end();
}

Result<DType> read_dtype(FieldReader& in) {
  const uint64_t at = in.offset();
  KILTER_ASSIGN(const uint32_t number, in.number<uint32_t>("the type of the tensor"));
  if (const auto type = dtype_from_number(number)) return *type;
  if (is_retired(number)) {
    return in.unsupported(fmt::format("has type {}, which the format has given up", number),
                          "get the model in another quantization, or quantize it again");
  }
  return in.unsupported(fmt::format("has type {} (at byte {}), which this build does not know", number, at),
                        "the file is damaged, or newer than this build");
}

Result<TensorInfo> read_tensor(FieldReader& in) {
  TensorInfo tensor;
  KILTER_ASSIGN(tensor.name, in.string("the name of the tensor", 1, kMaxTensorNameBytes));
  in.enter(tensor_subject(tensor.name));
  const uint64_t at = in.offset();
  KILTER_ASSIGN(const uint32_t rank, in.number<uint32_t>("the number of axes"));
  if (rank == 0 || rank > kMaxRank) {
    return in.corrupt(fmt::format("has {} axes (at byte {}), where 1 to {} are allowed", rank, at, kMaxRank),
                      "the file is damaged");
  }
  for (uint32_t axis = 0; axis < rank; ++axis) {
    KILTER_ASSIGN(const uint64_t extent, in.number<uint64_t>("the extents"));
    tensor.ne.push_back(extent);
  }
  KILTER_ASSIGN(tensor.type, read_dtype(in));
  KILTER_ASSIGN(tensor.offset, in.number<uint64_t>("the offset of the data"));
  return tensor;
}

/// A tensor and where its data lies in the data section, [begin, end).
struct Place {
  uint64_t begin = 0;
  uint64_t end = 0;
  TensorInfo* tensor = nullptr;
};

Error misplaced(const std::string& file, const TensorInfo& tensor, std::string sentence, std::string cure) {
  return Error{ErrorCode::corrupt, file + ", " + tensor_subject(tensor.name), std::move(sentence),
               std::move(cure)};
}

Result<Place> find_place(const std::string& file, uint64_t alignment, TensorInfo& tensor) {
  if (tensor.offset % alignment != 0) {
    return misplaced(
        file, tensor,
        fmt::format("its offset {} is not a multiple of the alignment {}", tensor.offset, alignment),
        "the file is damaged, or its converter is wrong");
  }
  KILTER_ASSIGN(const uint64_t size,
                stored_bytes(file + ", " + tensor_subject(tensor.name), tensor.type, tensor.ne));
  const auto end = checked_add(tensor.offset, size);
  if (!end) {
    return misplaced(file, tensor, fmt::format("its offset {} is beyond any file", tensor.offset),
                     "the file is damaged");
  }
  return Place{tensor.offset, *end, &tensor};
}

Status prove_inside(const std::string& file, uint64_t data_bytes, const std::vector<Place>& by_offset) {
  uint64_t needed = 0;
  for (const Place& place : by_offset) needed = std::max(needed, place.end);
  for (const Place& place : by_offset) {
    if (place.end <= data_bytes) continue;
    return misplaced(
        file, *place.tensor,
        fmt::format("its data lies at bytes {} to {} of the data section, which has {}: the file ends {} "
                    "bytes early",
                    place.begin, place.end, data_bytes, needed - data_bytes),
        "was the download interrupted? Fetch the file again");
  }
  return {};
}

Status prove_apart(const std::string& file, const std::vector<Place>& by_offset) {
  for (size_t i = 1; i < by_offset.size(); ++i) {
    const Place& before = by_offset[i - 1];
    if (by_offset[i].begin >= before.end) continue;
    return misplaced(
        file, *by_offset[i].tensor,
        fmt::format("its data starts at {}, inside that of {} (bytes {} to {})", by_offset[i].begin,
                    tensor_subject(before.tensor->name), before.begin, before.end),
        "the file is damaged, or its converter is wrong");
  }
  return {};
}

}  // namespace

Result<std::vector<TensorInfo>> read_tensors(FieldReader& in, uint64_t count) {
  std::vector<TensorInfo> tensors;
  tensors.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    in.enter(fmt::format("tensor {} of {}", i + 1, count));
    KILTER_ASSIGN(TensorInfo tensor, read_tensor(in));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

Status place_tensors(const std::string& file, std::span<const std::byte> data, uint64_t alignment,
                     std::vector<TensorInfo>& tensors) {
  std::vector<Place> places;
  places.reserve(tensors.size());
  for (TensorInfo& tensor : tensors) {
    KILTER_ASSIGN(const Place place, find_place(file, alignment, tensor));
    places.push_back(place);
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.begin < b.begin; });
  KILTER_TRY(prove_inside(file, data.size(), places));
  KILTER_TRY(prove_apart(file, places));
  for (const Place& place : places) place.tensor->bytes = data.subspan(place.begin, place.end - place.begin);
  return {};
}

}  // namespace kilter::gguf
