// Blocks cut at the wrong places: another size in the table, another header.
#include <algorithm>

#include "analysis/bugs/weights/weight_bugs.h"
#include "quant/codec.h"

namespace kilter::analysis {
namespace {

// Sizes that were found in other engines' tables.
int known_wrong_size(DType type) {
  switch (type) {
    case DType::q4_k:
      return 148;
    case DType::q6_k:
      return 208;
    case DType::q2_k:
      return 72;
    case DType::q3_k:
      return 104;
    case DType::q5_k:
      return 178;
    default:
      return 0;
  }
}

Reading stride_of(const Weight& w, const ReplayModel& model, size_t stride) {
  const DTypeInfo& info = dtype_info(w.type);
  const auto bytes = bytes_from(w, model);
  const auto decode_row = [=, &info](const Weight& weight, int64_t row, std::span<float> out) -> Status {
    const size_t blocks = out.size() / info.block_values;
    for (size_t b = 0; b < blocks; ++b) {
      const size_t at = (static_cast<size_t>(row) * blocks + b) * stride;
      if (at + info.block_bytes > bytes.size()) {
        return cannot_be_read_so(weight, "blocks of that size reach beyond the file");
      }
      const auto values = out.subspan(b * info.block_values, info.block_values);
      KILTER_TRY(quant::decode(weight.type, bytes.subspan(at, info.block_bytes), values));
    }
    return {};
  };
  return {.detail =
              "blocks of " + std::to_string(stride) + " bytes instead of " + std::to_string(info.block_bytes),
          .decode_row = decode_row,
          .decode_all = {},
          .fitted = static_cast<int>(stride) == known_wrong_size(w.type) ? 0 : 1};
}

std::vector<Reading> block_sizes(const Weight& w, const ReplayModel& model) {
  const DTypeInfo& info = dtype_info(w.type);
  if (!is_quantised(w.type) || w.rows * w.cols == info.block_values) return {};
  const auto right = static_cast<int>(info.block_bytes);
  std::vector<int> sizes;
  if (known_wrong_size(w.type) != 0) sizes.push_back(known_wrong_size(w.type));
  for (const int difference : {-2, 2, -4, 4, -6, 6, -8, 8}) {
    const int size = right + difference;
    if (size > 0 && size != known_wrong_size(w.type)) sizes.push_back(size);
  }
  std::vector<Reading> found;
  for (const int size : sizes) found.push_back(stride_of(w, model, static_cast<size_t>(size)));
  return found;
}

// What follows the block's floats, and where it is taken from instead.
struct HeaderReading {
  DType type;
  size_t header;   // bytes of floats in front
  size_t read_as;  // bytes of header that the engine skips
};

constexpr HeaderReading kHeaders[] = {
    {DType::q4_1, 4, 2}, {DType::q5_1, 4, 2}, {DType::q8_1, 4, 2}, {DType::q4_k, 4, 2},
    {DType::q5_k, 4, 2}, {DType::q4_0, 2, 4}, {DType::q5_0, 2, 4}, {DType::q8_0, 2, 4},
};

// Everything behind the header moves; the floats of the header stay, or the second of them is 0.
Reading header_of(const Weight& w, const ReplayModel& model, const HeaderReading& wrong,
                  bool second_is_zero) {
  const auto bytes = bytes_from(w, model);
  const size_t size = dtype_info(w.type).block_bytes;
  const size_t n = dtype_info(w.type).block_values;
  const auto decode_row = [=](const Weight& weight, int64_t row, std::span<float> out) -> Status {
    std::vector<std::byte> block(size);
    size_t at = static_cast<size_t>(row * weight.row_bytes());
    for (size_t i = 0; i < out.size(); i += n, at += size) {
      std::fill(block.begin(), block.end(), std::byte{0});
      const auto header = bytes.subspan(at, second_is_zero ? 2 : wrong.header);
      std::copy(header.begin(), header.end(), block.begin());
      const auto rest = bytes.subspan(at + wrong.read_as);
      const size_t wanted = std::min(size - wrong.header, rest.size());
      std::copy_n(rest.begin(), wanted, block.begin() + static_cast<std::ptrdiff_t>(wrong.header));
      KILTER_TRY(quant::decode(weight.type, block, out.subspan(i, n)));
    }
    return {};
  };
  return {.detail = "block header of " + std::to_string(wrong.header) + " bytes read as " +
                    std::to_string(wrong.read_as) + (second_is_zero ? ", without the second float" : ""),
          .decode_row = decode_row};
}

std::vector<Reading> block_headers(const Weight& w, const ReplayModel& model) {
  std::vector<Reading> found;
  for (const HeaderReading& wrong : kHeaders) {
    if (wrong.type != w.type) continue;
    found.push_back(header_of(w, model, wrong, false));
    const bool has_second = wrong.header == 4 && w.type != DType::q8_1;
    if (has_second) found.push_back(header_of(w, model, wrong, true));
  }
  return found;
}

constexpr BugInfo kBlockSize{
    .id = "block-size",
    .title = "The block size table has a wrong entry",
    .cause =
        "The engine steps from block to block by another number of bytes than the type's, so block 0 is "
        "right and "
        "each later one is read further away from its place.",
    .fix =
        "Use the sizes of ggml: Q4_0 18, Q4_1 20, Q5_0 22, Q5_1 24, Q8_0 34, Q2_K 84, Q3_K 110, Q4_K 144, "
        "Q5_K 176, "
        "Q6_K 210; assert them with sizeof or a test.",
    .rank = 5,
    .next_measurement =
        "dump rows 0 and 1 of the decoded weight: the first block is right, the others are not"};

constexpr BugInfo kBlockHeader{
    .id = "block-header",
    .title = "The codes of a block are read from the wrong byte",
    .cause =
        "Q4_1, Q5_1, Q8_1, Q4_K and Q5_K begin with two f16 (4 bytes), Q4_0, Q5_0 and Q8_0 with one (2 "
        "bytes); the "
        "engine skips the other number.",
    .fix =
        "Start reading behind all floats of the block: byte 4 in Q4_1, Q5_1, Q4_K, Q5_K; byte 2 in Q4_0, "
        "Q5_0, Q8_0.",
    .rank = 5,
    .next_measurement = "dump the first decoded block of the weight: the codes are shifted by two bytes"};

}  // namespace

std::span<const Bug* const> block_table_bugs() {
  static const WeightBugEntry entries[] = {{kBlockSize, block_sizes}, {kBlockHeader, block_headers}};
  static const Bug* const all[] = {&entries[0], &entries[1]};
  return all;
}

}  // namespace kilter::analysis
