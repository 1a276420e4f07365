#include "observe/trace_sink.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include "kilter/trace.h"
#include "support.h"

namespace kilter {
namespace {

/// A path that goes away with the test.
class TraceSinkTest : public testing::Test {
 protected:
  ~TraceSinkTest() override { std::filesystem::remove(path_); }

  std::string bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  // Traces the tokens in passes of those sizes.
  Status trace(const std::vector<int>& passes, const NameFilter& filter) {
    ListingOps listing;
    feed(*model_, listing, passes);
    KILTER_ASSIGN(SafetensorsWriter writer,
                  SafetensorsWriter::create(path_, plan_trace(listing.ops(), filter), {}));
    TraceSink sink(writer);
    reference::ReferenceOps inner(1);
    RecordingOps recording(inner, sink);
    logits_ = feed(*model_, recording, passes);
    KILTER_TRY(Status(sink.status()));
    EXPECT_EQ(writer.bytes_written(), writer.file_bytes());
    return writer.commit();
  }

  TinyModel model_;
  std::vector<float> logits_;
  const std::string path_ = testing::TempDir() + "kilter_trace_sink_test.safetensors";
};

TEST_F(TraceSinkTest, GivesTheSameFileHoweverThePromptIsCut) {
  ASSERT_TRUE(trace({70}, {}).ok());
  const std::string whole = bytes();
  EXPECT_GT(whole.size(), 100000U);
  for (const std::vector<int>& passes :
       {std::vector<int>{64, 6}, {63, 1, 1, 5}, {1, 69}, {33, 33, 4}, std::vector<int>(70, 1)}) {
    ASSERT_TRUE(trace(passes, {}).ok());
    EXPECT_EQ(bytes() == whole, true) << passes.size() << " passes";
  }
}

TEST_F(TraceSinkTest, HoldsTheValues) {
  ASSERT_TRUE(trace({3, 2}, {}).ok());
  const auto file = Trace::open(path_);
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ(file->values().front().name, "token_embd");
  EXPECT_EQ(file->values().back().name, "logits");
  EXPECT_EQ(file->find("logits")->shape, (std::vector<int64_t>{5, 9}));
  EXPECT_EQ(*file->read("logits"), logits_);
  EXPECT_EQ(file->find("blk.0.attn_k_cache")->shape, (std::vector<int64_t>{5, 2, 6}));
  EXPECT_EQ(file->find("blk.0.attn_scores")->shape, (std::vector<int64_t>{5, 4, 5}));

  const std::vector<float> scores = *file->read("blk.0.attn_scores");
  const std::vector<float> softmax = *file->read("blk.0.attn_softmax");
  for (size_t i = 0; i < scores.size(); ++i) {
    const size_t row = i / 20;
    const size_t position = i % 5;
    EXPECT_EQ(std::isinf(scores[i]), position > row) << i;
    EXPECT_EQ(softmax[i] == 0, position > row) << i;
  }
}

TEST_F(TraceSinkTest, HoldsOnlyWhatTheFilterLetsThrough) {
  ASSERT_TRUE(trace({4}, *NameFilter::create("ffn_norm|logits")).ok());
  const auto file = Trace::open(path_);
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(file->values().size(), 3U);
  EXPECT_EQ(file->values()[0].name, "blk.0.ffn_norm");
  EXPECT_EQ(file->values()[1].name, "blk.1.ffn_norm");
}

TEST_F(TraceSinkTest, StopsAtAValueThatWasNotPlanned) {
  auto writer = SafetensorsWriter::create(path_, {{"blk.0.attn_scores", ElementType::f32, {2, 1, 3}}}, {});
  ASSERT_TRUE(writer.ok());
  const At scores = at(0, Point::attn_scores);
  const std::vector<float> values(12);
  const auto refused = [&](const Shape& shape) {
    TraceSink sink(*writer);
    EXPECT_TRUE(sink.wants(scores));
    sink.take(scores, shape, std::span(values).first(static_cast<size_t>(shape.elements())));
    EXPECT_EQ(sink.wants(scores), sink.status().ok());
    return !sink.status().ok();
  };
  EXPECT_FALSE(refused({1, 1, 2}));
  EXPECT_FALSE(refused({0, 1, 3}));
  EXPECT_TRUE(refused({1, 1, 4}));  // a longer axis
  EXPECT_TRUE(refused({1, 2, 3}));  // more heads
  EXPECT_TRUE(refused({1, 3}));     // another rank
  EXPECT_TRUE(refused({3, 1, 3}));  // more rows
  EXPECT_FALSE(TraceSink(*writer).wants(at(Point::logits)));
}

TEST_F(TraceSinkTest, MissesRowsThatNeverCame) {
  ListingOps listing;
  feed(*model_, listing, {3, 2});
  auto writer = SafetensorsWriter::create(path_, plan_trace(listing.ops(), {}), {});
  ASSERT_TRUE(writer.ok());
  TraceSink sink(*writer);
  reference::ReferenceOps inner(1);
  RecordingOps recording(inner, sink);
  feed(*model_, recording, {3});
  EXPECT_TRUE(sink.status().ok());
  EXPECT_EQ(writer->commit().error().code, ErrorCode::mismatch);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace kilter
