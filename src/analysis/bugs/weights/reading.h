// Ways to build a Reading: by block, by order of elements or rows, or from other bytes.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "analysis/bugs/bug.h"
#include "quant/format.h"

namespace kilter::analysis {

/// Decodes one block wrongly, all of its values.
using DecodeBlock = std::function<void(const std::byte* block, std::span<float> values)>;
/// Changes a block that was taken apart rightly, before quant::combine() makes the values.
using ChangeParts = std::function<void(const std::byte* block, quant::Parts& parts)>;

Reading by_block(std::string detail, DecodeBlock decode);
/// For block types only (Format::unpack).
Reading by_parts(std::string detail, ChangeParts change);
/// Changes the right values of each row.
Reading by_values(std::string detail, std::function<void(std::span<float> row)> change);

/// value[row, col] is the right number at source(row, col) of the tensor's rows * cols; -1: 0.
using ElementSource = std::function<int64_t(int64_t row, int64_t col)>;
Reading by_element(std::string detail, ElementSource source);

/// Row r is the right row source(r) of the same weight.
Reading by_own_row(std::string detail, std::function<int64_t(int64_t row)> source);

/// A row of a weight.
struct RowOf {
  const Weight* weight;
  int64_t row;
};
/// Row r is the right row source(r), which is as long.
Reading by_row(std::string detail, std::function<RowOf(int64_t row)> source);
/// Another tensor of the same shape.
Reading instead(std::string detail, const Weight& other);
/// Nothing but this number.
Reading all_equal(std::string detail, float number);

/// The weight's bytes and those behind them in the file's data section; its own alone, where they lie
/// elsewhere.
std::span<const std::byte> bytes_from(const Weight& w, const ReplayModel& model);

/// The right numbers of one row, of the whole weight, or one number of it.
Status decode_right(const Weight& w, int64_t row, std::span<float> out);
Status decode_right(const Weight& w, std::span<float> out);
float element_of(const Weight& w, int64_t index);

/// Whether the type comes in blocks with scales.
inline bool is_quantised(DType type) { return quant::format_of(type).unpack != nullptr; }
/// Whether the weight is a matrix and not a vector.
inline bool is_matrix(const Weight& w) { return w.rows > 1 && w.cols > 1; }
Error cannot_be_read_so(const Weight& w, std::string sentence);

}  // namespace kilter::analysis
