#include "model/kv_cache.h"

#include <gtest/gtest.h>

#include <set>

#include "backend/reference/reference_ops.h"

namespace kilter {
namespace {

Model model_with_layers(int n) {
  Model model;
  for (int il = 0; il < n; ++il) {
    Layer layer;
    layer.n_head = 4;
    layer.n_head_kv = 2;
    layer.head_k = 8;
    layer.head_v = 6;
    model.layers.push_back(layer);
  }
  return model;
}

class KvCacheTest : public testing::Test {
 protected:
  KvCache make(int64_t blocks) {
    Result<KvCache> cache = KvCache::create(device_, model_, blocks);
    EXPECT_TRUE(cache.ok());
    return std::move(cache).value();
  }
  // The cache row of each position of a sequence.
  static std::vector<int64_t> rows(const KvCache& cache, int32_t sequence) {
    std::vector<int64_t> all;
    for (int32_t p = 0; p < cache.length(sequence); ++p) all.push_back(cache.tables().row(sequence, p));
    return all;
  }

  reference::HostDevice device_;
  Model model_ = model_with_layers(3);
};

TEST_F(KvCacheTest, BytesOfABlockAreThoseOfTheLayers) {
  // 64 positions x 3 layers x 2 heads x (8 + 6) values x 4 bytes
  EXPECT_EQ(KvCache::block_bytes(model_, 4), 64 * 3 * 2 * 14 * 4);
}

TEST_F(KvCacheTest, LayersDoNotOverlap) {
  const KvCache cache = make(2);
  std::set<const float*> starts;
  for (int il = 0; il < 3; ++il) {
    const KvLayer layer = cache.view(il).layer;
    EXPECT_EQ(layer.k.shape, (Shape{128, 2, 8}));
    EXPECT_EQ(layer.v.shape, (Shape{128, 2, 6}));
    EXPECT_EQ(layer.v.data, layer.k.data + 128 * 2 * 8);
    starts.insert(layer.k.data);
  }
  EXPECT_EQ(starts.size(), 3U);
}

TEST_F(KvCacheTest, SequencesNeverShareARowUnlessForked) {
  KvCache cache = make(4);
  const int32_t a = cache.add_sequence();
  const int32_t b = cache.add_sequence();
  // Interleaved growth, so that blocks are handed out in turn.
  for (const int64_t n : {10, 60, 5}) {
    ASSERT_TRUE(cache.extend(a, n).ok());
    ASSERT_TRUE(cache.extend(b, n).ok());
  }
  std::set<int64_t> seen;
  for (const int32_t s : {a, b}) {
    for (const int64_t row : rows(cache, s)) EXPECT_TRUE(seen.insert(row).second) << row;
  }
  EXPECT_EQ(seen.size(), 150U);
  EXPECT_LT(*seen.rbegin(), 4 * kKvBlock);
}

TEST_F(KvCacheTest, RefusesToGrowPastItsBlocksAndStaysAsItWas) {
  KvCache cache = make(2);
  const int32_t a = cache.add_sequence();
  ASSERT_TRUE(cache.extend(a, 100).ok());
  const Status refused = cache.extend(a, 29);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::memory);
  EXPECT_EQ(cache.length(a), 100);
  EXPECT_TRUE(cache.extend(a, 28).ok());
}

TEST_F(KvCacheTest, AForkSharesWholeBlocksOnly) {
  KvCache cache = make(8);
  const int32_t a = cache.add_sequence();
  ASSERT_TRUE(cache.extend(a, 200).ok());
  const int32_t b = cache.fork(a, 150);
  EXPECT_EQ(cache.length(b), 128);
  ASSERT_TRUE(cache.extend(b, 40).ok());
  const auto of_a = rows(cache, a);
  const auto of_b = rows(cache, b);
  for (size_t p = 0; p < 128; ++p) EXPECT_EQ(of_a[p], of_b[p]);
  const std::set<int64_t> all_of_a(of_a.begin(), of_a.end());
  for (size_t p = 128; p < of_b.size(); ++p) EXPECT_FALSE(all_of_a.contains(of_b[p])) << p;
}

TEST_F(KvCacheTest, ASharedBlockIsNeverWrittenAfterARewind) {
  KvCache cache = make(8);
  const int32_t a = cache.add_sequence();
  ASSERT_TRUE(cache.extend(a, 128).ok());
  const int32_t b = cache.fork(a, 128);
  EXPECT_EQ(cache.rewind(a, 100), 64);  // 65..100 stand in a block that b reads
  ASSERT_TRUE(cache.extend(a, 64).ok());
  const auto of_b = rows(cache, b);
  const std::set<int64_t> second_block_of_b(of_b.begin() + 64, of_b.end());
  const auto of_a = rows(cache, a);
  for (size_t p = 64; p < of_a.size(); ++p) EXPECT_FALSE(second_block_of_b.contains(of_a[p])) << p;
}

TEST_F(KvCacheTest, ARewindOfAnUnsharedBlockKeepsEveryPosition) {
  KvCache cache = make(8);
  const int32_t a = cache.add_sequence();
  ASSERT_TRUE(cache.extend(a, 130).ok());
  EXPECT_EQ(cache.rewind(a, 100), 100);
  EXPECT_EQ(cache.length(a), 100);
  EXPECT_EQ(cache.free_blocks(), 6);
}

TEST_F(KvCacheTest, RemovedSequencesGiveTheirBlocksBackOnce) {
  KvCache cache = make(4);
  const int32_t a = cache.add_sequence();
  ASSERT_TRUE(cache.extend(a, 128).ok());
  const int32_t b = cache.fork(a, 64);
  cache.remove(a);
  EXPECT_EQ(cache.free_blocks(), 3);  // b still holds the first
  cache.remove(b);
  EXPECT_EQ(cache.free_blocks(), 4);
  EXPECT_EQ(cache.length(cache.add_sequence()), 0);
}

}  // namespace
}  // namespace kilter
