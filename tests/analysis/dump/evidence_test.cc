// Choices that names leave open and numbers decide. The numbers are made here: q = W . norm, in f64.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/philox.h"
#include "support.h"

namespace kilter::analysis {
namespace {

constexpr int64_t kD = 32;

constexpr int64_t kHead = 4;

double random_number(uint64_t counter) { return 2 * philox_uniform(11, counter) - 1; }

// The test's model with numbers in blk.0.attn_q.weight, a norm, and the query that follows.
struct Query {
  TestModel model;
  std::vector<float> weight;  // [32, 32]
  std::vector<float> norm;    // [3, 32]
  std::vector<float> query;   // [3, 32], GGUF's order

  Query() : weight(kD * kD), norm(3 * kD), query(3 * kD) {
    uint64_t counter = 0;
    for (float& w : weight) w = static_cast<float>(random_number(counter++));
    for (float& x : norm) x = static_cast<float>(random_number(counter++));
    for (size_t i = 0; i < query.size(); ++i) {
      double sum = 0;
      for (size_t d = 0; d < kD; ++d) sum += double{weight[i % kD * kD + d]} * norm[i / kD * kD + d];
      query[i] = static_cast<float>(sum);
    }
    model.attn_q.bytes = std::as_bytes(std::span(weight));
  }

  // GGUF's element 2j + h of a head is Hugging Face's h * 2 + j.
  std::vector<float> query_of_hugging_face() const {
    std::vector<float> out(query.size());
    for (size_t i = 0; i < out.size(); ++i) {
      const size_t in_head = i % kHead;
      out[i] = query[i - in_head + 2 * (in_head % 2) + in_head / 2];
    }
    return out;
  }

  // Each pair turned by its position.
  std::vector<float> turned() const {
    std::vector<float> out(query.size());
    for (size_t i = 0; i < out.size(); i += 2) {
      const double angle = static_cast<double>(i / kD) * (i % kHead == 0 ? 1.0 : 0.01);
      out[i] = static_cast<float>(query[i] * std::cos(angle) - query[i + 1] * std::sin(angle));
      out[i + 1] = static_cast<float>(query[i] * std::sin(angle) + query[i + 1] * std::cos(angle));
    }
    return out;
  }
};

std::string list(const std::vector<float>& numbers) {
  std::string text;
  for (const float number : numbers) {
    char digits[32];
    std::snprintf(digits, sizeof(digits), "%s%.9g", text.empty() ? "" : ",", static_cast<double>(number));
    text += digits;
  }
  return "[" + text + "]";
}

std::string value(std::string_view name, std::string_view shape, const std::vector<float>& numbers) {
  return "{\"name\":\"" + std::string(name) + "\",\"shape\":" + std::string(shape) +
         ",\"data\":" + list(numbers) + "}";
}

Dump read_values(const Query& query, const std::string& values) {
  return read({written("d.json", "{\"tokens\":[1,7,299],\"values\":[" + values + "]}")},
              query.model.context());
}

void expect_near(const std::vector<float>& seen, const std::vector<float>& expected) {
  ASSERT_EQ(seen.size(), expected.size());
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_FLOAT_EQ(seen[i], expected[i]) << i;
}

TEST(Evidence, HuggingFaceNamesDoNotProveItsOrder) {
  const Query query;
  const std::string norm = value("model.layers.0.input_layernorm", "[3,32]", query.norm);
  for (const bool reads_gguf : {true, false}) {
    SCOPED_TRACE(reads_gguf);
    const auto& numbers = reads_gguf ? query.query : query.query_of_hugging_face();
    const Dump dump =
        read_values(query, norm + "," + value("model.layers.0.self_attn.q_proj", "[3,32]", numbers));
    expect_near(load(*find(dump, at(0, Point::attn_q))).values, query.query);
  }
}

TEST(Evidence, BehindRopePositionZeroTells) {
  const Query query;
  const std::string norm = value("model.layers.0.input_layernorm", "[3,32]", query.norm);
  const Dump dump =
      read_values(query, norm + "," + value("model.layers.0.self_attn.q_rope", "[3,8,4]", query.turned()));
  expect_near(load(*find(dump, at(0, Point::attn_q_rope))).values, query.turned());
}

TEST(Evidence, WithoutNumbersTheNameCounts) {
  const Query query;
  const Dump dump =
      read_values(query, value("model.layers.0.self_attn.q_proj", "[3,32]", query.query_of_hugging_face()));
  expect_near(load(*find(dump, at(0, Point::attn_q))).values, query.query);
}

TEST(Evidence, AQueryOfLlama2CIsInFrontOfRopeOrBehindIt) {
  const Query query;
  const std::string norm = value("blk.0.attn_norm", "[3,32]", query.norm);
  const Dump front = read_values(query, norm + "," + value("q_0", "[3,32]", query.query));
  EXPECT_EQ(find(front, at(0, Point::attn_q))->source, "q_0");
  const Dump behind = read_values(query, norm + "," + value("q_0", "[3,32]", query.turned()));
  EXPECT_EQ(find(behind, at(0, Point::attn_q_rope))->source, "q_0");
  const Dump neither = read_values(query, norm + "," + value("q_0", "[3,32]", query.norm));
  EXPECT_EQ(neither.values.size(), 1u);
  EXPECT_EQ(neither.unmatched.size(), 1u);
}

TEST(Evidence, ScoresAreNoProbabilities) {
  const Query query;
  std::vector<float> scores(3 * 8 * 3);
  for (size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<float>(random_number(i));
  std::vector<float> softmax(scores.size(), 1.0F / 3);
  EXPECT_EQ(read_values(query, value("att_0", "[3,8,3]", scores)).values.begin()->first.point,
            Point::attn_scores);
  EXPECT_EQ(read_values(query, value("att_0", "[3,8,3]", softmax)).values.begin()->first.point,
            Point::attn_softmax);
}

TEST(Evidence, RowsOfAWeightTellTheirOrder) {
  const Query query;
  std::vector<float> rows(query.weight.begin(), query.weight.begin() + 4 * kD);
  const auto weights = [&](const std::vector<float>& numbers) {
    return read(
        {written("w.json", "{\"tokens\":[1],\"weights\":[" +
                               value("model.layers.0.self_attn.q_proj.weight", "[4,32]", numbers) + "]}")},
        query.model.context());
  };
  const Dump gguf = weights(rows);
  ASSERT_EQ(gguf.weights.size(), 1u);
  EXPECT_EQ(gguf.weights[0].rows, 4);
  // Hugging Face's rows 1 and 2 are GGUF's 2 and 1.
  std::swap_ranges(rows.begin() + kD, rows.begin() + 2 * kD, rows.begin() + 2 * kD);
  const Dump other = weights(rows);
  ASSERT_EQ(other.weights.size(), 4u);
  EXPECT_EQ(other.weights[1].first_row, 2);
  EXPECT_EQ(other.weights[1].load()->values,
            std::vector<float>(query.weight.begin() + 2 * kD, query.weight.begin() + 3 * kD));
}

}  // namespace
}  // namespace kilter::analysis
