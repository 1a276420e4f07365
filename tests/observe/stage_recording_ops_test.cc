#include "observe/stage_recording_ops.h"

#include <cstring>
#include <map>

#include "observe/listing_ops.h"
#include "support.h"

namespace kilter {
namespace {

class Keep final : public ValueSink {
 public:
  bool wants(At at) override { return at.point != Point::attn_k_rope; }
  void take(At at, const Shape& shape, std::span<const float> values) override {
    shapes[to_string(at)] = shape;
    values_of[to_string(at)] = {values.begin(), values.end()};
  }
  std::map<std::string, Shape> shapes;
  std::map<std::string, std::vector<float>> values_of;
};

/// Stages that are made in one piece: nobody sees a plain op.
class FusedOps final : public OpsWrapper {
 public:
  explicit FusedOps(Ops& inner) : OpsWrapper(inner), stages_(inner) {}

  Stages stages() const override { return Stages::fused; }
  void embedding(const Weight& table, const Batch& batch, Tensor& x) override {
    stages_.embedding(table, batch, x);
  }
  void attention_input(int il, const Layer& w, const Batch& batch, const Tensor& x, Qkv& out) override {
    stages_.attention_input(il, w, batch, x, out);
  }
  void attention(int il, const Layer& w, const Batch& batch, const Qkv& in, KvView kv, Tensor& mix) override {
    stages_.attention(il, w, batch, in, kv, mix);
  }
  void attention_output(int il, const Layer& w, const Tensor& mix, Tensor& x) override {
    stages_.attention_output(il, w, mix, x);
  }
  void feed_forward(int il, const Layer& w, Tensor& x) override { stages_.feed_forward(il, w, x); }
  void head(const Head& w, const Batch& batch, const Tensor& x, Tensor& logits) override {
    stages_.head(w, batch, x, logits);
  }
  int n_plain_calls = 0;

 protected:
  void call(const OpCall& c) override {
    ++n_plain_calls;
    OpsWrapper::call(c);
  }

 private:
  Ops& stages_;
};

TEST(StageRecordingOps, ShowsWhatTheStagesLeaveBehind) {
  const TinyModel model;
  reference::ReferenceOps plain(1);
  Keep all;
  RecordingOps every_op(plain, all);
  const std::vector<float> want = feed(*model, every_op, {5});

  reference::ReferenceOps inner(1);
  FusedOps fused(inner);
  Keep some;
  StageRecordingOps recording(fused, some);
  EXPECT_EQ(recording.stages(), Stages::fused);
  const std::vector<float> got = feed(*model, recording, {5});
  EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)), 0);
  EXPECT_EQ(fused.n_plain_calls, 0);

  for (const auto& [name, values] : some.values_of) {
    EXPECT_EQ(some.shapes.at(name), all.shapes.at(name)) << name;
    EXPECT_EQ(values, all.values_of.at(name)) << name;
  }
  // Of each of the two layers: q, v with its bias, both parts of the cache, the mix, two residuals.
  EXPECT_EQ(some.values_of.size(), 2U + 2 * 7);
  EXPECT_EQ(some.values_of.count("blk.1.attn_v_bias"), 1U);
  EXPECT_EQ(some.values_of.count("blk.1.attn_v"), 0U);
}

TEST(StageRecordingOps, SaysInAdvanceWhatItShows) {
  const TinyModel model;
  ListingOps listing;
  feed(*model, listing, {5});
  reference::ReferenceOps inner(1);
  Keep kept;
  StageRecordingOps recording(inner, kept);
  feed(*model, recording, {5});
  for (const ListedOp& op : listing.ops()) {
    const Layer* layer = op.at.il < 0 ? nullptr : &model->layers[static_cast<size_t>(op.at.il)];
    const bool shown = kept.wants(op.at) && outlives_stage(op.at, layer);
    EXPECT_EQ(kept.values_of.count(to_string(op.at)), shown ? 1U : 0U) << to_string(op.at);
  }
}

// Rows 62 to 65 lie in two blocks of the cache.
TEST(StageRecordingOps, ReadsTheCacheWhereTheRowsWereStored) {
  const TinyModel model;
  reference::ReferenceOps whole(1);
  Keep want;
  RecordingOps every_op(whole, want);
  feed(*model, every_op, {62, 4});
  reference::ReferenceOps inner(1);
  Keep kept;
  StageRecordingOps recording(inner, kept);
  feed(*model, recording, {62, 4});
  EXPECT_EQ(kept.shapes.at("blk.1.attn_k_cache"), (Shape{4, 2, 6}));
  EXPECT_EQ(kept.values_of.at("blk.1.attn_k_cache"), want.values_of.at("blk.1.attn_k_cache"));
  EXPECT_EQ(kept.values_of.at("blk.1.attn_v_cache"), want.values_of.at("blk.1.attn_v_cache"));
}

}  // namespace
}  // namespace kilter
