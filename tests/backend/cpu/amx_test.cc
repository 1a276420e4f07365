// The integer product on AMX tiles against the definition, to the bit: every block type, one to three planes,
// tails of rows, columns and tokens. With emulated tiles everywhere, with real ones where there are any.
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "amx_emulated.h"
#include "backend/cpu/amx/integer_matmul.h"
#include "backend/cpu/amx/tile.h"
#include "backend/cpu/amx/tiled_digits.h"
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
  /// `x` is [tokens, weight.cols].
  AmxProduct(Weight weight, const Tensor& x, int planes)
      : weight_(std::move(weight)),
        quantised_(x.data, x.shape[0], weight_.cols, planes),
        packed_(packed_form(weight_)),
        panels_(static_cast<size_t>(packed_.panels() * packed_.panel_bytes())),
        y_(static_cast<size_t>(tokens() * stride()) * sizeof(float)),
        scratch_(static_cast<size_t>(amx::integer_matmul_scratch_bytes(tokens(), planes)) + kGuard) {
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
  QuantisedMemory quantised_;
  PackedWeight packed_;
  Aligned panels_;
  Aligned y_;
  Aligned scratch_;
};

void run_emulated(const MatmulJob& job) { EXPECT_TRUE(amx::emulated_matmul(job)); }

void expect_defined_product(const Weight& weight, const Tensor& x, int planes, Tiles tiles) {
  const AmxProduct product(weight, x, planes);
  const float* y = product.of(tiles == Tiles::real ? amx::integer_matmul : run_emulated);
  for (int64_t t = 0; t < product.tokens(); ++t) {
    const float* row = y + t * product.stride();
    for (int64_t o = 0; o < product.rows(); ++o) {
      const float expected = product.defined(t, o);
      ASSERT_EQ(std::bit_cast<uint32_t>(row[o]), std::bit_cast<uint32_t>(expected))
          << dtype_info(weight.type).name << ", planes " << planes << ", tokens " << product.tokens()
          << ", token " << t << ", row " << o << ": " << row[o] << ", defined " << expected;
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
        const Weight& weight = bench.weight(info.type, e.rows, e.cols).weight;
        expect_defined_product(weight, bench.random({e.tokens, weight.cols}), planes, tiles);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

// Blocks whose integers are the largest that the format knows, d = 1: bytes of `fill`, and the scales where
// they have another sign.
struct LargestBlock {
  DType type;
  int fill;
  std::vector<size_t> ones;  // where an f16 of 1 stands
  size_t scales_at = 0;
  size_t scales = 0;  // bytes of -128
};

TEST(AmxEmulated, HoldsTheLargestSums) {
  if (!has_vector_instructions()) GTEST_SKIP() << "no AVX-512 here";
  OpBench bench(47);
  const LargestBlock blocks[] = {
      {DType::q4_k, 0xff, {0, 2}},          // codes 15, scales and minimums 63
      {DType::q5_k, 0xff, {0, 2}},          // codes 31
      {DType::q6_k, 0x00, {208}, 192, 16},  // codes -32, scales -128
      {DType::q3_k, 0x00, {108}},           // codes -4, scales -32
      {DType::q8_0, 0x80, {0}},             // codes -128
  };
  for (const LargestBlock& largest : blocks) {
    const DTypeInfo& info = dtype_info(largest.type);
    std::vector<std::byte> block(info.block_bytes, static_cast<std::byte>(largest.fill));
    for (const size_t at : largest.ones) {
      block[at] = std::byte{0x00};
      block[at + 1] = std::byte{0x3c};
    }
    std::fill_n(block.begin() + static_cast<std::ptrdiff_t>(largest.scales_at), largest.scales,
                std::byte{0x80});
    std::vector<std::byte> bytes;
    for (int64_t i = 0; i < 256 / static_cast<int64_t>(info.block_values); ++i) {
      bytes.insert(bytes.end(), block.begin(), block.end());
    }
    const Weight weight{.name = "largest", .type = largest.type, .rows = 1, .cols = 256, .bytes = bytes};
    for (const float sign : {1.0F, -1.0F}) {
      const Tensor x = bench.of({16, 256}, std::vector<float>(16 * 256, sign));
      for (int planes = 1; planes <= 3; ++planes) expect_defined_product(weight, x, planes, Tiles::emulated);
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

// More digits than stay in the L2 cache: another order of the loops. With a few units of tiles, which run on
// from block to block and from one group of panels to the next (23 blocks: the last and the first have the
// same place for their sums), and with more.
TEST(AmxEmulated, ManyDigitsAgreeWithTheDefinition) {
  if (!has_vector_instructions()) GTEST_SKIP() << "no AVX-512 here";
  OpBench bench(59);
  const std::pair<DType, Extent> products[] = {{DType::q4_k, {66, 544, 5888}},
                                               {DType::q4_1, {150, 48, 4096}}};
  for (const auto& [type, e] : products) {
    const Weight& weight = bench.weight(type, e.rows, e.cols).weight;
    expect_defined_product(weight, bench.random({e.tokens, e.cols}), 1, Tiles::emulated);
  }
}

// Rows in two parts, the second one first, as threads may take them.
TEST(AmxTiles, DigitsLieInTheirPlaces) {
  OpBench bench(53);
  for (const Extent& e : kLarge) {
    for (int planes = 1; planes <= 3; ++planes) {
      const Tensor x = bench.random({e.tokens, e.cols});
      const QuantisedMemory defined(x.data, e.tokens, e.cols, planes);
      std::vector<int8_t> laid(defined.tiles().size(), QuantisedMemory::kNothing);
      QuantisedRows rows = defined.rows();
      ASSERT_EQ(amx::tiled_digit_bytes(rows), static_cast<int64_t>(laid.size()));
      rows.tiles = laid.data();
      amx::lay_tiles(e.tokens / 3, e.tokens, rows);
      amx::lay_tiles(0, e.tokens / 3, rows);
      EXPECT_EQ(laid, defined.tiles()) << e.tokens << " tokens, " << planes << " planes";
    }
  }
}

TEST(AmxTiles, FewTokensHaveNone) {
  for (const int planes : {1, 2, 3}) {
    EXPECT_EQ(amx::tiled_digit_bytes({.rows = 1, .cols = 2048, .planes = planes}), 0);
    EXPECT_GT(amx::tiled_digit_bytes({.rows = 64, .cols = 2048, .planes = planes}), 0);
  }
}

TEST(Amx, AgreesWithTheDefinition) {
  if (!x86_features().amx_int8 || !amx::request_tiles()) GTEST_SKIP() << "no AMX here";
  expect_every_type(Tiles::real, kSmall);
  expect_every_type(Tiles::real, kLarge);
}

}  // namespace
}  // namespace kilter::cpu
