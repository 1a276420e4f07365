// Each op is called rightly once, and then wrongly in one way at a time.
#include "observe/op_rules.h"

#include <limits>

#include "support.h"

namespace kilter {
namespace {

/// Ops that judge each call and make none.
class Judge final : public OpsAsCalls {
 public:
  Device& device() override { return device_; }
  Workspace& workspace() override { return workspace_; }
  std::string verdict;  // on the last call; empty where it keeps the rules

 protected:
  void call(const OpCall& c) override {
    const Status status = check_rules(c);
    verdict = status.ok() ? "" : status.error().message();
  }

 private:
  reference::HostDevice device_;
  Workspace workspace_;
};

class OpRules : public testing::Test {
 protected:
  void good() { EXPECT_EQ(ops.verdict, ""); }
  void broken(const std::string& part) {
    EXPECT_NE(ops.verdict.find(part), std::string::npos) << "'" << ops.verdict << "' lacks '" << part << "'";
  }
  Weight weight(int64_t rows, int64_t cols) { return model.weight("w", rows, cols); }

  Judge ops;
  TinyModel model;
  std::vector<int32_t> ids = {0, 2, 1};
};

TEST_F(OpRules, Embed) {
  const At name = at(Point::token_embd);
  Values y({3, 4});
  const auto embed = [&](const std::vector<int32_t>& rows, const Weight& w) { ops.embed(name, rows, w, *y); };
  embed(ids, weight(3, 4)), good();
  embed({0, 3, 1}, weight(3, 4)), broken("token_embd (embed): id 1 is 3, and should be in [0, 3)");
  embed({0, -1, 1}, weight(3, 4)), broken("id 1 is -1");
  embed({0, 1}, weight(3, 4)), broken("2 rows, one for each of the ids");
  embed(ids, weight(3, 5)), broken("w is [3, 5], and [3, 4] is what");
  embed(ids, Weight()), broken("the weight is not there");
}

TEST_F(OpRules, Weights) {
  const At name = at(Point::logits);
  Values x({1, 32});
  Values y({1, 2});
  const auto matmul = [&](const Weight& w) { ops.matmul(name, *x, w, *y); };
  Weight w = weight(2, 32);
  matmul(w), good();
  w.bytes = w.bytes.first(255);
  matmul(w), broken("w has 255 bytes, and [2, 32] of F32 are 256");
  Weight long_one = weight(3, 32);
  long_one.rows = 2;
  matmul(long_one), broken("w has 384 bytes, and [2, 32] of F32 are 256");
  Weight blocks = weight(2, 9);  // 72 bytes
  blocks.type = DType::q8_0;     // of which a row of 32 takes 34
  blocks.cols = 32;
  blocks.bytes = blocks.bytes.first(68);
  matmul(blocks), good();
  blocks.cols = 33;
  matmul(blocks), broken("no whole blocks of Q8_0");
}

TEST_F(OpRules, Rmsnorm) {
  const At name = at(0, Point::attn_q_norm);
  Values x({2, 3, 4});
  Values y({2, 3, 4});
  Values other({2, 12});
  const auto rmsnorm = [&](const Weight& w, float eps, Tensor& to) { ops.rmsnorm(name, *x, w, eps, to); };
  rmsnorm(weight(1, 4), 1e-5F, *y), good();
  rmsnorm(weight(1, 12), 1e-5F, *y), good();
  rmsnorm(weight(1, 4), 1e-5F, *x), good();
  rmsnorm(weight(1, 5), 1e-5F, *y), broken("no multiple of the 5 of w");
  rmsnorm(weight(2, 4), 1e-5F, *y), broken("w is [2, 4], and [1, 4]");
  rmsnorm(weight(1, 4), 0, *y), broken("eps is 0");
  rmsnorm(weight(1, 4), std::numeric_limits<float>::quiet_NaN(), *y), broken("eps is nan");
  rmsnorm(weight(1, 4), 1e-5F, *other), broken("the operand is [2, 3, 4] and the result [2, 12]");
}

TEST_F(OpRules, Matmul) {
  const At name = at(0, Point::attn_output);
  Values x({2, 3});
  Values y({2, 4});
  Values more({3, 4});
  const auto matmul = [&](const Weight& w, Tensor& to) { ops.matmul(name, *x, w, to); };
  matmul(weight(4, 3), *y), good();
  matmul(weight(3, 4), *y), broken("w is [3, 4], and [4, 3]");
  matmul(weight(4, 3), *more), broken("2 rows, one for each of the operand's");
  matmul(weight(3, 3), *x), broken("written over an operand that is still read");
}

TEST_F(OpRules, AddBias) {
  const At name = at(0, Point::attn_q_bias);
  Values x({2, 3, 4});
  ops.add_bias(name, *x, weight(1, 12), *x), good();
  ops.add_bias(name, *x, weight(1, 4), *x), broken("w is [1, 4], and [1, 12]");
  ops.add_bias(name, *x, weight(12, 1), *x), broken("w is [12, 1], and [1, 12]");
}

TEST_F(OpRules, Rope) {
  const At name = at(0, Point::attn_q_rope);
  Values x({3, 2, 4});
  Values flat({3, 8});
  const auto rope = [&](const std::vector<int32_t>& positions, const Rope& r) {
    ops.rope(name, *x, positions, r, *x);
  };
  const Rope right = {RopePairs::halves, 4, {1, 0.5}, 1};
  rope(ids, right), good();
  rope({0, 1}, right), broken("2 rows, one for each of the positions");
  rope({0, -1, 1}, right), broken("position 1 is -1");
  rope(ids, {RopePairs::halves, 4, {1}, 1}), broken("1 frequencies came for 2 pairs");
  rope(ids, {RopePairs::halves, 3, {1}, 1}), broken("3 elements of heads of 4 cannot be turned");
  rope(ids, {RopePairs::halves, 6, {1, 1, 1}, 1}), broken("6 elements of heads of 4 cannot be turned");
  ops.rope(name, *flat, ids, right, *flat), broken("[3, 8] came where 3 axes belong");
}

TEST_F(OpRules, KvStore) {
  const At name = at(0, Point::attn_k_cache);
  Values x({2, 2, 3});
  Values pool({2 * kKvBlock, 2, 3});
  Values wide({2 * kKvBlock, 3, 3});
  const KvTables right{{{1}, {0}}};
  const auto store = [&](const Batch& batch, const KvTables& tables, Tensor& to) {
    ops.kv_store(name, *x, batch, tables, to);
  };
  const auto rows = [](std::vector<int32_t> positions, std::vector<int32_t> sequences) {
    return Batch{{0, 0}, std::move(positions), std::move(sequences), {}};
  };
  store(rows({5, 63}, {0, 0}), right, *pool), good();
  store(rows({5, 5}, {0, 1}), right, *pool), good();
  store(rows({5, 5}, {0, 0}), right, *pool), broken("two rows are stored in row 69 of the pool");
  store(rows({5, 5}, {0, 1}), KvTables{{{1}, {1}}}, *pool), broken("two rows are stored in row 69");
  store(rows({5, 64}, {0, 0}), right, *pool),
      broken("row 1 has position 64, and sequence 0 has 1 blocks of 64");
  store(rows({5, -1}, {0, 0}), right, *pool), broken("row 1 has position -1");
  store(rows({5, 6}, {0, 2}), right, *pool), broken("row 1 is of sequence 2, and 2 are there");
  store(rows({5, 6}, {0, -1}), right, *pool), broken("row 1 is of sequence -1");
  store(rows({5, 6}, {0, 0}), KvTables{{{2}}}, *pool), broken("sequence 0 names block 2, and the pool has 2");
  store(rows({5, 6}, {0, 0}), KvTables{{{-1}}}, *pool), broken("names block -1");
  store(rows({5}, {0, 0}), right, *pool), broken("2 rows, and the batch 1 positions of 2 sequences");
  store(rows({5, 6}, {0, 0}), right, *wide), broken("rows of [2, 2, 3] do not fit a pool of [128, 3, 3]");
  Tensor inside = rows_of(*pool, 4, 2);
  ops.kv_store(name, inside, rows({5, 6}, {0, 0}), right, *pool),
      broken("over an operand that is still read");
}

class AttentionRules : public OpRules {
 protected:
  Values keys{{kKvBlock, 2, 3}}, values{{kKvBlock, 2, 5}};
  Values q{{2, 4, 3}}, scores{{2, 4, 7}}, mix{{2, 4, 5}};
  const KvTables tables{{{0}}};
  const KvTables no_tables{{{}}};
  const KvView kv{{*keys, *values}, &tables};
  const Batch batch{{0, 0}, {3, 6}, {0, 0}, {}};
};

TEST_F(AttentionRules, Scores) {
  const At name = at(0, Point::attn_scores);
  const auto attend = [&](const Tensor& from, const KvView& view, Tensor to, float scale) {
    ops.attention_scores(name, from, view, batch, scale, to);
  };
  attend(*q, kv, *scores, 0.5F), good();
  attend(*q, kv, scores->reshaped({2, 7, 4}), 1), broken("do not fit");
  attend(q->reshaped({2, 3, 4}), kv, *scores, 1), broken("3 query heads cannot share a cache of [64, 2, 3]");
  attend(*Values({2, 4, 2}), kv, *scores, 1),
      broken("queries [2, 4, 2], keys [64, 2, 3] and scores [2, 4, 7]");
  attend(*q, kv, *Values({2, 4, 8}), 1), broken("an axis of 8 positions, and the batch sees 7");
  attend(*q, kv, *Values({3, 4, 7}), 1), broken("2 rows, one for each of the queries");
  attend(*q, kv, *scores, std::numeric_limits<float>::infinity()), broken("the scale is inf");
  attend(*q, {kv.layer, &no_tables}, *scores, 1), broken("sequence 0 has 0 blocks");
  attend(*Values({1, 4, 3}), kv, *scores, 1), broken("1 rows, and the batch 2 positions");
  attend(*q, kv, keys->reshaped({2, 4, 48}).reshaped({2, 4, 7}), 1),
      broken("over an operand that is still read");
}

TEST_F(AttentionRules, Softmax) {
  const At name = at(0, Point::attn_softmax);
  ops.softmax(name, *scores, *scores), good();
  ops.softmax(name, *scores, *mix), broken("the operand is [2, 4, 7] and the result [2, 4, 5]");
  Tensor flat = scores->reshaped({8, 7});
  ops.softmax(name, flat, flat), broken("[8, 7] came where 3 axes belong");
}

TEST_F(AttentionRules, Mix) {
  const At name = at(0, Point::attn_mix);
  const auto attend = [&](const Tensor& from, const KvView& view, Tensor to) {
    ops.attention_mix(name, from, view, batch, to);
  };
  attend(*scores, kv, *mix), good();
  attend(*scores, kv, *Values({2, 4, 3})), broken("do not fit");
  attend(*scores, kv, *Values({3, 4, 5})), broken("2 rows, one for each of the operand's");
  attend(*Values({2, 4, 6}), kv, *mix), broken("an axis of 6 positions, and the batch sees 7");
  attend(*Values({2, 3, 7}), kv, *mix), broken("3 query heads cannot share a cache of [64, 2, 5]");
  attend(*scores, {kv.layer, &no_tables}, *mix), broken("sequence 0 has 0 blocks");
  attend(*scores, kv, scores->reshaped({2, 4, 5})), broken("over an operand that is still read");
  attend(*scores, kv, values->reshaped({2, 4, 5})), broken("over an operand that is still read");
}

TEST_F(OpRules, ElementByElement) {
  const At name = at(0, Point::ffn_gated);
  Values a({2, 3});
  Values b({2, 3});
  Values y({2, 3});
  Values turned({3, 2});
  ops.silu(name, *a, *a), good();
  ops.silu(name, *a, *turned), broken("the operand is [2, 3] and the result [3, 2]");
  ops.multiply(name, *a, *b, *y), good();
  ops.multiply(name, *a, *b, *b), good();
  ops.multiply(name, *a, *turned, *y), broken("the operand is [3, 2] and the result [2, 3]");
  ops.add(name, *turned, *b, *y), broken("the operand is [3, 2] and the result [2, 3]");
  Values room({3, 3});
  const Tensor first = rows_of(*room, 0, 2);
  Tensor later = rows_of(*room, 1, 2);
  ops.add(name, *a, first, later), broken("covers a part of an operand");
  ops.silu(name, first, later), broken("covers a part of an operand");
}

TEST_F(OpRules, TakeRows) {
  const At name = at(Point::output_rows);
  Values x({4, 3});
  Values y({3, 3});
  Values narrow({3, 2});
  ops.take_rows(name, *x, ids, *y), good();
  ops.take_rows(name, *x, std::vector<int32_t>{0, 4, 1}, *y), broken("row 1 is 4, and should be in [0, 4)");
  ops.take_rows(name, *x, std::vector<int32_t>{0, 1}, *y),
      broken("2 rows, one for each of the rows asked for");
  ops.take_rows(name, *x, ids, *narrow), broken("rows of [4, 3] do not fit into [3, 2]");
  Tensor inside = rows_of(*x, 0, 3);
  ops.take_rows(name, *x, ids, inside), broken("over an operand that is still read");
}

TEST_F(OpRules, NamesAndShapes) {
  Values x({2, 3});
  ops.silu(at(Point::ffn_act), *x, *x), broken("is a value of a layer, and no layer is named");
  ops.silu(at(4, Point::logits), *x, *x), broken("is no value of a layer, and layer 4 is named");
  Tensor nothing;
  ops.silu(at(0, Point::ffn_act), nothing, nothing), broken("[] came where at least one axis belong");
  Tensor negative{x->data, {-1, 3}};
  ops.silu(at(0, Point::ffn_act), negative, negative), broken("[-1, 3] came");
}

}  // namespace
}  // namespace kilter
