#include "analysis/bugs/weights/code_order.h"

#include <algorithm>

#include "quant/codec.h"

namespace kilter::analysis {
namespace {

Order order_of(DType type, const std::function<size_t(size_t i)>& source) {
  Order order{};
  for (size_t i = 0; i < dtype_info(type).block_values; ++i) order[i] = source(i);
  return order;
}

}  // namespace

Reading nibbles_from(DType type, std::string detail, const std::function<Nibble(size_t i)>& nibble) {
  const size_t run = nibble_run(type);
  const size_t n = dtype_info(type).block_values;
  const Order order = order_of(type, [&](size_t i) { return element_of(nibble(i), run); });
  return by_parts(std::move(detail), [=](const std::byte* block, quant::Parts& parts) {
    const Codes high = high_parts(type, block);
    const auto right = parts.code;
    for (size_t i = 0; i < n; ++i) {
      const size_t from = order[i];
      parts.code[i] = quant::as_code(right[from] - high[from] + high[i]);
    }
  });
}

Reading high_bits_from(DType type, std::string detail, const std::function<size_t(size_t i)>& source) {
  const size_t n = dtype_info(type).block_values;
  const Order order = order_of(type, source);
  return by_parts(std::move(detail), [=](const std::byte* block, quant::Parts& parts) {
    const Codes high = high_parts(type, block);
    for (size_t i = 0; i < n; ++i) {
      parts.code[i] = quant::as_code(parts.code[i] - high[i] + high[order[i]]);
    }
  });
}

Reading high_bits_read(DType type, std::string detail,
                       std::function<int(const std::byte* block, size_t i)> high) {
  const size_t n = dtype_info(type).block_values;
  return by_parts(std::move(detail),
                  [n, type, high = std::move(high)](const std::byte* block, quant::Parts& parts) {
                    const Codes right = high_parts(type, block);
                    for (size_t i = 0; i < n; ++i) {
                      parts.code[i] = quant::as_code(parts.code[i] - right[i] + high(block, i));
                    }
                  });
}

Reading codes_from(DType type, std::string detail, const std::function<size_t(size_t i)>& source) {
  const size_t n = dtype_info(type).block_values;
  const Order order = order_of(type, source);
  return by_parts(std::move(detail), [=](const std::byte*, quant::Parts& parts) {
    const auto right = parts.code;
    for (size_t i = 0; i < n; ++i) parts.code[i] = right[order[i]];
  });
}

Reading values_from(DType type, std::string detail, const std::function<size_t(size_t i)>& source) {
  const size_t n = dtype_info(type).block_values;
  const Order order = order_of(type, source);
  return by_values(std::move(detail), [=](std::span<float> row) {
    std::array<float, 256> right;
    for (size_t block = 0; block < row.size(); block += n) {
      const auto values = row.subspan(block, n);
      std::copy(values.begin(), values.end(), right.begin());
      for (size_t i = 0; i < n; ++i) values[i] = right[order[i]];
    }
  });
}

}  // namespace kilter::analysis
