#include "observe/listing_ops.h"

#include <map>

#include "support.h"

namespace kilter {
namespace {

std::map<std::string, ListedOp> by_name(const ListingOps& ops) {
  std::map<std::string, ListedOp> listed;
  for (const ListedOp& op : ops.ops()) listed[to_string(op.at)] = op;
  return listed;
}

TEST(ListingOps, NamesEveryPointInTheOrderOfThePass) {
  const TinyModel model;
  ListingOps ops;
  feed(*model, ops, {5});
  std::vector<std::string> want;
  const auto add = [&](PointScope scope, int il, bool before_layers) {
    for (const PointInfo& info : all_points()) {
      const bool first = info.point == Point::token_embd;
      if (info.scope == scope && (il >= 0 || first == before_layers))
        want.push_back(to_string(At{info.point, il}));
    }
  };
  add(PointScope::model, -1, true);
  add(PointScope::layer, 0, false);
  add(PointScope::layer, 1, false);
  add(PointScope::model, -1, false);
  std::vector<std::string> got;
  for (const ListedOp& op : ops.ops()) got.push_back(to_string(op.at));
  EXPECT_EQ(got, want);
}

TEST(ListingOps, GivesShapesAndWeights) {
  const TinyModel model;
  ListingOps ops;
  feed(*model, ops, {5});
  const auto listed = by_name(ops);
  const ListedOp& q = listed.at("blk.1.attn_q");
  EXPECT_EQ(q.op, "matmul");
  EXPECT_EQ(q.weight, "blk.1.attn_q.weight");
  EXPECT_EQ(q.weight_shape, (Shape{24, 12}));
  EXPECT_EQ(q.operands, (std::vector<Shape>{{5, 12}}));
  EXPECT_EQ(q.made, (Shape{5, 4, 6}));
  const ListedOp& cached = listed.at("blk.0.attn_v_cache");
  EXPECT_EQ(cached.made, (Shape{5, 2, 4}));
  EXPECT_TRUE(cached.weight.empty());
  const ListedOp& scores = listed.at("blk.0.attn_scores");
  EXPECT_EQ(scores.operands, (std::vector<Shape>{{5, 4, 6}, {5, 2, 6}}));
  EXPECT_EQ(scores.made, (Shape{5, 4, 5}));
  EXPECT_EQ(listed.at("blk.0.ffn_gated").operands, (std::vector<Shape>{{5, 10}, {5, 10}}));
  EXPECT_EQ(listed.at("logits").made, (Shape{5, 9}));
}

// Worked by hand for 3 rows after 2 earlier ones: the rows see 3, 4 and 5 positions.
TEST(ListingOps, CountsBytesAndMultiplyAdds) {
  const TinyModel model;
  ListingOps ops;
  feed(*model, ops, {2});
  ops.clear();
  feed(*model, ops, {2, 3});
  const auto listed = by_name(ops);
  const auto expect = [&](const std::string& name, const OpCost& want) {
    const OpCost& got = listed.at(name).cost;
    EXPECT_EQ(got.weight_bytes, want.weight_bytes) << name;
    EXPECT_EQ(got.value_bytes, want.value_bytes) << name;
    EXPECT_EQ(got.multiply_adds, want.multiply_adds) << name;
  };
  expect("token_embd", {3 * 12 * 4, 3 * 12 * 4, 0});
  expect("blk.0.attn_norm", {12 * 4, 2 * 3 * 12 * 4, 0});
  expect("blk.0.attn_q", {24 * 12 * 4, (3 * 12 + 3 * 24) * 4, 3 * 24 * 12});
  expect("blk.0.attn_k_cache", {0, 2 * 3 * 12 * 4, 0});
  expect("blk.0.attn_scores", {0, (3 * 24 + 5 * 12 + 3 * 4 * 5) * 4, (3 + 4 + 5) * 4 * 6});
  expect("blk.0.attn_mix", {0, (3 * 4 * 5 + 5 * 8 + 3 * 16) * 4, (3 + 4 + 5) * 4 * 4});
  expect("blk.0.ffn_gated", {0, 3 * 3 * 10 * 4, 0});
  expect("output_rows", {0, 2 * 3 * 12 * 4, 0});
}

TEST(ListingOps, CountsTheCacheOnceForEachSequence) {
  ListingOps ops;
  const KvTables tables{{{0}, {1}}};
  const KvView kv{{{nullptr, {128, 2, 6}}, {nullptr, {128, 2, 4}}}, &tables};
  const Batch batch{{0, 0, 0}, {2, 6, 7}, {0, 1, 1}, {}};  // 3 positions of one, 8 of the other
  const Tensor q{nullptr, {3, 4, 6}};
  Tensor scores{nullptr, {3, 4, 8}};
  ops.attention_scores(at(0, Point::attn_scores), q, kv, batch, 1, scores);
  EXPECT_EQ(ops.ops()[0].cost.value_bytes, (3 * 24 + (3 + 8) * 12 + 3 * 4 * 8) * 4);
  EXPECT_EQ(ops.ops()[0].cost.multiply_adds, (3 + 7 + 8) * 4 * 6);
}

TEST(ListingOps, MeasuresTheScratchMemoryOfThePass) {
  const TinyModel model;
  ListingOps listing;
  feed(*model, listing, {70}, 0);
  const int64_t peak = listing.workspace().peak();
  reference::ReferenceOps reference(1);
  feed(*model, reference, {70});
  EXPECT_EQ(reference.workspace().peak(), peak);
}

}  // namespace
}  // namespace kilter
