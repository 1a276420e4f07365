#include "observe/recording_ops.h"

#include <cmath>
#include <cstring>
#include <map>

#include "observe/listing_ops.h"
#include "observe/summary_sink.h"
#include "support.h"

namespace kilter {
namespace {

class Keep final : public ValueSink {
 public:
  struct Value {
    Shape shape;
    std::vector<float> floats;
  };

  explicit Keep(NameFilter filter = {}) : filter_(std::move(filter)) {}
  bool wants(At at) override { return filter_.matches(at); }
  void take(At at, const Shape& shape, std::span<const float> values) override {
    kept[to_string(at)] = {shape, {values.begin(), values.end()}};
  }
  std::map<std::string, Value> kept;

 private:
  NameFilter filter_;
};

TEST(RecordingOps, ChangesNoBit) {
  const TinyModel model;
  reference::ReferenceOps plain(1);
  reference::ReferenceOps watched(1);
  Keep sink;
  RecordingOps recording(watched, sink);
  const std::vector<float> want = feed(*model, plain, {5, 1, 64, 3});
  const std::vector<float> got = feed(*model, recording, {5, 1, 64, 3});
  ASSERT_EQ(got.size(), want.size());
  EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)), 0);
  EXPECT_EQ(sink.kept.at("logits").floats,
            std::vector<float>(want.end() - 3 * TinyModel::kVocab, want.end()));
}

TEST(RecordingOps, ShowsEachValueThatListingNames) {
  const TinyModel model;
  reference::ReferenceOps inner(1);
  Keep sink;
  RecordingOps recording(inner, sink);
  feed(*model, recording, {5});
  ListingOps listing;
  feed(*model, listing, {5});
  EXPECT_EQ(sink.kept.size(), listing.ops().size());
  for (const ListedOp& op : listing.ops()) {
    const std::string name = to_string(op.at);
    ASSERT_EQ(sink.kept.count(name), 1U) << name;
    EXPECT_EQ(sink.kept.at(name).shape, op.made) << name;
    EXPECT_EQ(static_cast<int64_t>(sink.kept.at(name).floats.size()), op.made.elements()) << name;
  }
}

// Both are computed in the memory of the gate, the second over the first.
TEST(RecordingOps, ReadsAValueBeforeTheNextOneTakesItsPlace) {
  const TinyModel model;
  reference::ReferenceOps inner(1);
  Keep sink;
  RecordingOps recording(inner, sink);
  feed(*model, recording, {5});
  const auto& gate = sink.kept.at("blk.0.ffn_gate_bias").floats;
  const auto& act = sink.kept.at("blk.0.ffn_act").floats;
  const auto& up = sink.kept.at("blk.0.ffn_up_bias").floats;
  const auto& gated = sink.kept.at("blk.0.ffn_gated").floats;
  for (size_t i = 0; i < gate.size(); ++i) {
    EXPECT_FLOAT_EQ(act[i], gate[i] / (1 + std::exp(-gate[i])));
    // What is seen of the three values is rounded to f32, and the product was made before that: 3 * 2^-24.
    const double product = double{act[i]} * double{up[i]};
    EXPECT_NEAR(gated[i], product, 0x1p-22 * std::abs(product));
  }
}

// Rows 62..69 lie in two blocks of the cache that do not follow one another in the pool.
TEST(RecordingOps, ReadsTheCacheWhereTheRowsWereStored) {
  reference::ReferenceOps inner(1);
  Keep sink;
  RecordingOps recording(inner, sink);
  Values pool({4 * kKvBlock, 1, 2});
  Values x({4, 1, 2});
  const KvTables tables{{{3, 0}}};
  const Batch batch{{0, 0, 0, 0}, {62, 63, 64, 65}, {0, 0, 0, 0}, {}};
  recording.kv_store(at(0, Point::attn_k_cache), *x, batch, tables, *pool);
  EXPECT_EQ(sink.kept.at("blk.0.attn_k_cache").floats, x.floats());
  EXPECT_EQ(pool.floats()[2 * (3 * kKvBlock + 63)], 3.0F);
  EXPECT_EQ(pool.floats()[0], 5.0F);
}

TEST(RecordingOps, LeavesOutWhatIsNotWanted) {
  const TinyModel model;
  reference::ReferenceOps inner(1);
  Keep sink(*NameFilter::create("^blk\\.1\\.attn_q$|logits"));
  RecordingOps recording(inner, sink);
  feed(*model, recording, {3});
  EXPECT_EQ(sink.kept.size(), 2U);
  EXPECT_EQ(sink.kept.count("blk.1.attn_q"), 1U);
}

TEST(SummarySink, DescribesEachValue) {
  const TinyModel model;
  reference::ReferenceOps inner(1);
  std::vector<ValueSummary> seen;
  SummarySink sink(*NameFilter::create("attn_scores"), [&](const ValueSummary& s) { seen.push_back(s); });
  RecordingOps recording(inner, sink);
  feed(*model, recording, {3, 1});
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(to_string(seen[1].at), "blk.1.attn_scores");
  EXPECT_EQ(seen[1].shape, (Shape{3, 4, 3}));
  EXPECT_EQ(seen[1].stats.count, 36);
  EXPECT_EQ(seen[1].stats.n_neg_inf, 4 * (2 + 1));
  EXPECT_EQ(seen[3].shape, (Shape{1, 4, 4}));
}

TEST(NameFilter, MatchesPartsOfNames) {
  EXPECT_TRUE(NameFilter().matches(at(Point::logits)));
  EXPECT_TRUE(NameFilter::create("")->matches(at(Point::logits)));
  EXPECT_TRUE(NameFilter::create("attn_q")->matches(at(0, Point::attn_q_rope)));
  EXPECT_FALSE(NameFilter::create("attn_q$")->matches(at(0, Point::attn_q_rope)));
  EXPECT_FALSE(NameFilter::create("^attn_q")->matches(at(0, Point::attn_q_rope)));
  EXPECT_TRUE(NameFilter::create("blk\\.(1|2)\\.")->matches(at(2, Point::ffn_up)));
}

TEST(NameFilter, RefusesWhatIsNoExpression) {
  for (const char* wrong : {"(", "[", "*", "a{2,1}", "\\", "(a)\\1"}) {
    const auto filter = NameFilter::create(wrong);
    ASSERT_FALSE(filter.ok()) << wrong;
    EXPECT_EQ(filter.error().code, ErrorCode::usage);
  }
  EXPECT_TRUE(NameFilter::create(std::string(1000, 'a')).ok());
  EXPECT_FALSE(NameFilter::create(std::string(1001, 'a')).ok());
}

// Matching by trying one way after the other would not end in this century.
TEST(NameFilter, FollowsAllWaysAtOnce) {
  EXPECT_FALSE(NameFilter::create("(.*)*(.*)*(.*)*!")->matches(at(10, Point::attn_residual)));
  EXPECT_FALSE(NameFilter::create("(.+.+)+!")->matches(at(10, Point::attn_residual)));
}

}  // namespace
}  // namespace kilter
