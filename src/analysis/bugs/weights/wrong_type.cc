// The bytes of a tensor decoded as another type.
#include <algorithm>
#include <set>

#include "analysis/bugs/weights/weight_bugs.h"
#include "quant/codec.h"

namespace kilter::analysis {
namespace {

std::string name_of(DType type) { return std::string(dtype_info(type).name); }

bool is_half(DType type) { return type == DType::f16 || type == DType::bf16; }

// Types that people read a tensor of this type as, likely ones first.
std::vector<DType> candidates(DType type) {
  if (!is_quantised(type)) return {DType::f16, DType::bf16, DType::f32};
  std::vector<DType> types;
  const DTypeInfo& own = dtype_info(type);
  for (const DTypeInfo& info : all_dtypes()) {
    if (is_quantised(info.type) || is_half(info.type) || info.type == DType::f32 || info.type == DType::i8) {
      types.push_back(info.type);
    }
  }
  // Blocks of the same cut first: nothing runs out of the file there.
  std::stable_partition(types.begin(), types.end(), [&](DType other) {
    const DTypeInfo& info = dtype_info(other);
    return info.block_values == own.block_values && info.block_bytes == own.block_bytes;
  });
  return types;
}

bool fits(const Weight& w, const ReplayModel& model, DType type) {
  const DTypeInfo& info = dtype_info(type);
  if (w.cols % info.block_values != 0) return false;
  const int64_t wanted = w.rows * (w.cols / info.block_values) * info.block_bytes;
  return wanted <= static_cast<int64_t>(bytes_from(w, model).size());
}

Reading read_as(const Weight& w, const ReplayModel& model, DType type, std::string detail) {
  const auto bytes = bytes_from(w, model);
  const auto decode_row = [=](const Weight& weight, int64_t row, std::span<float> out) {
    Weight other = weight;
    other.type = type;
    other.bytes = bytes;
    return decode_right(other, row, out);
  };
  return {.detail = std::move(detail), .decode_row = decode_row};
}

// Types of the model's matrices.
std::set<DType> types_of_matrices(const ReplayModel& model) {
  std::set<DType> types;
  for (const Node& node : model.graph->nodes()) {
    if (node.weight != nullptr && is_matrix(*node.weight)) types.insert(node.weight->type);
  }
  return types;
}

std::vector<Reading> wrong_types(const Weight& w, const ReplayModel& model) {
  const std::set<DType> mixed = is_matrix(w) ? types_of_matrices(model) : std::set<DType>{};
  std::vector<Reading> found;
  for (const DType type : candidates(w.type)) {
    // An f16 for a bf16 is a bug of its own, and so is another type of the same file.
    const bool other_bug = (is_half(type) && is_half(w.type)) || mixed.contains(type);
    if (type == w.type || other_bug || !fits(w, model, type)) continue;
    found.push_back(read_as(w, model, type, name_of(w.type) + " read as " + name_of(type)));
  }
  return found;
}

std::vector<Reading> mixed_types(const Weight& w, const ReplayModel& model) {
  if (!is_matrix(w)) return {};
  std::vector<Reading> found;
  for (const DType type : types_of_matrices(model)) {
    if (type == w.type || (is_half(type) && is_half(w.type)) || !fits(w, model, type)) continue;
    found.push_back(
        read_as(w, model, type, "every matrix read as " + name_of(type) + ", whatever its own type"));
  }
  return found;
}

constexpr BugInfo kWrongType{
    .id = "wrong-type",
    .title = "A tensor is decoded as another type",
    .cause = "The engine takes the type number of the tensor for another type, or does not look at it.",
    .fix =
        "Compare the engine's table with ggml's numbers: F32 0, F16 1, Q4_0 2, Q4_1 3, Q5_0 6, Q5_1 7, Q8_0 "
        "8, Q2_K "
        "10, Q3_K 11, Q4_K 12, Q5_K 13, Q6_K 14, BF16 30.",
    .rank = 5,
    .next_measurement = "print the type that the engine uses beside `kilter inspect --tensors` of the file"};

constexpr BugInfo kMixedTypes{
    .id = "mixed-types",
    .title = "A mixed file is decoded as if all tensors had one type",
    .cause =
        "The file holds matrices of several types (Q4_K_M holds Q4_K and Q6_K); the engine decodes all of "
        "them as "
        "one.",
    .fix =
        "Read the type of each tensor from its own entry in the file, not from general.file_type or from the "
        "first "
        "tensor.",
    .rank = 5,
    .next_measurement =
        "print the type that the engine uses for each tensor beside `kilter inspect --tensors`"};

}  // namespace

std::span<const Bug* const> wrong_type_bugs() {
  static const WeightBugEntry entries[] = {{kMixedTypes, mixed_types}, {kWrongType, wrong_types}};
  static const Bug* const all[] = {&entries[0], &entries[1]};
  return all;
}

}  // namespace kilter::analysis
