#include "observe/row_selector.h"

#include <gtest/gtest.h>

#include <string>

namespace kilter {
namespace {

/// Writes down what it is given: "logits [2, 2] 1 2 3 4".
class Log final : public ValueSink {
 public:
  bool wants(At at) override { return at.point != Point::attn_q; }
  void take(At at, const Shape& shape, std::span<const float> values) override {
    text += to_string(at) + " " + to_string(shape);
    for (const float x : values) text += " " + std::to_string(static_cast<int>(x));
    text += "\n";
  }
  std::string text;
};

TEST(RowSelector, CountsRowsOverPasses) {
  Log log;
  RowSelector selector(log, {1, 2, 5});
  const At logits = at(Point::logits);
  const At scores = at(3, Point::attn_scores);
  selector.take(logits, {4, 2}, std::vector<float>{0, 1, 10, 11, 20, 21, 30, 31});
  selector.take(logits, {1, 2}, std::vector<float>{40, 41});  // none of it is wanted
  selector.take(scores, {2, 1, 2}, std::vector<float>{0, 1, 10, 11});
  selector.take(logits, {2, 2}, std::vector<float>{50, 51, 60, 61});
  selector.take(scores, {1, 1, 3}, std::vector<float>{20, 21, 22});
  EXPECT_EQ(log.text,
            "logits [2, 2] 10 11 20 21\n"
            "blk.3.attn_scores [1, 1, 2] 10 11\n"
            "logits [1, 2] 50 51\n"
            "blk.3.attn_scores [1, 1, 3] 20 21 22\n");
}

TEST(RowSelector, WantsWhatItsSinkWants) {
  Log log;
  RowSelector selector(log, {0});
  EXPECT_TRUE(selector.wants(at(Point::logits)));
  EXPECT_FALSE(selector.wants(at(0, Point::attn_q)));
  selector.take(at(Point::logits), {0, 2}, {});
  EXPECT_EQ(log.text, "");
}

}  // namespace
}  // namespace kilter
