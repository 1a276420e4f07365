#include "analysis/bugs/weights/reading.h"

#include <algorithm>
#include <array>
#include <functional>

#include "quant/codec.h"

namespace kilter::analysis {
namespace {

constexpr size_t kMostBlockValues = 256;

}  // namespace

Error cannot_be_read_so(const Weight& w, std::string sentence) {
  return {ErrorCode::usage, w.name, std::move(sentence), ""};
}

Status decode_right(const Weight& w, int64_t row, std::span<float> out) {
  return quant::decode(w.type, w.row(row), out);
}

Status decode_right(const Weight& w, std::span<float> out) { return quant::decode(w.type, w.bytes, out); }

float element_of(const Weight& w, int64_t index) {
  const DTypeInfo& info = dtype_info(w.type);
  const int64_t block = index / info.block_values;
  std::array<float, kMostBlockValues> values;
  const auto bytes = w.bytes.subspan(static_cast<size_t>(block) * info.block_bytes, info.block_bytes);
  const Status decoded = quant::decode(w.type, bytes, std::span(values).first(info.block_values));
  return decoded.ok() ? values[static_cast<size_t>(index % info.block_values)] : 0;
}

Reading by_block(std::string detail, DecodeBlock decode) {
  const auto decode_row = [decode = std::move(decode)](const Weight& w, int64_t row,
                                                       std::span<float> out) -> Status {
    const DTypeInfo& info = dtype_info(w.type);
    const std::byte* block = w.row(row).data();
    for (size_t i = 0; i < out.size(); i += info.block_values) {
      decode(block, out.subspan(i, info.block_values));
      block += info.block_bytes;
    }
    return {};
  };
  return {.detail = std::move(detail), .decode_row = decode_row};
}

Reading by_parts(std::string detail, ChangeParts change) {
  const auto decode_row = [change = std::move(change)](const Weight& w, int64_t row,
                                                       std::span<float> out) -> Status {
    const DTypeInfo& info = dtype_info(w.type);
    const quant::Format& format = quant::format_of(w.type);
    const std::byte* block = w.row(row).data();
    quant::Parts parts{};
    for (size_t i = 0; i < out.size(); i += info.block_values) {
      format.unpack(block, parts);
      change(block, parts);
      quant::combine(format, parts, out.subspan(i, info.block_values));
      block += info.block_bytes;
    }
    return {};
  };
  return {.detail = std::move(detail), .decode_row = decode_row};
}

Reading by_values(std::string detail, std::function<void(std::span<float> row)> change) {
  const auto decode_row = [change = std::move(change)](const Weight& w, int64_t row,
                                                       std::span<float> out) -> Status {
    KILTER_TRY(decode_right(w, row, out));
    change(out);
    return {};
  };
  return {.detail = std::move(detail),
          .decode_row = decode_row,
          .decode_all = {},
          .fitted = 0,
          .of_numbers = true};
}

Reading by_element(std::string detail, ElementSource source) {
  const auto decode_row = [source](const Weight& w, int64_t row, std::span<float> out) -> Status {
    for (size_t i = 0; i < out.size(); ++i) {
      const int64_t from = source(row, static_cast<int64_t>(i));
      out[i] = from < 0 ? 0 : element_of(w, from);
    }
    return {};
  };
  const auto decode_all = [source = std::move(source)](const Weight& w, std::span<float> out) -> Status {
    std::vector<float> right(out.size());
    KILTER_TRY(decode_right(w, right));
    for (size_t i = 0; i < out.size(); ++i) {
      const auto index = static_cast<int64_t>(i);
      const int64_t from = source(index / w.cols, index % w.cols);
      out[i] = from < 0 ? 0 : right[static_cast<size_t>(from)];
    }
    return {};
  };
  return {.detail = std::move(detail),
          .decode_row = decode_row,
          .decode_all = decode_all,
          .fitted = 0,
          .of_numbers = true};
}

Reading by_own_row(std::string detail, std::function<int64_t(int64_t row)> source) {
  const auto decode_row = [source = std::move(source)](const Weight& w, int64_t row,
                                                       std::span<float> out) -> Status {
    const int64_t from = source(row);
    if (from < 0 || from >= w.rows) return cannot_be_read_so(w, "has no row " + std::to_string(from));
    return decode_right(w, from, out);
  };
  return {.detail = std::move(detail),
          .decode_row = decode_row,
          .decode_all = {},
          .fitted = 0,
          .of_numbers = true};
}

Reading by_row(std::string detail, std::function<RowOf(int64_t row)> source) {
  const auto decode_row = [source = std::move(source)](const Weight&, int64_t row, std::span<float> out) {
    const RowOf from = source(row);
    if (from.row < 0 || from.row >= from.weight->rows) {
      return Status(cannot_be_read_so(*from.weight, "has no row " + std::to_string(from.row)));
    }
    return decode_right(*from.weight, from.row, out);
  };
  return {.detail = std::move(detail), .decode_row = decode_row};
}

Reading instead(std::string detail, const Weight& other) {
  const auto decode_row = [&other](const Weight&, int64_t row, std::span<float> out) {
    return decode_right(other, row, out);
  };
  return {.detail = std::move(detail), .decode_row = decode_row};
}

Reading all_equal(std::string detail, float number) {
  const auto decode_row = [number](const Weight&, int64_t, std::span<float> out) -> Status {
    std::fill(out.begin(), out.end(), number);
    return {};
  };
  return {.detail = std::move(detail), .decode_row = decode_row};
}

std::span<const std::byte> bytes_from(const Weight& w, const ReplayModel& model) {
  const std::byte* const end = model.file_data.data() + model.file_data.size();
  const std::less_equal<const std::byte*> not_after;
  const bool inside = !model.file_data.empty() && not_after(model.file_data.data(), w.bytes.data()) &&
                      not_after(w.bytes.data() + w.bytes.size(), end);
  return inside ? std::span(w.bytes.data(), end) : w.bytes;
}

}  // namespace kilter::analysis
