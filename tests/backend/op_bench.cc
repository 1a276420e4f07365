#include "op_bench.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "backend/reference/decode_block.h"

namespace kilter {
namespace {

// Numbers that a product of a few hundred terms cannot carry out of f32.
bool moderate(std::span<const double> values) {
  double largest = 0;
  for (const double v : values) {
    if (!std::isfinite(v)) return false;
    largest = std::max(largest, std::abs(v));
  }
  return largest > 1e-4 && largest < 1e4;
}

}  // namespace

Tensor OpBench::zeros(Shape shape) {
  auto& values = memory_.emplace_back(static_cast<size_t>(shape.elements()) + 1);
  return {values.data(), shape};
}

Tensor OpBench::of(Shape shape, std::vector<float> values) {
  return {memory_.emplace_back(std::move(values)).data(), shape};
}

Tensor OpBench::copy(const Tensor& x) {
  const Tensor y = zeros(x.shape);
  std::copy_n(x.data, x.shape.elements(), y.data);
  return y;
}

float OpBench::number() {
  const int32_t kind = below(50);
  if (kind == 0) return 0;
  const double size = std::exp2(kind == 1 ? uniform(-149, -126) : uniform(-6, 4));
  return static_cast<float>(below(2) == 0 ? size : -size);
}

Tensor OpBench::random(Shape shape) {
  const Tensor x = zeros(shape);
  std::generate_n(x.data, shape.elements(), [&] { return number(); });
  return x;
}

const TestWeight& OpBench::keep(TestWeight weight) {
  TestWeight& kept = weights_.emplace_back(std::move(weight));
  kept.weight.bytes = kept.bytes;
  return kept;
}

const TestWeight& OpBench::weight(DType type, int64_t rows, int64_t cols) {
  const DTypeInfo& info = dtype_info(type);
  const int64_t blocks = (cols + info.block_values - 1) / info.block_values;
  TestWeight made;
  made.weight = {.name = "w", .type = type, .rows = rows, .cols = blocks * info.block_values, .bytes = {}};
  for (int64_t b = 0; b < rows * blocks; ++b) {
    const Block block = moderate_block(info);
    made.bytes.insert(made.bytes.end(), block.bytes.begin(), block.bytes.end());
    made.values.insert(made.values.end(), block.values.begin(), block.values.end());
  }
  return keep(std::move(made));
}

OpBench::Block OpBench::moderate_block(const DTypeInfo& info) {
  Block block{std::vector<std::byte>(info.block_bytes), std::vector<double>(info.block_values)};
  // Wide integers are far from moderate, but for their lowest byte and its sign.
  const bool integer = info.type == DType::i16 || info.type == DType::i32 || info.type == DType::i64;
  do {
    for (std::byte& byte : block.bytes) byte = static_cast<std::byte>(random_());
    if (integer) {
      const std::byte sign = block.bytes[0] < std::byte{128} ? std::byte{0} : std::byte{255};
      std::fill(block.bytes.begin() + 1, block.bytes.end(), sign);
    }
    const Weight row{
        .name = "w", .type = info.type, .rows = 1, .cols = info.block_values, .bytes = block.bytes};
    reference::decode_row(row, 0, block.values);
  } while (!moderate(block.values));
  return block;
}

const TestWeight& OpBench::weight_of(int64_t rows, int64_t cols, const std::vector<float>& values) {
  TestWeight made;
  made.weight = {.name = "w", .type = DType::f32, .rows = rows, .cols = cols, .bytes = {}};
  made.bytes.resize(values.size() * sizeof(float));
  std::memcpy(made.bytes.data(), values.data(), made.bytes.size());
  made.values.assign(values.begin(), values.end());
  return keep(std::move(made));
}

std::span<float> elements(const Tensor& x) { return {x.data, static_cast<size_t>(x.shape.elements())}; }

long double element(const Tensor& x, int64_t i) { return static_cast<long double>(x.data[i]); }

void expect_element(const OpContract& contract, float value, const Exact& exact, int64_t i) {
  const double bound = contract_bound(contract, {.exact = static_cast<double>(std::abs(exact.value)),
                                                 .terms = static_cast<double>(exact.magnitude),
                                                 .operands = static_cast<double>(exact.operands),
                                                 .n = exact.n});
  const auto error = static_cast<double>(std::abs(static_cast<long double>(value) - exact.value));
  EXPECT_LE(error, bound) << contract.op << " element " << i << ": " << value << ", exactly "
                          << static_cast<double>(exact.value) << ", error " << error << ", bound " << bound;
}

void expect_same_bits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape, b.shape);
  for (int64_t i = 0; i < a.shape.elements(); ++i) {
    if (std::isnan(a.data[i]) && std::isnan(b.data[i])) continue;
    ASSERT_EQ(std::bit_cast<uint32_t>(a.data[i]), std::bit_cast<uint32_t>(b.data[i]))
        << "element " << i << ": " << a.data[i] << " and " << b.data[i];
  }
}

}  // namespace kilter
