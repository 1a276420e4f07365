// The integer product on AMX tiles against the definition, to the bit: every block type, one to three planes,
// tails of rows, columns and tokens. With emulated tiles everywhere, with real ones where there are any.
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <span>

#include "amx_emulated.h"
#include "backend/cpu/amx/integer_matmul.h"
#include "backend/cpu/amx/tile.h"
#include "backend/cpu/x86_features.h"
#include "definition.h"
#include "op_bench.h"
#include "quantised_memory.h"

namespace kilter::cpu {
namespace {

constexpr size_t kGuard = 256;  // bytes beyond the scratch memory that must not change

struct Aligned {
  explicit Aligned(size_t bytes)
      : size((bytes + 63) / 64 * 64), data(static_cast<std::byte*>(std::aligned_alloc(64, size))) {
    std::fill_n(data, size, std::byte{0x5a});
  }
  ~Aligned() { std::free(data); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  size_t size;
  std::byte* data;
};

struct Extent {
  int64_t tokens;
  int64_t rows;
  int64_t cols;
};

// Tokens: less than a tile, one, a unit less one, whole units, tails of every kind. 300 rows are more panels
// than the kernels take at once.
constexpr Extent kSmall[] = {{1, 1, 32},    {5, 17, 576},  {7, 48, 256},
                             {15, 20, 512}, {16, 33, 288}, {6, 300, 256}};
constexpr Extent kLarge[] = {{17, 16, 544}, {31, 40, 256}, {33, 33, 256}, {64, 17, 256}, {150, 48, 288}};

constexpr float kUntouched = -77.0F;

enum class Tiles { emulated, real };

class AmxProduct {
 public:
  AmxProduct(OpBench& bench, DType type, const Extent& e, int planes)
      : weight_(bench.weight(type, e.rows, e.cols).weight),
        x_(bench.random({e.tokens, weight_.cols})),
        quantised_(x_.data, e.tokens, weight_.cols, planes),
        packed_(packed_form(weight_)),
        panels_(static_cast<size_t>(packed_.panels() * packed_.panel_bytes())),
        y_(static_cast<size_t>(tokens() * stride()) * sizeof(float)),
        scratch_(static_cast<size_t>(amx::integer_matmul_scratch_bytes(e.tokens, planes)) + kGuard) {
    pack_panels(weight_, 0, packed_.panels(), panels_.data);
    packed_.data = panels_.data;
  }

  const Weight& weight() const { return weight_; }
  int64_t tokens() const { return quantised_.rows().rows; }
  int64_t rows() const { return weight_.rows; }
  float defined(int64_t token, int64_t row) const {
    return defined_product(weight_, row, quantised_.defined(token));
  }

  /// Floats between the tokens of the result: more than the rows, and whole vectors where the rows are, so
  /// that the result may be written past the caches.
  int64_t stride() const { return rows() % kPanelRows == 0 ? rows() + kPanelRows : rows() + 1; }

  /// The result, [tokens][stride()]; what is not a product has the bits of `kUntouched`.
  const float* of(void (*product)(const MatmulJob&)) const {
    auto* y = reinterpret_cast<float*>(y_.data);
    std::fill_n(y, tokens() * stride(), kUntouched);
    // In two parts, as two threads would.
    const int64_t half = packed_.panels() / 2;
    product(job(y, 0, half));
    product(job(y, half, packed_.panels()));
    return y;
  }
  bool kept_its_place() const {
    const std::byte* end = scratch_.data + scratch_.size;
    return std::all_of(end - kGuard, end, [](std::byte b) { return b == std::byte{0x5a}; });
  }

 private:
  MatmulJob job(float* y, int64_t begin, int64_t end) const {
    return {.x = &quantised_.rows(),
            .w = &packed_,
            .y = y,
            .y_stride = stride(),
            .panel_begin = begin,
            .panel_end = end,
            .scratch = scratch_.data};
  }

  Weight weight_;
  Tensor x_;
  QuantisedMemory quantised_;
  PackedWeight packed_;
  Aligned panels_;
  Aligned y_;
  Aligned scratch_;
};

void run_emulated(const MatmulJob& job) { EXPECT_TRUE(amx::emulated_matmul(job)); }

void expect_defined_product(OpBench& bench, Tiles tiles, DType type, const Extent& e, int planes) {
  const AmxProduct product(bench, type, e, planes);
  const float* y = product.of(tiles == Tiles::real ? amx::integer_matmul : run_emulated);
  for (int64_t t = 0; t < product.tokens(); ++t) {
    const float* row = y + t * product.stride();
    for (int64_t o = 0; o < product.rows(); ++o) {
      const float expected = product.defined(t, o);
      ASSERT_EQ(std::bit_cast<uint32_t>(row[o]), std::bit_cast<uint32_t>(expected))
          << dtype_info(type).name << ", planes " << planes << ", tokens " << e.tokens << ", token " << t
          << ", row " << o << ": " << row[o] << ", defined " << expected;
    }
    ASSERT_EQ(row[product.rows()], kUntouched) << "token " << t << ": wrote beyond the last row";
  }
  ASSERT_TRUE(product.kept_its_place());
}

bool has_vector_instructions() { return x86_features().avx512; }

void expect_every_type(Tiles tiles, std::span<const Extent> extents) {
  OpBench bench(43);
  for (const DTypeInfo& info : all_dtypes()) {
    if (!panel_format(info.type)) continue;
    for (const Extent& e : extents) {
      for (int planes = 1; planes <= 3; ++planes) {
        expect_defined_product(bench, tiles, info.type, e, planes);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

TEST(AmxEmulated, FewTokensAgreeWithTheDefinition) {
  if (!has_vector_instructions()) GTEST_SKIP() << "no AVX-512 here";
  expect_every_type(Tiles::emulated, kSmall);
}

TEST(AmxEmulated, ManyTokensAgreeWithTheDefinition) {
  if (!has_vector_instructions()) GTEST_SKIP() << "no AVX-512 here";
  expect_every_type(Tiles::emulated, kLarge);
}

TEST(Amx, AgreesWithTheDefinition) {
  if (!x86_features().amx_int8 || !amx::request_tiles()) GTEST_SKIP() << "no AMX here";
  expect_every_type(Tiles::real, kSmall);
  expect_every_type(Tiles::real, kLarge);
}

}  // namespace
}  // namespace kilter::cpu
