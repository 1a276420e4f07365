// The texts of llama.cpp: real ones of 2026, and older ones written by hand (README.md). Expected numbers
// are read off the texts by eye.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "support.h"

namespace kilter::analysis {
namespace {

const std::vector<int32_t> kIds = {1, 259, 100, 101, 102, 103, 259, 104, 105};

std::string text_of_sample(std::string_view name) {
  std::ifstream file(sample(name), std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

float element(const Elements& elements, int64_t row_size, int64_t row, int64_t i) {
  const auto at = static_cast<size_t>(row * row_size + i);
  EXPECT_TRUE(elements.known.empty() || elements.known[at] != 0) << row << " " << i;
  return elements.values[at];
}

TEST(EvalText, CornersOfAMatrix) {
  const TestModel model;
  const Dump dump = read({sample("eval_callback.txt")}, model.context());
  EXPECT_EQ(dump.tokens, kIds);
  EXPECT_EQ(dump.passes, std::vector<int64_t>{9});
  const Observed* embd = find(dump, at(Point::token_embd));
  ASSERT_NE(embd, nullptr);
  EXPECT_EQ(embd->source, "embd (GET_ROWS)");
  EXPECT_EQ(embd->rows.size(), 9u);
  EXPECT_EQ(embd->stored, StoredAs::text);
  EXPECT_DOUBLE_EQ(embd->quantum, 1e-4);
  EXPECT_FALSE(embd->complete);
  const Elements elements = load(*embd);
  EXPECT_FLOAT_EQ(element(elements, 32, 0, 0), 0.6808F);
  EXPECT_FLOAT_EQ(element(elements, 32, 0, 2), -0.4729F);
  EXPECT_FLOAT_EQ(element(elements, 32, 0, 29), -0.4251F);
  EXPECT_FLOAT_EQ(element(elements, 32, 8, 31), 0.8347F);
  EXPECT_FLOAT_EQ(element(elements, 32, 6, 0), 1.6874F);
  EXPECT_EQ(elements.known[3], 0);
  EXPECT_EQ(elements.known[3 * 32], 0);
  ASSERT_EQ(embd->checksums.size(), 1u);
  EXPECT_DOUBLE_EQ(embd->checksums[0].sum, 20.217428);
  EXPECT_DOUBLE_EQ(embd->checksums[0].quantum, 1e-6);
  EXPECT_EQ(embd->checksums[0].first_row, 0);
  EXPECT_EQ(embd->checksums[0].rows, 9);
}

TEST(EvalText, OneNameIsSeveralValues) {
  const TestModel model;
  const Dump dump = read({sample("eval_callback.txt")}, model.context());
  const Elements q = load(*find(dump, at(0, Point::attn_q)));
  const Elements rope = load(*find(dump, at(0, Point::attn_q_rope)));
  EXPECT_FLOAT_EQ(element(q, 32, 1, 0), 0.6090F);
  EXPECT_NE(rope.values[32], q.values[32]);
  // {4, 2, 9}: three axes, of which two are printed whole.
  const Elements k = load(*find(dump, at(0, Point::attn_k_rope)));
  EXPECT_FLOAT_EQ(element(k, 8, 1, 4), -0.5529F);
  EXPECT_FLOAT_EQ(element(k, 8, 8, 7), 0.9767F);
  EXPECT_EQ(k.known[3 * 8], 0);
}

TEST(EvalText, ScoresAreScaledAndMasked) {
  const TestModel model;
  const Dump dump = read({sample("eval_callback.txt")}, model.context());
  const Observed* scores = find(dump, at(0, Point::attn_scores));
  ASSERT_NE(scores, nullptr);
  EXPECT_EQ(scores->shape, (std::vector<int64_t>{8, 9}));
  EXPECT_DOUBLE_EQ(scores->quantum, 5e-5);
  EXPECT_TRUE(scores->checksums.empty());
  const Elements elements = load(*scores);
  EXPECT_FLOAT_EQ(element(elements, 72, 0, 0), 0.5F * 1.7534F);
  EXPECT_FLOAT_EQ(element(elements, 72, 0, 9), 0.5F * -0.7595F);  // head 1
  EXPECT_FLOAT_EQ(element(elements, 72, 8, 2), 0.5F * -0.0946F);
  EXPECT_EQ(element(elements, 72, 0, 1), -INFINITY);
  EXPECT_EQ(elements.known[8 * 72 + 3], 0);
}

TEST(EvalText, TheLastLayerHasTheLastRowOnly) {
  const TestModel model;
  const Dump dump = read({sample("eval_callback.txt")}, model.context());
  const Observed* residual = find(dump, at(1, Point::attn_residual));
  EXPECT_EQ(residual->rows, std::vector<int32_t>{8});
  EXPECT_FLOAT_EQ(element(load(*residual), 32, 0, 31), -0.1883F);
  const Observed* logits = find(dump, at(Point::logits));
  EXPECT_EQ(logits->rows, std::vector<int32_t>{8});
  EXPECT_FLOAT_EQ(element(load(*logits), 300, 0, 299), -0.1132F);
  EXPECT_TRUE(dump.unmatched.empty()) << dump.unmatched[0].subject << ": " << dump.unmatched[0].sentence;
}

TEST(EvalText, ColoursAndTimesDoNotMatter) {
  std::string noisy;
  std::istringstream lines(text_of_sample("eval_callback.txt"));
  for (std::string line; std::getline(lines, line);) {
    noisy += "\x1b[32m" + line + "\x1b[0m\r\n0.00.020.123 I \x1b[33msomething else = 1\x1b[0m\n";
  }
  const TestModel model;
  const Dump dump = read({written("noisy.txt", noisy)}, model.context());
  const Dump plain = read({sample("eval_callback.txt")}, model.context());
  ASSERT_EQ(dump.values.size(), plain.values.size());
  for (const auto& [at, value] : plain.values) {
    EXPECT_EQ(load(dump.values.at(at)).values, load(value).values) << to_string(at);
  }
}

TEST(EvalText, AWarmUpRunIsLeftOut) {
  const TestModel model;
  const Dump dump = read({sample("llama_debug.txt")}, model.context());
  EXPECT_EQ(dump.tokens, (std::vector<int32_t>{1, 259, 100, 101}));
  EXPECT_EQ(dump.passes, std::vector<int64_t>{4});
  const Elements norm = load(*find(dump, at(Point::output_norm)));
  EXPECT_FLOAT_EQ(norm.values.at(0), -0.3555F);
  ASSERT_FALSE(dump.remarks.empty());
  EXPECT_NE(dump.remarks[0].sentence.find("warm-up"), std::string::npos);
}

TEST(EvalText, SeveralRunsAreSeveralPasses) {
  const std::string text = text_of_sample("llama_debug.txt");
  const size_t second = text.find("common_debug_cb_eval", text.find("result_norm"));
  const TestModel model;
  DumpContext context = model.context();
  context.tokens = {1, 2, 1, 259, 100, 101};
  const std::string runs =
      text.substr(text.find("common_debug_cb_eval"), second - text.find("common_debug_cb_eval")) +
      text.substr(second, text.find("Token ids") - second);
  const Dump dump = read({written("runs.txt", runs)}, context);
  EXPECT_EQ(dump.passes, (std::vector<int64_t>{2, 4}));
  const Observed* norm = find(dump, at(Point::output_norm));
  EXPECT_EQ(norm->rows, (std::vector<int32_t>{1, 5}));
  ASSERT_EQ(norm->checksums.size(), 2u);
  EXPECT_DOUBLE_EQ(norm->checksums[1].sum, -3.828574);
  EXPECT_EQ(norm->checksums[1].first_row, 1);
}

TEST(EvalText, GgmlDebugOf2025) {
  const TestModel model;
  DumpContext context = model.context();
  context.tokens = {1, 7};
  const Dump dump = read({sample("ggml_debug.txt")}, context);
  EXPECT_FLOAT_EQ(element(load(*find(dump, at(Point::token_embd))), 32, 0, 31), 2.0F);
  const Elements q = load(*find(dump, at(0, Point::attn_q)));
  EXPECT_TRUE(std::isnan(element(q, 32, 1, 2)));
  EXPECT_EQ(element(q, 32, 1, 29), INFINITY);
  EXPECT_EQ(element(q, 32, 1, 30), -INFINITY);
  // kqv_out stood behind the projection in those days; the product's weight says so.
  EXPECT_FLOAT_EQ(element(load(*find(dump, at(0, Point::attn_output))), 32, 1, 0), 8.0F);
  EXPECT_FLOAT_EQ(element(load(*find(dump, at(0, Point::attn_mix))), 32, 0, 0), 0.125F);
  EXPECT_FLOAT_EQ(element(load(*find(dump, at(0, Point::ffn_act))), 48, 1, 0), 0.1875F);
  EXPECT_FLOAT_EQ(element(load(*find(dump, at(0, Point::ffn_gated))), 48, 1, 47), 0.75F);
}

TEST(EvalText, TheFirstDialectHasLeadingNumbersOnly) {
  const TestModel model;
  DumpContext context = model.context();
  context.tokens = {1};
  const Dump dump = read({sample("ggml_debug_first.txt")}, context);
  const Observed* embd = find(dump, at(Point::token_embd));
  EXPECT_TRUE(embd->checksums.empty());
  const Elements elements = load(*embd);
  EXPECT_FLOAT_EQ(element(elements, 32, 0, 2), 0.05F);
  EXPECT_EQ(elements.known[3], 0);
  EXPECT_EQ(elements.known[31], 0);
}

TEST(EvalText, ScriptsForTransformers) {
  const TestModel model;
  DumpContext context = model.context();
  context.tokens = {1, 7, 9};
  const Dump dump = read({sample("scripts.txt")}, context);
  EXPECT_FLOAT_EQ(element(load(*find(dump, at(Point::token_embd))), 32, 2, 31), 1.6F);
  const Observed* mix = find(dump, at(0, Point::attn_mix));
  EXPECT_FLOAT_EQ(element(load(*mix), 32, 0, 0), 2.5F);
  ASSERT_EQ(mix->checksums.size(), 1u);
  EXPECT_DOUBLE_EQ(mix->checksums[0].sum, 5.25);
}

TEST(EvalText, SumsOfPrintedNumbersProveNothing) {
  std::string text;
  for (const char* name : {"attn_norm", "ffn_inp", "l_out"}) {
    text += "ggml_debug: " + std::string(name) +
            "-0 = (f32) ADD(a{32, 1, 1, 1}, b{32, 1, 1, 1}}) = {32, 1, 1, 1}\n [\n [\n"
            " [ 0.1000, 0.2000, 0.3000, ..., 0.4000, 0.5000, 0.6000],\n ],\n ]\n sum = 2.100000\n";
  }
  const TestModel model;
  DumpContext context = model.context();
  context.tokens = {1};
  const Dump dump = read({written("printed.txt", text)}, context);
  ASSERT_EQ(dump.values.size(), 3u);
  for (const auto& [at, value] : dump.values) EXPECT_TRUE(value.checksums.empty()) << to_string(at);
}

TEST(SavedLogits, BinaryTextAndIds) {
  const TestModel model;
  for (const char* name : {"llamacpp-ll.bin", "llamacpp-ll.txt"}) {
    SCOPED_TRACE(name);
    const Dump dump = read({sample(name)}, model.context());
    EXPECT_EQ(dump.tokens, kIds);
    const Observed* logits = find(dump, at(Point::logits));
    ASSERT_NE(logits, nullptr);
    EXPECT_EQ(logits->rows, std::vector<int32_t>{8});
    EXPECT_TRUE(logits->complete);
    // The first lines of the text, and of eval-callback's print of the same run.
    EXPECT_NEAR(load(*logits).values.at(1), -1.84983F, 5e-6);
    EXPECT_NEAR(load(*logits).values.at(299), -0.1132F, 5e-5);
  }
  const Dump text = read({sample("llamacpp-ll.txt")}, model.context());
  EXPECT_DOUBLE_EQ(find(text, at(Point::logits))->quantum, 1e-5);
  const Dump prompt = read({sample("llamacpp-ll-prompt.txt")}, model.context());
  EXPECT_EQ(prompt.tokens, kIds);
}

TEST(Refusals, SayHowToConvert) {
  const TestModel model;
  const auto message = [&](std::string_view name, std::string_view bytes) {
    const auto dump = read_dump(std::vector{written(name, bytes)}, model.context());
    return dump ? std::string() : dump.error().message();
  };
  EXPECT_NE(message("a.pt", std::string_view("\x80\x02\x8a\x0a", 4)).find("torch.load"), std::string::npos);
  EXPECT_NE(message("a.gguf", "GGUF\3").find("GGUFReader"), std::string::npos);
  EXPECT_NE(message("a.kld", "_logits_1234").find("constant"), std::string::npos);
  EXPECT_NE(message("a.bin", "hello world").find("safetensors, npz, npy, JSON"), std::string::npos);
  EXPECT_NE(message("empty", "").find("safetensors, npz, npy, JSON"), std::string::npos);
}

}  // namespace
}  // namespace kilter::analysis
