#include "kilter/trace.h"

#include "support.h"

namespace kilter {
namespace {

Result<Trace> python_trace() { return Trace::open(KILTER_TEST_DATA "/data/python.safetensors"); }

TEST(Trace, ListsItsValues) {
  const auto trace = python_trace();
  ASSERT_TRUE(trace.ok()) << trace.error().message();
  const TraceValue* rows = trace->find("rows");
  ASSERT_NE(rows, nullptr);
  EXPECT_EQ(rows->name, "rows");
  EXPECT_EQ(rows->type, "F32");
  EXPECT_EQ(rows->shape, (std::vector<int64_t>{4, 2, 3}));
  EXPECT_EQ(rows->elements(), 24);
  EXPECT_EQ(trace->find("nowhere"), nullptr);
  EXPECT_EQ(trace->values().size(), 3U + 2 * 13);
  EXPECT_EQ(trace->metadata().at("format"), "np");
}

TEST(Trace, ReadsAValueAsFloats) {
  const auto trace = python_trace();
  ASSERT_TRUE(trace.ok());
  EXPECT_EQ(*trace->read("scalar"), std::vector<float>{2.5F});
  EXPECT_TRUE(trace->read("empty")->empty());
  EXPECT_EQ(*trace->read("BOOL"), (std::vector<float>{0, 1, 1}));
  EXPECT_EQ(trace->read("nowhere").error().code, ErrorCode::not_found);
}

TEST(Trace, ReadsRows) {
  const auto trace = python_trace();
  ASSERT_TRUE(trace.ok());
  EXPECT_EQ(*trace->read_rows("rows", 3, 1), (std::vector<float>{18, 19, 20, 21, 22, 23}));
  EXPECT_EQ(trace->read_rows("rows", 0, 4)->size(), 24U);
  EXPECT_TRUE(trace->read_rows("rows", 4, 0)->empty());
  EXPECT_TRUE(trace->read_rows("empty", 0, 0)->empty());
  for (const auto& [first, count] :
       {std::pair<int64_t, int64_t>{3, 2}, {-1, 1}, {0, -1}, {5, 0}, {1, INT64_MAX}}) {
    EXPECT_EQ(trace->read_rows("rows", first, count).error().code, ErrorCode::usage) << first << " " << count;
  }
  EXPECT_EQ(trace->read_rows("scalar", 0, 1).error().code, ErrorCode::usage);
}

TEST(Trace, SaysWhatIsWrongWithAFile) {
  EXPECT_EQ(Trace::open("nowhere.safetensors").error().code, ErrorCode::not_found);
}

TEST(Trace, CopiesShareTheFile) {
  std::vector<float> read;
  {
    const auto trace = python_trace();
    ASSERT_TRUE(trace.ok());
    const Trace copy = *trace;
    read = *copy.read("scalar");
  }
  EXPECT_EQ(read, std::vector<float>{2.5F});
}

}  // namespace
}  // namespace kilter
