// The integer product of every instruction set of this machine against the definition, to the bit: every
// block type, one to three planes, tails of rows, columns and tokens.
#include <bit>
#include <cstdlib>
#include <memory>

#include "backend/cpu/generic/integer_matmul.h"
#include "definition.h"
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

constexpr Extent kExtents[] = {{1, 1, 32, 1}, {3, 17, 256, 2}, {2, 40, 576, 3}, {7, 33, 512, 2}};

void expect_defined_product(OpBench& bench, DType type, const Extent& e) {
  const Weight& weight = bench.weight(type, e.rows, e.cols).weight;
  const Tensor x = bench.random({e.tokens, weight.cols});
  const QuantisedMemory quantised(x.data, e.tokens, weight.cols, e.planes);
  PackedWeight packed = packed_form(weight);
  const Aligned panels(packed.panels() * packed.panel_bytes());
  pack_panels(weight, 0, packed.panels(), panels.data);
  packed.data = panels.data;

  const Aligned scratch(generic::integer_matmul_scratch_bytes(e.tokens, e.planes));
  std::vector<float> y(static_cast<size_t>(e.tokens * e.rows));
  generic::integer_matmul({.x = &quantised.rows(),
                           .w = &packed,
                           .y = y.data(),
                           .y_stride = e.rows,
                           .panel_begin = 0,
                           .panel_end = packed.panels(),
                           .scratch = scratch.data});
  for (int64_t t = 0; t < e.tokens; ++t) {
    for (int64_t o = 0; o < e.rows; ++o) {
      const float expected = defined_product(weight, o, quantised.defined(t));
      const float got = y[static_cast<size_t>(t * e.rows + o)];
      ASSERT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(expected))
          << dtype_info(type).name << " token " << t << " row " << o << ": " << got << ", defined "
          << expected;
    }
  }
}

TEST(IntegerMatmul, AgreesWithTheDefinition) {
  OpBench bench(41);
  for (const DTypeInfo& info : all_dtypes()) {
    if (!panel_format(info.type)) continue;
    for (const Extent& e : kExtents) expect_defined_product(bench, info.type, e);
  }
}

}  // namespace
}  // namespace kilter::cpu
