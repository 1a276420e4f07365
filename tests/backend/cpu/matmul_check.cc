#include "matmul_check.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "backend/cpu/generic/integer_matmul.h"
#include "definition.h"
#include "op_bench.h"
#include "quant/half.h"
#include "quantised_memory.h"

namespace kilter::cpu {
namespace {

struct Aligned {
  explicit Aligned(int64_t bytes)
      : data(static_cast<std::byte*>(std::aligned_alloc(64, static_cast<size_t>((bytes + 63) / 64 * 64)))) {}
  ~Aligned() { std::free(data); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  std::byte* data;
};

constexpr float kUntouched = 12345.0F;

std::vector<float> product(const MatmulUnderTest& with, const QuantisedRows& x, const PackedWeight& w,
                           int64_t panel_begin, int64_t panel_end) {
  const Aligned scratch(with.scratch_bytes(x.rows, x.planes));
  const int64_t stride = w.rows + 3;
  std::vector<float> y(static_cast<size_t>(x.rows * stride), kUntouched);
  with.matmul({.x = &x,
               .w = &w,
               .y = y.data(),
               .y_stride = stride,
               .panel_begin = panel_begin,
               .panel_end = panel_end,
               .scratch = scratch.data});
  return y;
}

void expect_bits(float got, float expected, const std::string& where) {
  if (std::isnan(got) && std::isnan(expected)) return;
  ASSERT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(expected))
      << where << ": " << got << ", not " << expected;
}

constexpr MatmulUnderTest kGeneric{"generic", true, generic::integer_matmul,
                                   generic::integer_matmul_scratch_bytes};

void expect_same(const MatmulUnderTest& under_test, const QuantisedRows& x, const PackedWeight& w,
                 const std::string& where) {
  const std::vector<float> expected = product(kGeneric, x, w, 0, w.panels());
  const std::vector<float> got = product(under_test, x, w, 0, w.panels());
  for (size_t i = 0; i < got.size() && !testing::Test::HasFatalFailure(); ++i) {
    expect_bits(got[i], expected[i],
                std::string(under_test.name) + ", " + where + ", planes " + std::to_string(x.planes) +
                    ", element " + std::to_string(i) + " of tokens of " + std::to_string(w.rows + 3));
  }
}

std::vector<DType> packed_types() {
  std::vector<DType> types;
  for (const DTypeInfo& info : all_dtypes()) {
    if (panel_format(info.type)) types.push_back(info.type);
  }
  return types;
}

// A packed weight of a bench's blocks.
struct Packed {
  explicit Packed(const Weight& weight)
      : form(packed_form(weight)), memory(form.panels() * form.panel_bytes()) {
    pack_panels(weight, 0, form.panels(), memory.data);
    form.data = memory.data;
  }
  PackedWeight form;
  Aligned memory;
};

struct Extent {
  int64_t tokens;
  int64_t rows;
  int64_t cols;
  int planes;
};

void expect_defined(const MatmulUnderTest& under_test, OpBench& bench, DType type, const Extent& e) {
  const Weight& weight = bench.weight(type, e.rows, e.cols).weight;
  const Tensor x = bench.random({e.tokens, weight.cols});
  const QuantisedMemory quantised(x.data, e.tokens, weight.cols, e.planes);
  const Packed packed(weight);
  const std::vector<float> y = product(under_test, quantised.rows(), packed.form, 0, packed.form.panels());
  for (int64_t t = 0; t < e.tokens; ++t) {
    for (int64_t o = 0; o < e.rows; ++o) {
      expect_bits(y[static_cast<size_t>(t * (e.rows + 3) + o)],
                  defined_product(weight, o, quantised.defined(t)),
                  std::string(under_test.name) + ", " + std::string(dtype_info(type).name) + ", token " +
                      std::to_string(t) + ", row " + std::to_string(o));
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

// Digits of one kind everywhere.
struct Digits {
  explicit Digits(int64_t cols, int planes, auto digit_of) {
    rows = {.rows = 3, .cols = cols, .planes = planes};
    const int64_t columns = rows.blocks() * rows.rows * planes;
    digits.resize(static_cast<size_t>(columns * kBlockValues));
    sums.resize(static_cast<size_t>(columns * 16));
    scale.assign(static_cast<size_t>(rows.blocks() * rows.rows), 1.0F);
    for (int64_t i = 0; i < columns * kBlockValues; ++i) {
      const int64_t k = i % kBlockValues;
      const int64_t block = i / kBlockValues / (rows.rows * planes);
      if (block * kBlockValues + k >= cols) continue;
      const int digit = digit_of(i / kBlockValues, k);
      digits[static_cast<size_t>(i)] = static_cast<int8_t>(digit);
      int16_t& sum = sums[static_cast<size_t>(i / 16)];
      sum = static_cast<int16_t>(sum + digit);
    }
    rows.digits = digits.data();
    rows.sums = sums.data();
    rows.scale = scale.data();
  }
  QuantisedRows rows;
  std::vector<int8_t> digits;
  std::vector<int16_t> sums;
  std::vector<float> scale;
};

// Blocks whose codes are all `code`, whose integer scales are all `scale` and minimums all `minimum`; the
// float numbers are 1 and 0.5.
void fill_extreme(const PackedWeight& w, uint8_t code, int scale, int minimum, std::byte* bytes) {
  const PanelFormat& f = w.format;
  const auto put = [](std::byte* at, float number, bool f16) {
    const uint16_t half = quant::f32_to_f16(number);
    if (f16) std::memcpy(at, &half, sizeof(half));
    if (!f16) std::memcpy(at, &number, sizeof(number));
  };
  for (int64_t k = 0; k < w.cols; k += kBlockValues) {
    const int64_t n = std::min<int64_t>(kBlockValues, w.cols - k);
    std::fill_n(bytes, f.block_bytes(n), std::byte{code});
    std::byte* at = bytes + f.code_bytes(n);
    const bool integer = f.scales == Scales::integer;
    if (integer) {
      const int64_t units = n / f.unit * kPanelRows;
      std::fill_n(at, units, static_cast<std::byte>(scale));
      if (f.has_offset) std::fill_n(at + units, units, static_cast<std::byte>(minimum));
      at += units * (f.has_offset ? 2 : 1);
    }
    const bool f16 = f.scales != Scales::f32;
    const int64_t numbers = (integer ? 1 : n / f.group) * kPanelRows;
    for (int64_t i = 0; i < numbers * (f.has_offset ? 2 : 1); ++i) {
      put(at + i * (f16 ? 2 : 4), i < numbers ? 1.0F : 0.5F, f16);
    }
    bytes += f.block_bytes(n);
  }
}

void expect_extreme_type(const MatmulUnderTest& under_test, DType type) {
  const int64_t cols = 2 * kBlockValues;
  PackedWeight w{.kind = PanelKind::integer, .format = *panel_format(type), .rows = kPanelRows, .cols = cols};
  const Aligned memory(w.panel_bytes());
  w.data = memory.data;
  for (const uint8_t code : {uint8_t{0x00}, uint8_t{0xff}}) {
    for (const int scale : {-128, 127}) {
      fill_extreme(w, code, scale, 63, memory.data);
      for (int planes = 1; planes <= 3; ++planes) {
        const std::string where = std::string(dtype_info(type).name) + ", codes " + std::to_string(code) +
                                  ", scales " + std::to_string(scale);
        const auto lowest = [](int64_t, int64_t) { return -128; };
        const auto highest = [](int64_t, int64_t) { return 127; };
        const auto both = [](int64_t column, int64_t k) { return (column + k) % 2 == 0 ? -128 : 127; };
        expect_same(under_test, Digits(cols, planes, lowest).rows, w, where + ", digits -128");
        expect_same(under_test, Digits(cols, planes, highest).rows, w, where + ", digits 127");
        expect_same(under_test, Digits(cols, planes, both).rows, w, where + ", digits -128, 127");
      }
    }
  }
}

}  // namespace

void expect_definition(const MatmulUnderTest& under_test) {
  OpBench bench(43);
  constexpr Extent kExtents[] = {{1, 1, 32, 1},   {3, 17, 256, 2}, {2, 20, 576, 3},
                                 {7, 18, 544, 1}, {5, 3, 288, 3},  {4, 9, 512, 2}};
  for (const DType type : packed_types()) {
    for (const Extent& e : kExtents) {
      expect_defined(under_test, bench, type, e);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

void expect_generic_bits(const MatmulUnderTest& under_test) {
  OpBench bench(47);
  int64_t turn = 0;
  for (const DType type : packed_types()) {
    constexpr int64_t kRows[] = {1, 15, 16, 33, 70};
    const Weight& weight = bench.weight(type, kRows[turn % 5], 256 + 32 * (turn % 9)).weight;
    ++turn;
    const Packed packed(weight);
    for (int64_t tokens = 1; tokens <= 13; ++tokens) {
      const Tensor x = bench.random({tokens, weight.cols});
      for (int planes = 1; planes <= 3; ++planes) {
        const QuantisedMemory quantised(x.data, tokens, weight.cols, planes);
        expect_same(under_test, quantised.rows(), packed.form,
                    std::string(dtype_info(type).name) + ", tokens " + std::to_string(tokens));
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

void expect_generic_extremes(const MatmulUnderTest& under_test) {
  for (const DType type : packed_types()) {
    expect_extreme_type(under_test, type);
    if (testing::Test::HasFatalFailure()) return;
  }
}

void expect_generic_borders(const MatmulUnderTest& under_test) {
  OpBench bench(53);
  for (const DType type : {DType::q4_k, DType::q6_k, DType::q8_0, DType::q4_1}) {
    const Weight& weight = bench.weight(type, 70, 512).weight;
    const Packed packed(weight);
    Tensor x = bench.random({3, 512});
    x.data[600] = std::numeric_limits<float>::infinity();
    for (int64_t k = 0; k < 256; ++k) x.data[1280 + k] = 0;
    const QuantisedMemory quantised(x.data, 3, 512, 2);
    const std::vector<float> expected = product(kGeneric, quantised.rows(), packed.form, 1, 3);
    const std::vector<float> got = product(under_test, quantised.rows(), packed.form, 1, 3);
    for (size_t i = 0; i < got.size(); ++i) {
      const size_t row = i % 73;
      const std::string where = std::string(under_test.name) + ", element " + std::to_string(i);
      expect_bits(got[i], row >= 16 && row < 48 ? expected[i] : kUntouched, where);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace kilter::cpu
