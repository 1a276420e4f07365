#include "gguf/writer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support.h"

namespace kilter::gguf {
namespace {

class WriteAgain : public testing::TestWithParam<const char*> {};

TEST_P(WriteAgain, GivesTheSameBytes) {
  TemporaryFolder folder;
  const auto file = File::open(golden(GetParam()));
  ASSERT_TRUE(file.ok()) << file.error().message();
  for (size_t shard = 0; shard < file->shard_count(); ++shard) {
    const Status status = write_again(*file, shard, folder.file("copy.gguf"));
    ASSERT_TRUE(status.ok()) << status.error().message();
    EXPECT_EQ(read_bytes(folder.file("copy.gguf")), read_bytes(file->shard(shard).path)) << "shard " << shard;
  }
  EXPECT_EQ(folder.count(), 1) << "a temporary file was left";
}

INSTANTIATE_TEST_SUITE_P(Goldens, WriteAgain,
                         testing::Values("metadata.gguf", "metadata_big.gguf", "tensors.gguf",
                                         "tensors_big.gguf", "aligned64.gguf", "version2.gguf",
                                         "vocabulary.gguf", "split-00001-of-00002.gguf"));

TEST(WriteAgainByHand, KeepsATailWithoutPadding) {
  TemporaryFolder folder;
  const HandMade bare = HandMade().header(1, 0).tensor("t", {3}, 0, 0).align().zeros(12);
  write_bytes(folder.file("bare.gguf"), bare.bytes());
  const auto file = File::open(folder.file("bare.gguf"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(write_again(*file, 0, folder.file("copy.gguf")).ok());
  EXPECT_EQ(read_bytes(folder.file("copy.gguf")), bare.bytes());
}

TEST(WriteAgainByHand, PutsDataInTheOrderOfTheEntries) {
  TemporaryFolder folder;
  HandMade crossed = HandMade().header(2, 0).tensor("a", {8}, 0, 64).tensor("b", {8}, 0, 0).align();
  for (uint8_t i = 0; i < 96; ++i) crossed.u8(i);
  const auto file = File::parse(crossed.bytes(), "crossed.gguf");
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(write_again(*file, 0, folder.file("copy.gguf")).ok());
  const auto copy = File::open(folder.file("copy.gguf"));
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(copy->find("a")->offset, 0u);
  EXPECT_EQ(copy->find("b")->offset, 32u);
  EXPECT_EQ(copy->find("a")->bytes[0], std::byte{64});
  EXPECT_EQ(copy->find("b")->bytes[0], std::byte{0});
}

/// One tensor of two Q8_0 blocks.
Result<Writer> blocks_writer(const std::string& path) {
  const std::vector<TensorPlan> plan = {{"blocks", DType::q8_0, {64}}};
  return Writer::create(path, Metadata{{{"general.architecture", std::string("llama")}}}, plan);
}

TEST(Writer, TakesDataInPieces) {
  TemporaryFolder folder;
  auto writer = blocks_writer(folder.file("t.gguf"));
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->append(Bytes(34, std::byte{1})).ok());
  ASSERT_TRUE(writer->append({}).ok());
  ASSERT_TRUE(writer->append(Bytes(34, std::byte{2})).ok());
  ASSERT_TRUE(writer->finish().ok());
  const auto file = File::open(folder.file("t.gguf"));
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ(file->find("blocks")->bytes[33], std::byte{1});
  EXPECT_EQ(file->find("blocks")->bytes[34], std::byte{2});
  EXPECT_EQ(file->file_bytes() % 32, 0u);
}

TEST(Writer, TurnsLargeTensorsRoundForBigEndianFiles) {
  TemporaryFolder folder;
  Bytes data(3000000);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 7 + i / 256);
  const std::vector<TensorPlan> plan = {{"t", DType::f32, {data.size() / 4}}};
  auto writer = Writer::create(folder.file("t.gguf"), {}, plan, {3, ByteOrder::big, Tail::bare});
  ASSERT_TRUE(writer.ok() && writer->append(data).ok() && writer->finish().ok());
  const auto file = File::open(folder.file("t.gguf"));
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ(file->byte_order(), ByteOrder::big);
  EXPECT_TRUE(std::ranges::equal(file->find("t")->bytes, data));
}

TEST(Writer, RefusesDataThatDoesNotFitThePlan) {
  TemporaryFolder folder;
  auto writer = blocks_writer(folder.file("t.gguf"));
  ASSERT_TRUE(writer.ok());
  EXPECT_FALSE(writer->append(Bytes(33)).ok());
  EXPECT_FALSE(writer->append(Bytes(102)).ok());
  const Status unfinished = writer->finish();
  ASSERT_FALSE(unfinished.ok());
  EXPECT_EQ(unfinished.error().sentence, "68 bytes of its data were never given");
  ASSERT_TRUE(writer->append(Bytes(68)).ok());
  EXPECT_FALSE(writer->append(Bytes(34)).ok());
  EXPECT_TRUE(writer->finish().ok());
}

TEST(Writer, LeavesNothingWhenDropped) {
  TemporaryFolder folder;
  { EXPECT_TRUE(blocks_writer(folder.file("t.gguf")).ok()); }
  EXPECT_EQ(folder.count(), 0);
}

TEST(Writer, RefusesWhatTheReaderWouldRefuse) {
  TemporaryFolder folder;
  const std::string path = folder.file("t.gguf");
  const auto refused = [&path](const Metadata& metadata, std::vector<TensorPlan> plan, const char* sentence) {
    const auto writer = Writer::create(path, metadata, plan);
    ASSERT_FALSE(writer.ok()) << sentence;
    EXPECT_EQ(writer.error().code, ErrorCode::usage);
    EXPECT_NE(writer.error().sentence.find(sentence), std::string::npos) << writer.error().sentence;
  };
  refused(Metadata{{{"k", true}, {"k", true}}}, {}, "twice");
  refused(Metadata{{{"k", std::string("\xff")}}}, {}, "UTF-8");
  refused(Metadata{{{"", uint64_t{1}}}}, {}, "0 bytes long");
  refused(Metadata{{{"general.alignment", uint32_t{4}}}}, {}, "multiple of 8");
  refused({}, {{"t", DType::q8_0, {33}}}, "whole blocks");
  refused({}, {{"t", DType::f32, {}}}, "0 axes");
  refused({}, {{"t", DType::f32, {1}}, {"t", DType::f32, {1}}}, "twice");
  refused({},
          {{"a", DType::i8, {1ull << 62}},
           {"b", DType::i8, {1ull << 62}},
           {"c", DType::i8, {1ull << 62}},
           {"d", DType::i8, {1ull << 62}}},
          "larger than any file");
  refused({}, {{std::string(65, 'n'), DType::f32, {1}}}, "65 bytes long");
  EXPECT_EQ(folder.count(), 0);
}

TEST(Writer, SaysWhereItCannotWrite) {
  const auto writer = Writer::create("/nowhere/t.gguf", {}, {});
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().code, ErrorCode::io);
  EXPECT_EQ(writer.error().subject, "/nowhere/t.gguf");
}

}  // namespace
}  // namespace kilter::gguf
