// The operands and products of f32: quantise, matmul_f32.
#include <memory>

#include "definition.h"
#include "float_test.h"
#include "op_bench.h"

namespace kilter::cpu {
namespace {

// Digits with their memory, filled with what must be overwritten.
struct Digits {
  Digits(int64_t rows, int64_t cols, int planes) {
    view = {.rows = rows, .cols = cols, .planes = planes};
    const auto columns = static_cast<size_t>(view.blocks() * rows * planes);
    digits.assign(columns * kBlockValues, 99);
    sums.assign(columns * 16, 999);
    scale.assign(static_cast<size_t>(view.blocks() * rows), 9.0F);
    view.digits = digits.data();
    view.sums = sums.data();
    view.scale = scale.data();
  }
  QuantisedRows view;
  std::vector<int8_t> digits;
  std::vector<int16_t> sums;
  std::vector<float> scale;
};

void expect_defined_block(const Digits& got, int64_t row, int64_t block, const DefinedRow& expected) {
  const QuantisedRows& v = got.view;
  ASSERT_TRUE(same_bits(got.scale[static_cast<size_t>(block * v.rows + row)],
                        expected.scale[static_cast<size_t>(block)]))
      << "scale of row " << row << ", block " << block;
  for (int p = 0; p < v.planes; ++p) {
    const int64_t column = v.column(block, row) + p;
    for (int64_t g = 0; g < 16; ++g) {
      int sum = 0;
      for (int64_t k = 16 * g; k < 16 * g + 16; ++k) {
        const int64_t at = block * kBlockValues + k;
        const int32_t digit =
            at < v.cols ? expected.digits[static_cast<size_t>(p)][static_cast<size_t>(at)] : 0;
        ASSERT_EQ(got.digits[static_cast<size_t>(column * kBlockValues + k)], digit)
            << "row " << row << ", plane " << p << ", value " << at;
        sum += digit;
      }
      ASSERT_EQ(got.sums[static_cast<size_t>(column * 16 + g)], sum) << "row " << row << ", group " << g;
    }
  }
}

void expect_defined_digits(const KernelTable& kernels, const std::vector<float>& x, int64_t cols,
                           int planes) {
  const auto rows = static_cast<int64_t>(x.size()) / cols;
  Digits got(rows, cols, planes);
  kernels.quantise(x.data(), 0, rows, got.view);
  for (int64_t row = 0; row < rows; ++row) {
    const DefinedRow expected = defined_quantised(x.data() + row * cols, cols, planes);
    for (int64_t block = 0; block < got.view.blocks(); ++block)
      expect_defined_block(got, row, block, expected);
  }
}

TEST_P(FloatKernels, QuantisesAsDefined) {
  for (int planes = 1; planes <= 3; ++planes) {
    for (const int64_t cols : {1, 16, 32, 255, 256, 257, 576, 1024}) {
      std::vector<float> x = normals(5 * cols);
      for (float& v : x) v *= std::exp2(static_cast<float>(random() % 8));
      expect_defined_digits(kernels(), x, cols, planes);
    }
  }
}

TEST_P(FloatKernels, QuantisesEdges) {
  for (int planes = 1; planes <= 3; ++planes) {
    for (const float edge : edge_numbers()) {
      for (const float fill : {0.0F, 1e-40F, 0x1p-101F, 0x1p-100F, 3.0F}) {
        std::vector<float> x(300, fill);
        x[37] = edge;
        x[290] = -edge;
        expect_defined_digits(kernels(), x, 300, planes);
      }
    }
  }
}

TEST_P(FloatKernels, QuantisesARangeOfRows) {
  const std::vector<float> x = normals(4 * 300);
  Digits got(4, 300, 2);
  kernels().quantise(x.data(), 1, 3, got.view);
  EXPECT_EQ(got.scale[0], 9.0F);
  EXPECT_EQ(got.scale[3], 9.0F);
  for (int64_t row = 1; row < 3; ++row) {
    const DefinedRow expected = defined_quantised(x.data() + row * 300, 300, 2);
    for (int64_t block = 0; block < 2; ++block) expect_defined_block(got, row, block, expected);
  }
}

// Whatever the largest number, its digits give it back: none of them runs over.
TEST_P(FloatKernels, LargestValueComesBack) {
  for (int planes = 1; planes <= 3; ++planes) {
    const double top = planes == 1 ? 127 : planes == 2 ? 32639 : 8355710;
    for (int i = 0; i < 3000; ++i) {
      std::vector<float> x(16);
      x[3] = std::ldexp(1.0F + std::ldexp(static_cast<float>(random() % (1U << 23)), -23), i % 60 - 30);
      x[7] = -x[3];
      Digits got(1, 16, planes);
      kernels().quantise(x.data(), 0, 1, got.view);
      for (const size_t k : {size_t{3}, size_t{7}}) {
        double value = 0;
        for (int p = planes - 1; p >= 0; --p) {
          value = 256 * value + got.digits[static_cast<size_t>(p) * kBlockValues + k];
        }
        // scale and inverse are rounded, and the product is: less than one unit of the digits altogether.
        const double limit = double{x[3]} / top;
        ASSERT_NEAR(value * double{got.scale[0]}, double{x[k]}, 1.01 * limit) << "planes " << planes;
      }
    }
  }
}

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
};

void expect_defined_matmul(const KernelTable& kernels, OpBench& bench, DType type, const Extent& e) {
  const Weight& weight = bench.weight(type, e.rows, e.cols).weight;
  const Tensor x = bench.random({e.tokens, weight.cols});
  PackedWeight packed = packed_form(weight);
  const Aligned panels(packed.panels() * packed.panel_bytes());
  pack_panels(weight, 0, packed.panels(), panels.data);
  packed.data = panels.data;
  const Aligned scratch(kF32ScratchBytes);
  const int64_t stride = e.rows + 3;
  std::vector<float> y(static_cast<size_t>(e.tokens * stride), 7.0F);
  F32MatmulJob job{.x = x.data, .rows = e.tokens, .w = &packed, .y = y.data(), .y_stride = stride};
  job.scratch = scratch.data;
  // In two parts, as threads would.
  job.panel_end = packed.panels() / 2;
  kernels.matmul_f32(job);
  job.panel_begin = job.panel_end;
  job.panel_end = packed.panels();
  kernels.matmul_f32(job);
  for (int64_t t = 0; t < e.tokens; ++t) {
    for (int64_t o = 0; o < stride; ++o) {
      const float got = y[static_cast<size_t>(t * stride + o)];
      const float expected = o < e.rows ? defined_f32_product(weight, o, x.data + t * weight.cols) : 7.0F;
      ASSERT_TRUE(same_bits(got, expected)) << dtype_info(type).name << ", token " << t << ", row " << o
                                            << ": " << got << ", defined " << expected;
    }
  }
}

TEST_P(FloatKernels, F32ProductIsAsDefined) {
  OpBench bench(42);
  for (const DTypeInfo& info : all_dtypes()) {
    for (const Extent& e : {Extent{1, 17, 288}, Extent{3, 40, 256}, Extent{13, 81, 576}}) {
      expect_defined_matmul(kernels(), bench, info.type, e);
    }
  }
  for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
    for (int64_t tokens = 1; tokens <= 13; ++tokens) {
      expect_defined_matmul(kernels(), bench, type, {tokens, 16 * tokens + 5, 131});
    }
  }
}

INSTANTIATE_TEST_SUITE_P(On, FloatKernels, testing::ValuesIn(float_tables()), table_name);

}  // namespace
}  // namespace kilter::cpu
