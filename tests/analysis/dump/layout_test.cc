// Shapes without numbers: which axis is which, and what is unknown.
#include <gtest/gtest.h>

#include "analysis/dump/layout.h"
#include "support.h"

namespace kilter::analysis {
namespace {

// "row 3, head 8, column 4", or the sentence why not.
std::string roles(const std::vector<int64_t>& shape, LayoutWish wish,
                  ReversedShape reversed = ReversedShape::label) {
  RawValue value;
  value.shape = shape;
  value.reversed = reversed;
  const auto layout = find_layout(value, wish);
  if (!layout) return layout.error().sentence;
  std::string text;
  for (size_t i = 0; i < 3; ++i) {
    const char* names[] = {"row ", "head ", "column "};
    text += names[layout->roles[i]] + std::to_string(layout->extents[i]) + (i < 2 ? ", " : "");
  }
  return text + (layout->remark.empty() ? "" : " (remark)");
}

LayoutWish query(int64_t n_tokens, FirstAxis first = FirstAxis::tokens) {
  return {at(0, Point::attn_q), {8, 4}, n_tokens, first};
}

TEST(Layout, AxesAreToldByTheirExtents) {
  EXPECT_EQ(roles({3, 8, 4}, query(3)), "row 3, head 8, column 4");
  EXPECT_EQ(roles({1, 3, 32}, query(3)), "row 3, head 8, column 4");
  EXPECT_EQ(roles({96}, query(3)), "row 3, head 8, column 4");
  EXPECT_EQ(roles({1, 8, 3, 4}, query(3)), "head 8, row 3, column 4");
  EXPECT_EQ(roles({8, 1, 4}, query(1)), "row 1, head 8, column 4");
  EXPECT_EQ(roles({2, 8, 4}, query(3)), "row 2, head 8, column 4");
  EXPECT_EQ(roles({3, 2, 4, 4}, query(3)), "row 3, head 8, column 4");
}

TEST(Layout, ReversedAxesAreALabelUnlessTheFormatKnowsBetter) {
  EXPECT_EQ(roles({4, 8, 3}, query(3)), "row 3, head 8, column 4 (remark)");
  EXPECT_EQ(roles({32, 3}, query(3)), "row 3, head 8, column 4 (remark)");
  EXPECT_EQ(roles({32, 3}, query(3), ReversedShape::transposed), "head 8, column 4, row 3 (remark)");
  EXPECT_EQ(roles({4, 8, 3}, query(3), ReversedShape::transposed), "column 4, head 8, row 3 (remark)");
}

TEST(Layout, AsManyTokensAsHeadsIsAChoiceAndSaid) {
  EXPECT_EQ(roles({8, 8, 4}, query(8)), "row 8, head 8, column 4 (remark)");
  EXPECT_EQ(roles({8, 8, 4}, query(8, FirstAxis::heads)), "head 8, row 8, column 4 (remark)");
}

TEST(Layout, Scores) {
  const LayoutWish wish{at(0, Point::attn_softmax), {8, 0}, 3, FirstAxis::tokens};
  EXPECT_EQ(roles({3, 8, 3}, wish), "row 3, head 8, column 3");
  EXPECT_EQ(roles({1, 8, 3, 256}, wish), "head 8, row 3, column 256");
  EXPECT_EQ(roles({256, 3, 8}, wish), "head 8, row 3, column 256 (remark)");
  EXPECT_EQ(roles({8, 6}, wish), "row 1, head 8, column 6");
}

TEST(Layout, WhatDoesNotFitIsSaid) {
  EXPECT_EQ(roles({3, 7}, query(3)),
            "is [3, 7], and a row of blk.0.attn_q is [8, 4]: it is no whole number of rows");
  EXPECT_EQ(roles({5, 32}, query(3)),
            "is [5, 32], and a row of blk.0.attn_q is [8, 4]: it has 5 rows, and the pass 3 tokens");
}

std::string json(std::string_view values, std::string_view tokens = "[1, 7, 299]") {
  return "{\"tokens\": " + std::string(tokens) + ", \"values\": [" + std::string(values) + "]}";
}

std::string zeros(std::string_view name, int64_t rows, int64_t columns) {
  std::string row = "[0.5";
  for (int64_t i = 1; i < columns; ++i) row += ",0.5";
  row += "]";
  std::string text = "{\"name\":\"" + std::string(name) + "\",\"data\":[" + row;
  for (int64_t i = 1; i < rows; ++i) text += "," + row;
  return text + "]}";
}

TEST(UnknownNames, ArePlacedWhereOnlyOneValueFits) {
  const TestModel model;
  const Dump dump =
      read({written("d.json", json(zeros("blk.0.attn_norm", 3, 32) + "," + zeros("mystery", 3, 8) + "," +
                                   zeros("blk.0.attn_k_rope", 3, 8) + "," + zeros("last", 1, 300)))},
           model.context());
  const Observed* k = find(dump, at(0, Point::attn_k));
  ASSERT_NE(k, nullptr);
  EXPECT_EQ(k->source, "mystery");
  EXPECT_EQ(k->match, "its shape and its place in the file");
  EXPECT_EQ(find(dump, at(Point::logits))->source, "last");
  EXPECT_TRUE(dump.unmatched.empty());
}

TEST(UnknownNames, AreLeftWhereSeveralFit) {
  const TestModel model;
  const Dump dump =
      read({written("d.json", json(zeros("mystery", 3, 48) + "," + zeros("odd", 3, 31)))}, model.context());
  EXPECT_TRUE(dump.values.empty());
  ASSERT_EQ(dump.unmatched.size(), 2u);
  EXPECT_NE(dump.unmatched[0].sentence.find("blk.0.ffn_gate, blk.0.ffn_up"), std::string::npos)
      << dump.unmatched[0].sentence;
  EXPECT_NE(dump.unmatched[1].sentence.find("no value of this model is [3, 31]"), std::string::npos);
}

TEST(UnknownNames, BuffersOfLlama2CAreToldByTheirOrder) {
  const TestModel model;
  const Dump dump = read({written("d.json", json(zeros("xb_0", 3, 32) + "," + zeros("q_0", 3, 32) + "," +
                                                 zeros("k_0", 3, 8) + "," + zeros("q_rope", 3, 32)))},
                         model.context());
  // xb in front of q is the norm; q may be in front of RoPE or behind it.
  EXPECT_EQ(find(dump, at(0, Point::attn_norm))->source, "xb_0");
  EXPECT_FALSE(dump.unmatched.empty());
}

TEST(Passes, AStepThatComputesAllAgainReplacesThePrompt) {
  const TestModel model;
  const std::string prompt = zeros("token_embd", 2, 32) + "," + zeros("output_norm", 2, 32);
  const Dump dump = read({written("a.json", json(prompt, "[1, 7]")),
                          written("b.json", json(zeros("token_embd", 3, 32), "[1, 7, 299]"))},
                         model.context());
  EXPECT_EQ(dump.values.size(), 1u);
  EXPECT_EQ(dump.tokens, (std::vector<int32_t>{1, 7, 299}));
  EXPECT_EQ(dump.passes, std::vector<int64_t>{3});
  EXPECT_EQ(find(dump, at(Point::token_embd))->rows, (std::vector<int32_t>{0, 1, 2}));
}

TEST(Passes, AStepMayNameAllTokensAndHaveOneRow) {
  const TestModel model;
  const Dump dump = read({written("a.json", json(zeros("token_embd", 2, 32), "[1, 7]")),
                          written("b.json", json(zeros("token_embd", 1, 32), "[1, 7, 299]"))},
                         model.context());
  EXPECT_EQ(dump.tokens, (std::vector<int32_t>{1, 7, 299}));
  EXPECT_EQ(dump.passes, (std::vector<int64_t>{2, 1}));
}

TEST(Passes, FilesOfDifferentValuesAreOnePass) {
  const TestModel model;
  const Dump dump = read(
      {written("a.json", json(zeros("token_embd", 3, 32))), written("b.json", json(zeros("logits", 3, 300)))},
      model.context());
  EXPECT_EQ(dump.passes, std::vector<int64_t>{3});
  EXPECT_EQ(dump.values.size(), 2u);
}

TEST(Passes, ScoresWithoutACacheAreThoseOfTheNewestPosition) {
  const TestModel model;
  const std::string scores = "{\"name\":\"blk.0.attn_scores\",\"shape\":[1,8,1],\"data\":[1,2,3,4,5,6,7,8]}";
  const Dump dump = read({written("a.json", json(zeros("token_embd", 2, 32), "[1, 7]")),
                          written("b.json", json(zeros("token_embd", 1, 32) + "," + scores, "[299]"))},
                         model.context());
  const Observed* value = find(dump, at(0, Point::attn_scores));
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->rows, std::vector<int32_t>{2});
  const Elements elements = load(*value);
  EXPECT_EQ(elements.values.at(0), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(elements.values.at(2), 1);
  EXPECT_EQ(elements.values.at(23), 8);
}

TEST(FewNumbers, OfOneTokenNeedNoWordAboutTheirPlace) {
  const TestModel model;
  const Dump dump =
      read({written("d.json", "{\"tokens\":[1],\"blk.0.attn_q\":[0.1,0.2,0.3]}")}, model.context());
  const Observed* q = find(dump, at(0, Point::attn_q));
  ASSERT_NE(q, nullptr);
  EXPECT_FALSE(q->complete);
  const Elements elements = load(*q);
  EXPECT_FLOAT_EQ(elements.values.at(2), 0.3F);
  EXPECT_EQ(elements.known.at(3), 0);
}

TEST(BareFiles, HaveTheNameOfTheirValue) {
  const TestModel model;
  DumpContext context = model.context();
  context.tokens = {1, 7};
  std::string bytes;
  for (int i = 0; i < 64; ++i) {
    const float number = static_cast<float>(i) + 0.5F;
    bytes.append(reinterpret_cast<const char*>(&number), sizeof(number));
  }
  const Dump binary = read({written("blk.0.attn_norm.f32", bytes)}, context);
  const Observed* norm = find(binary, at(0, Point::attn_norm));
  ASSERT_NE(norm, nullptr);
  EXPECT_EQ(norm->rows, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(load(*norm).values.at(33), 33.5F);

  std::string line = "0.25";
  for (int i = 1; i < 32; ++i) line += " -1.50";
  const Dump text = read({written("blk.0.ffn_norm.txt", "[" + line + "]\n[" + line + "]\n")}, context);
  const Observed* ffn = find(text, at(0, Point::ffn_norm));
  ASSERT_NE(ffn, nullptr);
  EXPECT_TRUE(ffn->complete);
  EXPECT_DOUBLE_EQ(ffn->quantum, 0.01);
  EXPECT_EQ(load(*ffn).values.at(32), 0.25F);
}

TEST(BareFiles, AFolderIsAllThatIsInIt) {
  const TestModel model;
  const std::string first = written("token_embd.json", json(zeros("token_embd", 3, 32)));
  written("logits.json", "{\"values\":[" + zeros("logits", 1, 300) + "]}");
  const Dump dump = read({first.substr(0, first.rfind('/'))}, model.context());
  EXPECT_EQ(dump.tokens.size(), 3u);
  EXPECT_EQ(dump.values.size(), 2u);
}

TEST(Rows, PositionsSayWhichTokensAreThere) {
  const TestModel model;
  const std::string values = "[" + zeros("token_embd", 2, 32) + "," + zeros("logits", 1, 300) + "]";
  const Dump dump =
      read({written("d.json", "{\"tokens\":[1,7,299,4],\"positions\":\"0,2\",\"values\":" + values + "}")},
           model.context());
  EXPECT_EQ(find(dump, at(Point::token_embd))->rows, (std::vector<int32_t>{0, 2}));
  EXPECT_EQ(find(dump, at(Point::logits))->rows, (std::vector<int32_t>{3}));
}

TEST(Rows, PositionsThatRestartAreARemark) {
  const TestModel model;
  const std::string step =
      "{\"tokens\":[299],\"positions\":[0],\"values\":[" + zeros("token_embd", 1, 32) + "]}";
  const Dump dump =
      read({written("a.json", json(zeros("token_embd", 2, 32), "[1, 7]")), written("b.json", step)},
           model.context());
  EXPECT_EQ(find(dump, at(Point::token_embd))->rows, (std::vector<int32_t>{0, 1, 2}));
  ASSERT_EQ(dump.remarks.size(), 1u);
  EXPECT_NE(dump.remarks[0].sentence.find("begin at position 0"), std::string::npos);
}

TEST(TwoNames, TheFullerOneIsUsed) {
  const TestModel model;
  const std::string few = "{\"name\":\"lm_head\",\"row\":0,\"first\":0,\"data\":[0.1,0.2]}";
  const Dump dump =
      read({written("d.json", json(few + "," + zeros("logits", 1, 300), "[1]"))}, model.context());
  EXPECT_EQ(find(dump, at(Point::logits))->source, "logits");
  ASSERT_EQ(dump.unmatched.size(), 1u);
  EXPECT_EQ(dump.unmatched[0].subject, "lm_head");
}

}  // namespace
}  // namespace kilter::analysis
