// The cache and what reads it: store_keys, store_values, attention_scores, attention_mix.
#include <algorithm>
#include <cstring>

#include "float_definition.h"
#include "float_test.h"
#include "quant/half.h"

namespace kilter::cpu {
namespace {

constexpr int64_t kHeads = 2;
constexpr int64_t kBlocks = 5;

// A pool with its memory, all bytes 0xee at first.
struct Cache {
  Cache(KvType type, int64_t width) {
    pool = {.type = type, .heads = kHeads, .width = width};
    bytes.assign(static_cast<size_t>(kBlocks * kHeads * width * 64 * pool.value_bytes()), std::byte{0xee});
    pool.data = bytes.data();
  }
  KvPool pool;
  std::vector<std::byte> bytes;
};

bool same_numbers(const Cache& a, const Cache& b) {
  for (int64_t i = 0; i < static_cast<int64_t>(a.bytes.size()) / a.pool.value_bytes(); ++i) {
    if (!same_bits(defined::stored(a.pool, i), defined::stored(b.pool, i))) return false;
  }
  return true;
}

TEST_P(FloatKernels, StoresKeysAndValues) {
  for (const KvType type : {KvType::f16, KvType::f32}) {
    for (const int64_t width : {1, 15, 16, 40, 64, 128}) {
      Cache keys(type, width);
      Cache defined_keys(type, width);
      Cache values(type, width);
      Cache defined_values(type, width);
      for (const auto& [block, slot] : {std::pair{0, 0}, {1, 63}, {4, 17}}) {
        std::vector<float> x = normals(kHeads * width);
        for (size_t i = 0; i < x.size() && i < edge_numbers().size(); ++i) x[i] = edge_numbers()[i];
        const auto job = [&, block = block, slot = slot](const Cache& cache) {
          return KvStoreJob{.x = x.data(), .pool = cache.pool, .block = block, .slot = slot};
        };
        kernels().store_keys(job(keys));
        defined::store_keys(job(defined_keys));
        kernels().store_values(job(values));
        defined::store_values(job(defined_values));
      }
      EXPECT_TRUE(same_numbers(keys, defined_keys)) << "keys, width " << width;
      EXPECT_TRUE(same_numbers(values, defined_values)) << "values, width " << width;
    }
  }
}

TEST_P(FloatKernels, StoresEveryF32AsTheNearestF16) {
  // All upper halves of an f32 with lower halves around the ties of rounding.
  Cache values(KvType::f16, 4096);
  std::vector<float> x(4096 * kHeads);
  for (uint32_t upper = 0; upper < 0x10000; upper += 2048) {
    for (const uint32_t lower : {0x0000U, 0x1000U, 0x0fffU, 0x1001U}) {
      for (uint32_t i = 0; i < x.size(); ++i) {
        const uint32_t bits = (upper + i / 4) << 16 | ((i % 4) << 14 ^ lower);
        x[i] = std::bit_cast<float>(bits);
      }
      kernels().store_values({.x = x.data(), .pool = values.pool, .block = 0, .slot = 0});
      for (uint32_t i = 0; i < 4096; ++i) {
        uint16_t half = 0;
        std::memcpy(&half, values.pool.data + 2 * i, 2);
        if (std::isnan(x[i])) {
          ASSERT_EQ(half & 0x7e00, 0x7e00) << "a quiet NaN from " << std::bit_cast<uint32_t>(x[i]);
          ASSERT_EQ(half >> 15, std::bit_cast<uint32_t>(x[i]) >> 31);
        } else {
          ASSERT_EQ(half, quant::f32_to_f16(x[i])) << std::bit_cast<uint32_t>(x[i]);
        }
      }
    }
  }
}

// Random caches behind a table of blocks that is out of order.
struct Attention {
  Attention(KvType type, int64_t k_width, int64_t v_width) : keys(type, k_width), values(type, v_width) {}

  Cache keys;
  Cache values;
  std::vector<int32_t> blocks = {3, 0, 4, 1, 2};
};

void fill(Attention& attention, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  for (Cache* cache : {&attention.keys, &attention.values}) {
    std::vector<float> x(static_cast<size_t>(kHeads * cache->pool.width));
    for (int64_t l = 0; l < kBlocks * 64; ++l) {
      for (float& v : x) v = normal(random);
      const KvStoreJob job{.x = x.data(), .pool = cache->pool, .block = l / 64, .slot = l % 64};
      cache == &attention.keys ? defined::store_keys(job) : defined::store_values(job);
    }
  }
}

// Rows of one sequence, each of which sees as many positions as it says.
struct AttentionCase {
  KvType type;
  int64_t k_width;
  int64_t v_width;
  int64_t queries;
  std::vector<int64_t> visible;

  int64_t all_queries() const { return static_cast<int64_t>(visible.size()) * queries; }
  int64_t tiles() const { return (visible.back() + 63) / 64; }
  /// From tile to tile of AttentionJob, with a gap.
  int64_t step() const { return all_queries() * 64 + 16; }
};

std::string name_of(const AttentionCase& c) {
  std::string name = "queries " + std::to_string(c.queries) + " of rows that see";
  for (const int64_t seen : c.visible) name += " " + std::to_string(seen);
  return name + ", widths " + std::to_string(c.k_width) + " and " + std::to_string(c.v_width);
}

// The job over `attention`, with room for `open` and everything else still to come.
AttentionJob job_of(const AttentionCase& c, const Attention& attention, std::vector<float>& open) {
  open.assign(static_cast<size_t>(64 * std::max(c.k_width, c.v_width)), 7.0F);
  AttentionJob job;
  job.blocks = attention.blocks.data();
  job.rows = static_cast<int64_t>(c.visible.size());
  job.visible = c.visible.data();
  job.kv_head = 1;
  job.queries = c.queries;
  job.k = attention.keys.pool;
  job.v = attention.values.pool;
  job.scale = 0.125F;
  job.step = c.step();
  job.open = open.data();
  return job;
}

// Scores by the kernel and by the definition; returns the latter.
std::vector<float> expect_defined_scores(const KernelTable& kernels, const AttentionCase& c,
                                         AttentionJob job) {
  std::vector<float> s(static_cast<size_t>(c.tiles() * c.step()), 7.0F);
  std::vector<float> expected = s;
  job.s = s.data();
  kernels.attention_scores(job);
  job.s = expected.data();
  defined::attention_scores(job);
  for (int64_t h = 0; h < c.all_queries(); ++h) {
    for (int64_t l = 0; l < c.visible[static_cast<size_t>(h / c.queries)]; ++l) {
      const auto i = static_cast<size_t>(defined::tiled(job, h, l));
      EXPECT_TRUE(same_bits(s[i], expected[i])) << name_of(c) << " at " << h << ", " << l;
      if (testing::Test::HasFailure()) return expected;
    }
  }
  for (int64_t end = c.step(); end <= c.tiles() * c.step(); end += c.step()) {
    for (int64_t i = end - 16; i < end; ++i) {
      EXPECT_EQ(s[static_cast<size_t>(i)], 7.0F) << "wrote behind a tile, " << name_of(c);
    }
  }
  return expected;
}

void expect_defined_mix(const KernelTable& kernels, const AttentionCase& c, AttentionJob job,
                        std::vector<float> p) {
  // Probabilities that a query may not read, even where other rows see the value.
  for (int64_t h = 0; h < c.all_queries(); ++h) {
    for (int64_t l = c.visible[static_cast<size_t>(h / c.queries)]; l < c.tiles() * 64; ++l) {
      p[static_cast<size_t>(defined::tiled(job, h, l))] = std::nanf("");
    }
  }
  std::vector<float> y(static_cast<size_t>(c.all_queries() * c.v_width + 3), 7.0F);
  std::vector<float> expected = y;
  job.s = p.data();
  job.y = y.data();
  kernels.attention_mix(job);
  job.y = expected.data();
  defined::attention_mix(job);
  expect_same_bits(y, expected, "mix, " + name_of(c));
}

std::vector<float> queries_of(const AttentionCase& c, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<float> q(static_cast<size_t>((c.k_width + 63) / 64 * c.step()));
  for (float& v : q) v = normal(random);
  return q;
}

// The scores themselves serve as probabilities: numbers of both signs.
void expect_defined_attention(const KernelTable& kernels, const AttentionCase& c, std::mt19937_64& random) {
  Attention attention(c.type, c.k_width, c.v_width);
  fill(attention, random);
  std::vector<float> open;
  AttentionJob job = job_of(c, attention, open);
  const std::vector<float> q = queries_of(c, random);
  job.q = q.data();
  const std::vector<float> s = expect_defined_scores(kernels, c, job);
  expect_defined_mix(kernels, c, job, s);
}

TEST_P(FloatKernels, AttentionIsAsDefined) {
  for (const KvType type : {KvType::f16, KvType::f32}) {
    for (int64_t queries = 1; queries <= 17; ++queries) {
      expect_defined_attention(kernels(), {type, 64, 64, queries, {1 + queries * 17}}, random);
    }
    for (const int64_t width : {1, 15, 16, 17, 48, 80, 100, 128}) {
      expect_defined_attention(kernels(), {type, width, width, 3, {130}}, random);
      expect_defined_attention(kernels(), {type, 32, width, 8, {64}}, random);
    }
    for (const int64_t visible : {0, 1, 63, 64, 65, 128, 320}) {
      expect_defined_attention(kernels(), {type, 24, 40, 2, {visible}}, random);
    }
  }
}

TEST_P(FloatKernels, AttentionOfSeveralRowsIsAsDefined) {
  // Rows that end in one block, in two, at the end of one, and rows far apart; few and many registers full.
  const std::vector<std::vector<int64_t>> rows = {{1, 2},       {63, 64, 65}, {126, 127, 128, 129, 130},
                                                  {5, 70, 300}, {64, 128},    {1, 1, 320}};
  std::vector<int64_t> many;
  for (int64_t seen = 50; seen < 83; ++seen) many.push_back(seen);
  for (const KvType type : {KvType::f16, KvType::f32}) {
    for (const int64_t queries : {1, 2, 3, 8}) {
      for (const std::vector<int64_t>& visible : rows) {
        expect_defined_attention(kernels(), {type, 64, 64, queries, visible}, random);
        expect_defined_attention(kernels(), {type, 80, 100, queries, visible}, random);
      }
      expect_defined_attention(kernels(), {type, 20, 48, queries, many}, random);
    }
    for (const int64_t width : {1, 15, 16, 17, 33, 65, 128}) {
      expect_defined_attention(kernels(), {type, width, width, 3, {60, 61, 62, 66}}, random);
    }
  }
}

TEST_P(FloatKernels, RowsOfATileMeetNoValueThatOnlyOthersSee) {
  using Limits = std::numeric_limits<float>;
  for (const KvType type : {KvType::f16, KvType::f32}) {
    for (const int64_t queries : {1, 3, 8}) {
      const AttentionCase c = {type, 40, 57, queries, {1, 2, 3, 63, 64, 65, 66, 67, 68, 69, 130}};
      Attention attention(c.type, c.k_width, c.v_width);
      fill(attention, random);
      // A number that spoils what it meets at the last position of most rows, seen by all later ones.
      for (const auto& [l, bad] : {std::pair{2, Limits::infinity()},
                                   {63, Limits::quiet_NaN()},
                                   {65, -Limits::infinity()},
                                   {129, Limits::quiet_NaN()}}) {
        const std::vector<float> x(static_cast<size_t>(kHeads * 57), bad);
        const int64_t block = attention.blocks[static_cast<size_t>(l / 64)];
        defined::store_keys({.x = x.data(), .pool = attention.keys.pool, .block = block, .slot = l % 64});
        defined::store_values({.x = x.data(), .pool = attention.values.pool, .block = block, .slot = l % 64});
      }
      std::vector<float> open;
      AttentionJob job = job_of(c, attention, open);
      const std::vector<float> q = queries_of(c, random);
      job.q = q.data();
      expect_defined_scores(kernels(), c, job);
      const std::vector<float> p(static_cast<size_t>(c.tiles() * c.step()), 0.25F);
      expect_defined_mix(kernels(), c, job, p);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(On, FloatKernels, testing::ValuesIn(float_tables()), table_name);

}  // namespace
}  // namespace kilter::cpu
