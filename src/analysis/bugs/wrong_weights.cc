#include "analysis/bugs/wrong_weights.h"

#include <optional>

namespace kilter::analysis {
namespace {

Weight as_f32(const Weight& w, const std::vector<float>& numbers) {
  Weight plain = w;
  plain.type = DType::f32;
  plain.bytes = std::as_bytes(std::span(numbers));
  return plain;
}

// A pass reads few rows of a table, whose other rows need not be decoded.
Result<std::vector<float>> embedded(const Reading& reading, const Weight& table,
                                    std::span<const int32_t> ids) {
  const auto width = static_cast<size_t>(table.cols);
  std::vector<float> rows(ids.size() * width);
  for (size_t t = 0; t < ids.size(); ++t) {
    KILTER_TRY(reading.decode_row(table, ids[t], std::span(rows).subspan(t * width, width)));
  }
  return rows;
}

// Decoded by `bytes`, then rearranged by `numbers`.
Reading one_after_the_other(Reading bytes, Reading numbers) {
  Reading both;
  both.detail = bytes.detail + "; " + numbers.detail;
  both.fitted = bytes.fitted + numbers.fitted;
  both.of_numbers = bytes.of_numbers;
  both.decode_row = [=](const Weight& w, int64_t row, std::span<float> out) -> Status {
    std::vector<float> decoded(static_cast<size_t>(w.rows * w.cols));
    KILTER_TRY(read_weight(bytes, w, decoded));
    return numbers.decode_row(as_f32(w, decoded), row, out);
  };
  both.decode_all = [=](const Weight& w, std::span<float> out) -> Status {
    std::vector<float> decoded(static_cast<size_t>(w.rows * w.cols));
    KILTER_TRY(read_weight(bytes, w, decoded));
    return read_weight(numbers, as_f32(w, decoded), out);
  };
  return both;
}

std::optional<Reading> both_of(const Reading& first, const Reading& second) {
  if (second.of_numbers) return one_after_the_other(first, second);
  if (first.of_numbers) return one_after_the_other(second, first);
  return std::nullopt;
}

}  // namespace

Status read_weight(const Reading& reading, const Weight& w, std::span<float> out) {
  if (reading.decode_all) return reading.decode_all(w, out);
  const auto width = static_cast<size_t>(w.cols);
  for (int64_t row = 0; row < w.rows; ++row) {
    KILTER_TRY(reading.decode_row(w, row, out.subspan(static_cast<size_t>(row) * width, width)));
  }
  return {};
}

Result<std::vector<float>> WrongWeights::compute(const Node& node, ReplayView& view) const {
  const Reading& reading = readings_.at(node.at);
  const Weight& w = *node.weight;
  if (node.op == "embed") return embedded(reading, w, view.tokens());
  std::vector<float> numbers(static_cast<size_t>(w.rows * w.cols));
  KILTER_TRY(read_weight(reading, w, numbers));
  const Weight wrong = as_f32(w, numbers);
  Node changed = node;
  changed.weight = &wrong;
  return view.run(changed);
}

std::shared_ptr<const WrongWeights> both_at_once(const WrongWeights& first, const WrongWeights& second) {
  ReadingAt readings = second.readings();
  bool any = false;
  for (auto& [at, reading] : readings) {
    const auto other = first.readings().find(at);
    if (other == first.readings().end()) continue;
    std::optional<Reading> both = both_of(other->second, reading);
    if (!both) continue;
    reading = std::move(*both);
    any = true;
  }
  return any ? std::make_shared<WrongWeights>(std::move(readings)) : nullptr;
}

}  // namespace kilter::analysis
