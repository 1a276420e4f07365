// The integer product of every instruction set of this machine, to the bit: against the definition, and in
// larger shapes and with the largest integers that a format can hold against the generic product.
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "backend/cpu/generic/integer_matmul.h"
#include "definition.h"
#include "instruction_sets.h"
#include "op_bench.h"
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

struct Extent {
  int64_t tokens;
  int64_t rows;
  int64_t cols;
  int planes;
};

const IntegerMatmul kGeneric{"generic", "", true, generic::integer_matmul,
                             generic::integer_matmul_scratch_bytes};
constexpr float kUntouched = 12345.0F;

// y of the whole product, row by row `stride` apart; what the product must not touch is kUntouched.
std::vector<float> product(const IntegerMatmul& set, const QuantisedRows& x, const PackedWeight& w,
                           int64_t panel_begin) {
  const int64_t stride = w.rows + 3;
  std::vector<float> y(static_cast<size_t>(x.rows * stride), kUntouched);
  const Aligned scratch(set.scratch_bytes(x.rows, x.planes));
  set.matmul({.x = &x,
              .w = &w,
              .y = y.data(),
              .y_stride = stride,
              .panel_begin = panel_begin,
              .panel_end = w.panels(),
              .scratch = scratch.data});
  return y;
}

bool same(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

void expect_generic_product(const IntegerMatmul& set, const QuantisedRows& x, const PackedWeight& w,
                            std::string_view what) {
  const int64_t begin = w.panels() > 2 ? 1 : 0;
  const auto expected = product(kGeneric, x, w, begin);
  const auto got = product(set, x, w, begin);
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_TRUE(same(got[i], expected[i]))
        << set.name << ", " << what << ", " << x.rows << " tokens, " << w.rows << " rows, " << w.cols
        << " columns, " << x.planes << " planes: element " << i << " is " << got[i] << ", generic "
        << expected[i];
  }
}

void expect_defined_product(const IntegerMatmul& set, OpBench& bench, DType type, const Extent& e) {
  const Weight& weight = bench.weight(type, e.rows, e.cols).weight;
  const Tensor x = bench.random({e.tokens, weight.cols});
  const QuantisedMemory quantised(x.data, e.tokens, weight.cols, e.planes);
  PackedWeight packed = packed_form(weight);
  const Aligned panels(packed.panels() * packed.panel_bytes());
  pack_panels(weight, 0, packed.panels(), panels.data);
  packed.data = panels.data;

  const auto y = product(set, quantised.rows(), packed, 0);
  const auto stride = y.size() / static_cast<size_t>(e.tokens);
  for (int64_t t = 0; t < e.tokens; ++t) {
    for (int64_t o = 0; o < e.rows; ++o) {
      const float expected = defined_product(weight, o, quantised.defined(t));
      const float got = y[static_cast<size_t>(t) * stride + static_cast<size_t>(o)];
      ASSERT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(expected))
          << set.name << ", " << dtype_info(type).name << " token " << t << " row " << o << ": " << got
          << ", defined " << expected;
    }
  }
}

// Digits of one value; the sums and scales that go with them.
struct EqualDigits {
  EqualDigits(int64_t rows, int64_t cols, int planes, int digit) {
    view = {.rows = rows, .cols = cols, .planes = planes};
    const auto columns = static_cast<size_t>(view.blocks() * rows * planes);
    digits.assign(columns * kBlockValues, static_cast<int8_t>(digit));
    sums.assign(columns * 16, static_cast<int16_t>(16 * digit));
    scale.assign(static_cast<size_t>(view.blocks() * rows), 1.0F);
    view.digits = digits.data();
    view.sums = sums.data();
    view.scale = scale.data();
  }
  QuantisedRows view;
  std::vector<int8_t> digits;
  std::vector<int16_t> sums;
  std::vector<float> scale;
};

// The largest code that blocks of a type hold.
int largest_code(DType type, Codes codes) {
  if (type == DType::q2_k) return 3;
  if (type == DType::q3_k) return 7;
  return codes == Codes::nibble ? 15 : codes == Codes::nibble_1 ? 31 : codes == Codes::nibble_2 ? 63 : 255;
}

// One panel block of 256 values: every code `code`, every integer scale `sc`, minimum `mn`, and d = dmin = 1.
std::vector<std::byte> equal_codes(const PanelFormat& f, int code, int sc, int mn) {
  std::vector<std::byte> block(static_cast<size_t>(f.block_bytes(kBlockValues)));
  const auto fill = [&](int64_t begin, int64_t end, int byte) {
    std::fill(block.begin() + begin, block.begin() + end, static_cast<std::byte>(byte));
  };
  const int64_t n = kBlockValues;
  fill(0, f.code_bytes(n), f.codes == Codes::byte ? code : (code & 15) * 0x11);
  if (f.codes == Codes::nibble_1) fill(8 * n, 10 * n, (code >> 4) * 0xFF);
  if (f.codes == Codes::nibble_2) fill(8 * n, 12 * n, (code >> 4) * 0x55);
  int64_t at = f.code_bytes(n);
  if (f.scales == Scales::integer) {
    const int64_t units = n / f.unit * kPanelRows;
    fill(at, at + units, sc);
    if (f.has_offset) fill(at + units, at + 2 * units, mn);
    at += units * (f.has_offset ? 2 : 1);
  }
  const float one = 1;
  const uint16_t half_one = 0x3C00;
  const size_t width = f.scales == Scales::f32 ? 4 : 2;
  for (auto i = static_cast<size_t>(at); i + width <= block.size(); i += width) {
    std::memcpy(&block[i], width == 4 ? static_cast<const void*>(&one) : &half_one, width);
  }
  return block;
}

// Sums of equal products, in closed form.
float product_of_equals(const PanelFormat& f, const EqualDigits& x, int code, int sc, int mn) {
  const bool integer = f.scales == Scales::integer;
  const auto joined = [&](int64_t sum) {
    float all = static_cast<float>(sum);
    for (int p = 1; p < x.view.planes; ++p) all = std::fma(p == 1 ? 256.0F : 65536.0F, float(sum), all);
    return all;
  };
  float y = 0;
  for (int64_t begin = 0; begin < kBlockValues; begin += f.group) {
    const int64_t digits = int64_t{f.group} * x.digits[0];
    if (f.has_offset) y += (integer ? -1.0F : 1.0F) * joined((integer ? mn : 1) * digits);
    y += joined((integer ? sc : 1) * (code - f.zero) * digits);
  }
  return y;
}

template <class Case>
void over_sets(bool with_generic, const Case& run) {
  auto sets = integer_matmuls();
  if (with_generic) sets.push_back(kGeneric);
  std::string missing;
  for (const IntegerMatmul& set : sets) {
    if (set.available) {
      run(set);
    } else {
      missing += (missing.empty() ? "no " : ", no ") + std::string(set.needs);
    }
    if (testing::Test::HasFailure()) return;
  }
  if (!missing.empty()) GTEST_SKIP() << missing << " here: the rest was tested";
}

TEST(IntegerMatmul, AgreesWithTheDefinition) {
  constexpr Extent kExtents[] = {{1, 1, 32, 1}, {3, 17, 256, 2}, {2, 40, 576, 3}, {7, 33, 512, 2}};
  over_sets(true, [&](const IntegerMatmul& set) {
    OpBench bench(41);
    for (const DTypeInfo& info : all_dtypes()) {
      if (!panel_format(info.type)) continue;
      for (const Extent& e : kExtents) expect_defined_product(set, bench, info.type, e);
    }
  });
}

// Every number of tokens that a tile may be left with, and every number of rows up to four panels and more.
TEST(IntegerMatmul, AgreesWithTheGenericProductInEveryShape) {
  over_sets(false, [&](const IntegerMatmul& set) {
    OpBench bench(42);
    for (const DTypeInfo& info : all_dtypes()) {
      if (!panel_format(info.type)) continue;
      const Weight& weight = bench.weight(info.type, 70, 544).weight;
      PackedWeight packed = packed_form(weight);
      const Aligned panels(packed.panels() * packed.panel_bytes());
      pack_panels(weight, 0, packed.panels(), panels.data);
      packed.data = panels.data;
      for (int planes = 1; planes <= 3; ++planes) {
        for (const int64_t tokens : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 49}) {
          packed.rows = 1 + (tokens * 23 + planes * 7) % 70;
          const Tensor x = bench.random({tokens, weight.cols});
          const QuantisedMemory quantised(x.data, tokens, weight.cols, planes);
          expect_generic_product(set, quantised.rows(), packed, info.name);
        }
      }
      const Tensor x = bench.random({7, weight.cols});
      const QuantisedMemory quantised(x.data, 7, weight.cols, 1);
      for (packed.rows = 1; packed.rows <= 70; ++packed.rows) {
        expect_generic_product(set, quantised.rows(), packed, info.name);
      }
    }
  });
}

TEST(IntegerMatmul, HoldsTheLargestSums) {
  over_sets(true, [&](const IntegerMatmul& set) {
    for (const DTypeInfo& info : all_dtypes()) {
      const auto format = panel_format(info.type);
      if (!format) continue;
      PackedWeight w{.kind = PanelKind::integer, .format = *format, .rows = kPanelRows, .cols = kBlockValues};
      for (const int code : {0, largest_code(info.type, format->codes)}) {
        for (const int sc : {-128, 63, 127}) {
          const auto block = equal_codes(*format, code, sc, 63);
          const Aligned panel(static_cast<int64_t>(block.size()));
          std::memcpy(panel.data, block.data(), block.size());
          w.data = panel.data;
          for (const int digit : {-128, 127}) {
            for (int planes = 1; planes <= 3; ++planes) {
              const EqualDigits x(1, kBlockValues, planes, digit);
              const auto y = product(set, x.view, w, 0);
              ASSERT_EQ(y[0], product_of_equals(*format, x, code, sc, 63))
                  << set.name << ", " << info.name << ": code " << code << ", scale " << sc << ", digit "
                  << digit << ", " << planes << " planes";
              ASSERT_EQ(y[15], y[0]);
            }
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace kilter::cpu
