// Dumps that other libraries wrote. What they hold is a formula (make_samples.py), so the expected numbers
// need no reader.
#include <gtest/gtest.h>

#include <cmath>

#include "support.h"

namespace kilter::analysis {
namespace {

using Rows = std::vector<int32_t>;

// All elements of all rows, as the formula gives them for a value of `name` [T, row_size].
void expect_value(const Dump& dump, At at, std::string_view name, const Rows& rows) {
  SCOPED_TRACE(to_string(at));
  const Observed* value = find(dump, at);
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->rows, rows);
  EXPECT_TRUE(value->complete);
  const Elements elements = load(*value);
  EXPECT_TRUE(elements.complete());
  std::vector<float> expected;
  for (const int32_t row : rows) {
    const auto numbers = sample_rows(name, row, 1, value->row_size());
    expected.insert(expected.end(), numbers.begin(), numbers.end());
  }
  EXPECT_EQ(elements.values, expected);
}

TEST(Samples, NumpyArraysOfEveryLayoutAndType) {
  const TestModel model;
  const Dump dump = read({sample("layouts.npz")}, model.context());
  EXPECT_EQ(dump.tokens, (Rows{1, 7, 299}));
  EXPECT_EQ(dump.passes, std::vector<int64_t>{3});
  const Rows all{0, 1, 2};
  for (const auto& [point, name] :
       std::vector<std::pair<Point, std::string_view>>{{Point::attn_norm, "attn_norm"},
                                                       {Point::attn_q, "attn_q"},
                                                       {Point::attn_k, "attn_k"},
                                                       {Point::attn_v, "attn_v"},
                                                       {Point::attn_residual, "attn_residual"},
                                                       {Point::ffn_norm, "ffn_norm"},
                                                       {Point::ffn_gate, "ffn_gate"},
                                                       {Point::ffn_up, "ffn_up"},
                                                       {Point::ffn_gated, "ffn_gated"},
                                                       {Point::ffn_down, "ffn_down"}}) {
    expect_value(dump, at(0, point), name, all);
  }
  expect_value(dump, at(Point::logits), "logits", {2});
  EXPECT_EQ(find(dump, at(0, Point::attn_k))->stored, StoredAs::f16);
  EXPECT_EQ(find(dump, at(0, Point::attn_residual))->stored, StoredAs::bf16);
  EXPECT_EQ(find(dump, at(0, Point::attn_q))->shape, (std::vector<int64_t>{8, 4}));
  ASSERT_EQ(dump.unmatched.size(), 1u);
  EXPECT_EQ(dump.unmatched[0].subject, "a_text");
}

TEST(Samples, ASoftmaxLosesItsPadding) {
  const TestModel model;
  const Dump dump = read({sample("layouts.npz")}, model.context());
  const Observed* softmax = find(dump, at(0, Point::attn_softmax));
  ASSERT_NE(softmax, nullptr);
  EXPECT_EQ(softmax->shape, (std::vector<int64_t>{8, 3}));
  // What stands behind a row's own position is the engine's, and stays: a missing mask must show.
  EXPECT_EQ(load(*softmax).values, sample_rows("attn_softmax", 0, 3, 24));
}

TEST(Samples, SeveralFilesArePasses) {
  const TestModel model;
  const Dump dump = read({sample("prompt.npz"), sample("step.npz")}, model.context());
  EXPECT_EQ(dump.tokens, (Rows{1, 7, 299}));
  EXPECT_EQ(dump.passes, (std::vector<int64_t>{2, 1}));
  expect_value(dump, at(Point::token_embd), "token_embd", {0, 1, 2});
  expect_value(dump, at(Point::logits), "logits", {1, 2});
  const Elements scores = load(*find(dump, at(0, Point::attn_scores)));
  ASSERT_EQ(scores.values.size(), 3u * 8 * 3);
  for (int64_t t = 0; t < 3; ++t) {
    for (int64_t h = 0; h < 8; ++h) {
      for (int64_t l = 0; l < 3; ++l) {
        const int64_t i = (t * 8 + h) * 3 + l;
        const float expected = l > t ? -INFINITY : sample_number("attn_scores", i);
        EXPECT_EQ(scores.values[static_cast<size_t>(i)], expected) << t << " " << h << " " << l;
      }
    }
  }
}

TEST(Samples, HuggingFaceModules) {
  const TestModel model;
  const Dump dump = read({sample("hugging_face.safetensors")}, model.context());
  const Rows all{0, 1, 2};
  expect_value(dump, at(Point::token_embd), "token_embd", all);
  for (const auto& [point, name] :
       std::vector<std::pair<Point, std::string_view>>{{Point::attn_norm, "attn_norm"},
                                                       {Point::attn_q, "attn_q"},
                                                       {Point::attn_k, "attn_k"},
                                                       {Point::attn_v, "attn_v"},
                                                       {Point::attn_q_rope, "attn_q_rope"},
                                                       {Point::attn_mix, "attn_mix"},
                                                       {Point::attn_output, "attn_output"},
                                                       {Point::attn_residual, "attn_residual"},
                                                       {Point::ffn_gate, "ffn_gate"},
                                                       {Point::ffn_up, "ffn_up"},
                                                       {Point::ffn_residual, "ffn_residual"}}) {
    expect_value(dump, at(0, point), name, all);
  }
  expect_value(dump, at(1, Point::attn_q), "attn_q", all);
  expect_value(dump, at(1, Point::attn_k), "attn_k", all);
  expect_value(dump, at(1, Point::attn_v), "attn_v", all);
  expect_value(dump, at(Point::output_norm), "output_norm", all);
  expect_value(dump, at(Point::logits), "logits", all);
  ASSERT_EQ(dump.weights.size(), 1u);
  EXPECT_EQ(dump.weights[0].tensor, "blk.0.attn_q.weight");
  EXPECT_EQ(dump.weights[0].rows, 32);
  const auto weight = dump.weights[0].load();
  ASSERT_TRUE(weight.ok());
  EXPECT_EQ(weight->values, sample_rows("attn_q.weight", 0, 32, 32));
  ASSERT_EQ(dump.unmatched.size(), 1u);
  EXPECT_EQ(dump.unmatched[0].subject, "model.layers.0.self_attn.rotary_emb");
}

TEST(Samples, HuggingFaceOrderStaysWhereRopeTurnsHalves) {
  const TestModel model(RopePairs::halves);
  const Dump dump = read({sample("hugging_face.safetensors")}, model.context());
  const Elements q = load(*find(dump, at(0, Point::attn_q)));
  // Element 1 of a head in Hugging Face's order is element 2 in GGUF's.
  EXPECT_EQ(q.values.at(1), sample_number("attn_q", 2));
}

TEST(Samples, Polygraphy) {
  const TestModel model;
  DumpContext context = model.context();
  context.tokens = {1, 7, 299};
  const Dump dump = read({sample("polygraphy.json")}, context);
  EXPECT_EQ(dump.producer, "Polygraphy");
  expect_value(dump, at(Point::token_embd), "token_embd", {0, 1, 2});
  expect_value(dump, at(Point::logits), "logits", {0, 1, 2});
}

TEST(Samples, SideFileOfRawAndOfFewNumbers) {
  const TestModel model;
  const Dump dump = read({sample("side.json")}, model.context());
  EXPECT_EQ(dump.producer, "small 0.1");
  EXPECT_EQ(dump.passes, (std::vector<int64_t>{2, 1}));
  expect_value(dump, at(0, Point::attn_q), "attn_q", {0, 1, 2});
  expect_value(dump, at(0, Point::attn_k), "attn_k", {0, 1, 2});
  expect_value(dump, at(0, Point::ffn_up), "ffn_up", {1});
  expect_value(dump, at(Point::logits), "logits", {2});

  const Observed* norm = find(dump, at(0, Point::attn_norm));
  EXPECT_EQ(norm->rows, (Rows{1, 2}));
  EXPECT_FALSE(norm->complete);
  const Elements elements = load(*norm);
  ASSERT_EQ(elements.known.size(), 64u);
  for (size_t i = 0; i < 64; ++i) {
    const bool known = i < 10 || i >= 62;
    EXPECT_EQ(elements.known[i] != 0, known) << i;
    EXPECT_EQ(elements.values[i], known ? sample_number("attn_norm", 32 + static_cast<int64_t>(i)) : 0) << i;
  }
}

TEST(Samples, SideFileKeepsNanAndGaps) {
  const TestModel model;
  const Dump dump = read({sample("side.json")}, model.context());
  const Elements gaps = load(*find(dump, at(0, Point::ffn_norm)));
  ASSERT_EQ(gaps.known.size(), 96u);
  EXPECT_FALSE(find(dump, at(0, Point::ffn_norm))->complete);
  EXPECT_EQ(gaps.known[5], 0);
  EXPECT_EQ(gaps.known[6], 1);
  const Elements output = load(*find(dump, at(0, Point::attn_output)));
  EXPECT_TRUE(std::isnan(output.values.at(0)));
  EXPECT_EQ(output.values.at(1), -INFINITY);
}

TEST(Samples, SideFileWeights) {
  const TestModel model;
  const Dump dump = read({sample("side.json")}, model.context());
  ASSERT_EQ(dump.weights.size(), 1u);
  EXPECT_EQ(dump.weights[0].first_row, 3);
  EXPECT_EQ(dump.weights[0].rows, 2);
  const auto rows = dump.weights[0].load();
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->values, sample_rows("attn_q.weight", 3, 2, 32));
  // The test's graph says of layer 1 no weight.
  ASSERT_EQ(dump.unmatched.size(), 1u);
  EXPECT_EQ(dump.unmatched[0].subject, "blk.1.attn_q.weight");
}

TEST(Samples, OneArrayInAFileOfItsName) {
  const TestModel model;
  DumpContext context = model.context();
  context.tokens = {1, 7, 299};
  const Dump dump = read({sample("blk.1.attn_output.npy")}, context);
  expect_value(dump, at(1, Point::attn_output), "attn_output", {0, 1, 2});
  const auto without = read_dump(std::vector{sample("blk.1.attn_output.npy")}, model.context());
  ASSERT_FALSE(without.ok());
  EXPECT_EQ(without.error().code, ErrorCode::usage);
}

TEST(Samples, WithoutAModelTheShapesAreTheFiles) {
  const Dump dump = read({sample("hugging_face.safetensors")}, {});
  const Observed* logits = find(dump, at(Point::logits));
  EXPECT_EQ(logits->shape, std::vector<int64_t>{300});
  EXPECT_EQ(load(*logits).values, sample_rows("logits", 0, 3, 300));
}

TEST(Samples, OtherTokensAreRefused) {
  const TestModel model;
  DumpContext context = model.context();
  context.tokens = {1, 8, 299};
  const auto dump = read_dump(std::vector{sample("layouts.npz")}, context);
  ASSERT_FALSE(dump.ok());
  EXPECT_EQ(dump.error().code, ErrorCode::mismatch);
  EXPECT_NE(dump.error().message().find("token 1 is 7"), std::string::npos) << dump.error().message();
}

}  // namespace
}  // namespace kilter::analysis
