// The op table: every op of every backend under test, over shapes and weight types, against a second
// formulation in long double. The bounds are those of ops/contract.h.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "ops_under_test.h"
#include "quant/format.h"

namespace kilter {
namespace {

// T rows of n values; what n means is the op's business.
struct Extent {
  int64_t rows;
  int64_t n;
};

// One row and one element, odd numbers, tails of every power of two, more than one cache block.
constexpr Extent kExtents[] = {{1, 1}, {1, 2}, {3, 7}, {2, 64}, {5, 33}, {1, 256}, {70, 5}, {2, 300}};

void check_embed(OpsBench& bench, const Extent& extent) {
  for (const DTypeInfo& info : all_dtypes()) {
    const TestWeight& table = bench.weight(info.type, 9, extent.n);
    std::vector<int32_t> ids(static_cast<size_t>(extent.rows));
    for (int32_t& id : ids) id = bench.below(9);
    const int64_t n = table.weight.cols;
    Tensor y = bench.zeros({extent.rows, n});
    bench.ops.embed(kAnywhere, ids, table.weight, y);
    for (int64_t i = 0; i < y.shape.elements(); ++i) {
      const int32_t id = ids[static_cast<size_t>(i / n)];
      ASSERT_EQ(y.data[i], static_cast<float>(table.values[static_cast<size_t>(id * n + i % n)]))
          << info.name;
    }
  }
}

void check_rmsnorm(OpsBench& bench, const Extent& extent) {
  constexpr float kEps = 1e-5F;
  constexpr int64_t kHeads = 3;  // vectors in a row
  for (const DType type : {DType::f32, DType::f16, DType::q8_0}) {
    const TestWeight& w = bench.weight(type, 1, extent.n);
    const int64_t n = w.weight.cols;
    const Tensor x = bench.random({extent.rows, kHeads, n});
    Tensor y = bench.zeros(x.shape);
    bench.ops.rmsnorm(kAnywhere, x, w.weight, kEps, y);
    expect_within_contract("rmsnorm", bench.which.arithmetic, y, [&](int64_t i) {
      const float* vector = x.data + i / n * n;
      const long double mean =
          std::accumulate(vector, vector + n, 0.0L,
                          [](long double sum, float v) { return sum + static_cast<long double>(v) * v; }) /
          static_cast<long double>(n);
      const long double root = std::sqrt(mean + static_cast<long double>(kEps));
      const long double value = element(x, i) * w.at(0, i % n) / root;
      return Exact{value, std::abs(value), n};
    });
  }
}

// For each element of a weight |scaled code| + |offset|, as the format takes it apart.
std::vector<long double> part_sizes(const TestWeight& w) {
  const quant::Format& format = quant::format_of(w.weight.type);
  const DTypeInfo& info = dtype_info(w.weight.type);
  std::vector<long double> sizes;
  quant::Parts parts;
  for (size_t block = 0; block < w.bytes.size(); block += info.block_bytes) {
    format.unpack(w.bytes.data() + block, parts);
    for (size_t i = 0; i < info.block_values; ++i) {
      const size_t group = i / (info.block_values / format.groups);
      const long double code = static_cast<long double>(format.code_unit) * parts.code[i];
      const long double offset = format.has_offset ? static_cast<long double>(parts.offset[group]) : 0;
      sizes.push_back(std::abs(static_cast<long double>(parts.scale[group]) * code) + std::abs(offset));
    }
  }
  return sizes;
}

// The largest magnitude of each block of 256 activations.
std::vector<long double> largest_of_blocks(const float* x, int64_t n) {
  std::vector<long double> largest(static_cast<size_t>((n + 255) / 256));
  for (int64_t k = 0; k < n; ++k) {
    long double& so_far = largest[static_cast<size_t>(k / 256)];
    so_far = std::max(so_far, std::abs(static_cast<long double>(x[k])));
  }
  return largest;
}

// Element `row` of the product of x and w; S and B as contract.h has them for the arithmetic.
Exact exact_product(Arithmetic arithmetic, const TestWeight& w, const std::vector<long double>& sizes,
                    int64_t row, const float* x) {
  const int64_t n = w.weight.cols;
  const bool integers = arithmetic != Arithmetic::reference && arithmetic != Arithmetic::f32;
  const std::vector<long double> largest = largest_of_blocks(x, n);
  Exact exact{.n = n};
  for (int64_t c = n; c-- > 0;) {
    const auto activation = static_cast<long double>(x[c]);
    exact.value += w.at(row, c) * activation;
    if (!integers) {
      exact.magnitude += std::abs(w.at(row, c) * activation);
      continue;
    }
    const long double most = largest[static_cast<size_t>(c / 256)];
    exact.magnitude += sizes[static_cast<size_t>(row * n + c)] * (std::abs(activation) + most / 64);
    exact.operands += std::abs(w.at(row, c)) * std::max(most, 0x1p-76L);
  }
  return exact;
}

void check_matmul(OpsBench& bench, const Extent& extent) {
  constexpr int64_t kOut = 5;
  for (const DTypeInfo& info : all_dtypes()) {
    const TestWeight& w = bench.weight(info.type, kOut, extent.n);
    const int64_t n = w.weight.cols;
    const Tensor x = bench.random({extent.rows, n});
    Tensor y = bench.zeros({extent.rows, kOut});
    bench.ops.matmul(kAnywhere, x, w.weight, y);
    const Arithmetic arithmetic = product_arithmetic(bench.which.arithmetic, info.type);
    const auto sizes = info.block_values == 1 ? std::vector<long double>() : part_sizes(w);
    expect_within_contract("matmul", arithmetic, y, [&](int64_t i) {
      return exact_product(arithmetic, w, sizes, i % kOut, x.data + i / kOut * n);
    });
    ASSERT_FALSE(testing::Test::HasFailure()) << info.name;
  }
}

void check_add_bias(OpsBench& bench, const Extent& extent) {
  for (const DType type : {DType::f32, DType::bf16, DType::q4_1}) {
    const TestWeight& b = bench.weight(type, 1, extent.n);
    const int64_t n = b.weight.cols;
    const Tensor x = bench.random({extent.rows, n});
    Tensor y = bench.zeros(x.shape);
    bench.ops.add_bias(kAnywhere, x, b.weight, y);
    expect_within_contract("add_bias", bench.which.arithmetic, y, [&](int64_t i) {
      const long double bias = b.at(0, i % n);
      return Exact{element(x, i) + bias, std::abs(element(x, i)) + std::abs(bias)};
    });
  }
}

Rope random_rope(OpsBench& bench, RopePairs pairs, int64_t n_rot) {
  Rope rope{.pairs = pairs, .n_rot = n_rot, .frequency = {}, .magnitude = 1.25};
  for (int64_t i = 0; i < n_rot / 2; ++i) rope.frequency.push_back(std::exp2(bench.uniform(-12, 1)));
  return rope;
}

// Turning is a complex product: (a + ib) * magnitude * e^(i angle).
Exact turned(const Tensor& x, int64_t begin, int64_t i, const Rope& rope, double position) {
  const int64_t half = rope.n_rot / 2;
  const bool adjacent = rope.pairs == RopePairs::adjacent;
  if (i >= rope.n_rot) return {element(x, begin + i), 0};
  const int64_t pair = adjacent ? i / 2 : i % half;
  const bool first = adjacent ? i % 2 == 0 : i < half;
  const long double a = element(x, begin + (adjacent ? 2 * pair : pair));
  const long double b = element(x, begin + (adjacent ? 2 * pair + 1 : pair + half));
  const long double angle = position * rope.frequency[static_cast<size_t>(pair)];  // its rounding to f64 too
  const long double magnitude = rope.magnitude;
  const long double along = magnitude * std::cos(angle) * (first ? a : b);
  const long double across = magnitude * std::sin(angle) * (first ? -b : a);
  return {along + across, std::abs(along) + std::abs(across)};
}

void check_rope(OpsBench& bench, const Extent& extent) {
  constexpr int64_t kHeads = 3;
  const int64_t width = extent.n;
  for (const RopePairs pairs : {RopePairs::adjacent, RopePairs::halves}) {
    for (const int64_t n_rot : {width / 2 * 2, width / 4 * 2}) {
      const Rope rope = random_rope(bench, pairs, n_rot);
      const Tensor x = bench.random({extent.rows, kHeads, width});
      std::vector<int32_t> positions(static_cast<size_t>(extent.rows));
      for (int32_t& p : positions) p = bench.below(200000);
      Tensor y = bench.zeros(x.shape);
      bench.ops.rope(kAnywhere, x, positions, rope, y);
      expect_within_contract("rope", bench.which.arithmetic, y, [&](int64_t i) {
        const double position = positions[static_cast<size_t>(i / (kHeads * width))];
        return turned(x, i / width * width, i % width, rope, position);
      });
    }
  }
}

// One pool of a cache, filled through the backend, and what the backend says that it holds.
struct FilledPool {
  static constexpr int64_t kBlocks = 7;
  static constexpr int64_t kHeadsKv = 2;

  FilledPool(OpsBench& bench, CachePart which, const KvTables& tables, int64_t width)
      : part(which), pool(bench.zeros({kBlocks * kKvBlock, kHeadsKv, width})) {
    Batch all;
    for (int32_t s = 0; s < 2; ++s) {
      for (int32_t position = 0; position < 3 * kKvBlock; ++position) {
        all.tokens.push_back(0);
        all.sequences.push_back(s);
        all.positions.push_back(position);
      }
    }
    const auto rows = static_cast<int64_t>(all.tokens.size());
    bench.ops.kv_store(at(), bench.random({rows, kHeadsKv, width}), all, tables, pool);
    read(bench);
  }

  At at() const { return {part == CachePart::keys ? Point::attn_k_cache : Point::attn_v_cache, 0}; }

  void read(OpsBench& bench) {
    const int64_t row_size = pool.row_size();
    values.resize(static_cast<size_t>(pool.shape.elements()));
    for (int64_t row = 0; row < pool.rows(); ++row) {
      bench.ops.read_cached(part, pool, row,
                            std::span(values.data() + row * row_size, static_cast<size_t>(row_size)));
    }
  }

  CachePart part;
  Tensor pool;
  std::vector<float> values;  ///< [row][head][width]
};

// Rows of two sequences in one batch, whose blocks are not in order, behind tokens that are there already.
struct CacheCase {
  static constexpr int64_t kHeadsKv = FilledPool::kHeadsKv;
  KvTables tables{{{4, 0, 6}, {2, 5, 1}}};
  Batch batch;
  int64_t width;
  FilledPool keys;
  FilledPool values;

  CacheCase(OpsBench& bench, const Extent& extent)
      : width(extent.n),
        keys(bench, CachePart::keys, tables, width),
        values(bench, CachePart::values, tables, width) {
    std::vector<int32_t> next = {bench.below(60), bench.below(60)};
    for (int64_t t = 0; t < extent.rows; ++t) {
      const int32_t s = bench.below(2);
      batch.tokens.push_back(0);
      batch.sequences.push_back(s);
      batch.positions.push_back(next[static_cast<size_t>(s)]++);
    }
  }

  KvView view() const { return {{keys.pool, values.pool}, &tables}; }
  int64_t positions() const { return 1 + *std::max_element(batch.positions.begin(), batch.positions.end()); }
  int32_t position(int64_t t) const { return batch.positions[static_cast<size_t>(t)]; }

  // Element i of what row t sees at position l, for query head h of `n_head`. Blocks hold 64 positions.
  long double cached(const FilledPool& part, int64_t t, int64_t l, int64_t h, int64_t n_head,
                     int64_t i) const {
    const auto& blocks = tables.sequences[static_cast<size_t>(batch.sequences[static_cast<size_t>(t)])];
    const int64_t row = int64_t{blocks[static_cast<size_t>(l / 64)]} * 64 + l % 64;
    return static_cast<long double>(
        part.values[static_cast<size_t>((row * kHeadsKv + h * kHeadsKv / n_head) * width + i)]);
  }
};

void check_store(OpsBench& bench, const CacheCase& c, FilledPool& to) {
  std::vector<float> expected = to.values;
  const Tensor x = bench.random({static_cast<int64_t>(c.batch.tokens.size()), CacheCase::kHeadsKv, c.width});
  bench.ops.kv_store(to.at(), x, c.batch, c.tables, to.pool);
  to.read(bench);
  const int64_t row_size = x.row_size();
  for (int64_t t = 0; t < x.rows(); ++t) {
    const int64_t row = c.tables.row(c.batch.sequences[static_cast<size_t>(t)], c.position(t));
    for (int64_t i = 0; i < row_size; ++i) {
      const float number = x.data[t * row_size + i];
      float& stored = expected[static_cast<size_t>(row * row_size + i)];
      stored = number;
      if (bench.which.cache == CacheNumbers::f32) continue;
      const float rounded = to.values[static_cast<size_t>(row * row_size + i)];
      ASSERT_LE(std::abs(double{rounded} - double{number}), f16_rounding(number)) << number;
      stored = rounded;
    }
  }
  expect_same_bits({to.values.data(), to.pool.shape}, {expected.data(), to.pool.shape});
}

void check_kv_store(OpsBench& bench, const Extent& extent) {
  CacheCase c(bench, extent);
  check_store(bench, c, c.keys);
  check_store(bench, c, c.values);
}

void check_attention_scores(OpsBench& bench, const Extent& extent) {
  constexpr float kScale = 0.3F;
  for (const int64_t n_head : {2, 6}) {
    CacheCase c(bench, extent);
    const int64_t positions = c.positions();
    const Tensor q = bench.random({extent.rows, n_head, c.width});
    Tensor s = bench.zeros({extent.rows, n_head, positions});
    bench.ops.attention_scores(kAnywhere, q, c.view(), c.batch, kScale, s);
    const auto masked = [&](int64_t i) { return i % positions > c.position(i / positions / n_head); };
    for (int64_t i = 0; i < s.shape.elements(); ++i) {
      if (!masked(i)) continue;
      ASSERT_EQ(s.data[i], -std::numeric_limits<float>::infinity());
      s.data[i] = 0;
    }
    expect_within_contract("attention_scores", bench.which.arithmetic, s, [&](int64_t i) {
      Exact exact{.n = c.width};
      if (masked(i)) return exact;
      const int64_t th = i / positions;
      for (int64_t k = 0; k < c.width; ++k) {
        const long double key = c.cached(c.keys, th / n_head, i % positions, th % n_head, n_head, k);
        const long double product = static_cast<long double>(kScale) * element(q, th * c.width + k) * key;
        exact.value += product;
        exact.magnitude += std::abs(product);
      }
      return exact;
    });
  }
}

// Each row hides its last positions, but never the first.
Tensor masked_scores(OpsBench& bench, const Extent& extent, int64_t n_head) {
  const Tensor s = bench.random({extent.rows, n_head, extent.n});
  for (int64_t r = 0; r < extent.rows * n_head; ++r) {
    const int64_t visible = 1 + bench.below(static_cast<int32_t>(extent.n));
    std::fill(s.data + r * extent.n + visible, s.data + (r + 1) * extent.n,
              -std::numeric_limits<float>::infinity());
  }
  return s;
}

// 1 / sum_j exp(s_j - s_i): no maximum is taken out, and long double does not overflow.
void check_softmax(OpsBench& bench, const Extent& extent) {
  const int64_t n = extent.n;
  const Tensor s = masked_scores(bench, extent, 3);
  Tensor p = bench.zeros(s.shape);
  bench.ops.softmax(kAnywhere, s, p);
  expect_within_contract("softmax", bench.which.arithmetic, p, [&](int64_t i) {
    if (std::isinf(s.data[i])) return Exact{};
    long double sum = 0;
    for (int64_t l = 0; l < n; ++l) sum += std::exp(element(s, i / n * n + l) - element(s, i));
    const long double max = *std::max_element(s.data + i / n * n, s.data + (i / n + 1) * n);
    return Exact{1 / sum, 1 / sum, n, (max - element(s, i)) / sum};
  });
}

void check_attention_mix(OpsBench& bench, const Extent& extent) {
  for (const int64_t n_head : {2, 6}) {
    const CacheCase c(bench, extent);
    const int64_t positions = c.positions();
    const Tensor p = bench.random({extent.rows, n_head, positions});
    Tensor y = bench.zeros({extent.rows, n_head, c.width});
    bench.ops.attention_mix(kAnywhere, p, c.view(), c.batch, y);
    expect_within_contract("attention_mix", bench.which.arithmetic, y, [&](int64_t i) {
      const int64_t th = i / c.width;
      Exact exact{.n = c.position(th / n_head) + 1};
      for (int64_t l = exact.n; l-- > 0;) {
        const long double value = c.cached(c.values, th / n_head, l, th % n_head, n_head, i % c.width);
        const long double product = element(p, th * positions + l) * value;
        exact.value += product;
        exact.magnitude += std::abs(product);
      }
      return exact;
    });
  }
}

// x / (1 + exp(-x)) = x/2 * (1 + tanh(x/2))
void check_silu(OpsBench& bench, const Extent& extent) {
  const Tensor x = bench.random({extent.rows, extent.n});
  Tensor y = bench.zeros(x.shape);
  bench.ops.silu(kAnywhere, x, y);
  expect_within_contract("silu", bench.which.arithmetic, y, [&](int64_t i) {
    const long double half = element(x, i) / 2;
    const long double value = half * (1 + std::tanh(half));
    return Exact{value, std::abs(value)};
  });
}

void check_multiply(OpsBench& bench, const Extent& extent) {
  const Tensor a = bench.random({extent.rows, extent.n});
  const Tensor b = bench.random(a.shape);
  Tensor y = bench.zeros(a.shape);
  bench.ops.multiply(kAnywhere, a, b, y);
  expect_within_contract("multiply", bench.which.arithmetic, y, [&](int64_t i) {
    const long double value = element(a, i) * element(b, i);
    return Exact{value, std::abs(value)};
  });
}

void check_add(OpsBench& bench, const Extent& extent) {
  const Tensor a = bench.random({extent.rows, extent.n});
  const Tensor b = bench.random(a.shape);
  Tensor y = bench.zeros(a.shape);
  bench.ops.add(kAnywhere, a, b, y);
  expect_within_contract("add", bench.which.arithmetic, y, [&](int64_t i) {
    return Exact{element(a, i) + element(b, i), std::abs(element(a, i)) + std::abs(element(b, i))};
  });
}

void check_take_rows(OpsBench& bench, const Extent& extent) {
  const Tensor x = bench.random({extent.rows, extent.n});
  std::vector<int32_t> rows = {static_cast<int32_t>(extent.rows) - 1, 0};
  for (int i = 0; i < 5; ++i) rows.push_back(bench.below(static_cast<int32_t>(extent.rows)));
  Tensor y = bench.zeros({static_cast<int64_t>(rows.size()), extent.n});
  bench.ops.take_rows(kAnywhere, x, rows, y);
  for (size_t r = 0; r < rows.size(); ++r) {
    const Tensor taken{y.data + static_cast<int64_t>(r) * extent.n, {extent.n}};
    expect_same_bits(taken, {x.data + rows[r] * extent.n, {extent.n}});
  }
}

struct OpRow {
  const char* op;
  void (*check)(OpsBench&, const Extent&);
};

constexpr OpRow kOps[] = {
    {"embed", check_embed},
    {"rmsnorm", check_rmsnorm},
    {"matmul", check_matmul},
    {"add_bias", check_add_bias},
    {"rope", check_rope},
    {"kv_store", check_kv_store},
    {"attention_scores", check_attention_scores},
    {"softmax", check_softmax},
    {"attention_mix", check_attention_mix},
    {"silu", check_silu},
    {"multiply", check_multiply},
    {"add", check_add},
    {"take_rows", check_take_rows},
};

class OpTable : public testing::TestWithParam<std::tuple<OpsUnderTest, OpRow, Extent>> {};

TEST_P(OpTable, IsWithinItsContract) {
  const auto& [under_test, row, extent] = GetParam();
  for (uint64_t seed = 0; seed < 3; ++seed) {
    OpsBench bench(under_test, seed);
    row.check(bench, extent);
    EXPECT_TRUE(bench.ops.device().finish().ok());
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

std::string row_name(const testing::TestParamInfo<OpTable::ParamType>& info) {
  const auto& [under_test, row, extent] = info.param;
  return under_test.name + "_" + row.op + "_" + std::to_string(extent.rows) + "x" + std::to_string(extent.n);
}
INSTANTIATE_TEST_SUITE_P(On, OpTable,
                         testing::Combine(testing::ValuesIn(ops_under_test()), testing::ValuesIn(kOps),
                                          testing::ValuesIn(kExtents)),
                         row_name);

TEST(OpTable, HasARowForEveryContract) {
  std::set<std::string_view> rows;
  for (const OpRow& row : kOps) rows.insert(row.op);
  std::set<std::string_view> contracts;
  for (const OpContract& contract : all_contracts()) contracts.insert(contract.op);
  EXPECT_EQ(rows, contracts);
  for (const std::string_view op : contracts) {
    for (const Arithmetic arithmetic : {Arithmetic::reference, Arithmetic::fast, Arithmetic::accurate,
                                        Arithmetic::exact, Arithmetic::f32}) {
      EXPECT_NE(find_contract(op, arithmetic), nullptr) << op;
    }
  }
}

}  // namespace
}  // namespace kilter
