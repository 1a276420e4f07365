#include "trace/safetensors_writer.h"

#include <numeric>

#include "support.h"
#include "trace/safetensors_file.h"

namespace kilter {
namespace {

std::vector<float> count_up(size_t n) {
  std::vector<float> numbers(n);
  std::iota(numbers.begin(), numbers.end(), 1.0F);
  return numbers;
}

std::span<const float> part(const std::vector<float>& all, size_t first, size_t count) {
  return std::span(all).subspan(first, count);
}

TEST(SafetensorsWriter, WritesExactlyTheseBytes) {
  const TemporaryFolder folder;
  const std::string path = folder.file("t");
  auto writer = SafetensorsWriter::create(path, {{"a", ElementType::i32, {2}}}, {{"k", "\"v\""}});
  ASSERT_TRUE(writer.ok()) << writer.error().message();
  ASSERT_TRUE(writer->write("a", 0, std::vector<int32_t>{1, -1}).ok());
  ASSERT_TRUE(writer->commit().ok());
  std::string header =
      R"({"__metadata__":{"k":"\"v\""},"a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string want = file_with(header, 8);
  want.replace(want.size() - 8, 8, std::string("\1\0\0\0\xff\xff\xff\xff", 8));
  EXPECT_EQ(read_text(path), want);
  EXPECT_EQ(writer->file_bytes(), want.size());
}

TEST(SafetensorsWriter, TakesPartsInAnyOrder) {
  const TemporaryFolder folder;
  const std::string path = folder.file("t");
  const std::vector<float> numbers = count_up(6);
  auto writer = SafetensorsWriter::create(
      path,
      {{"first", ElementType::f32, {3, 2}}, {"none", ElementType::f32, {0}}, {"one", ElementType::f32, {}}},
      {});
  ASSERT_TRUE(writer.ok());
  EXPECT_TRUE(writer->write("one", 0, part(numbers, 4, 1)).ok());
  EXPECT_TRUE(writer->write("first", 4, part(numbers, 4, 2)).ok());
  EXPECT_EQ(writer->bytes_written(), writer->file_bytes() - 16);
  EXPECT_TRUE(writer->write("first", 0, part(numbers, 0, 4)).ok());
  EXPECT_EQ(folder.count(), 1);  // under its temporary name
  EXPECT_EQ(writer->bytes_written(), writer->file_bytes());
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(writer->commit().ok());
  EXPECT_EQ(folder.count(), 1);

  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file.ok()) << file.error().message();
  std::vector<float> got(6);
  to_f32(ElementType::f32, file->find("first")->bytes, got);
  EXPECT_EQ(got, numbers);
  EXPECT_EQ(file->find("first")->shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(file->find("none")->elements(), 0);
  EXPECT_EQ(file->find("one")->elements(), 1);
  EXPECT_EQ(file->tensors()[0].name, "first");
}

TEST(SafetensorsWriter, LeavesNothingBehindWithoutCommit) {
  const TemporaryFolder folder;
  const std::string path = folder.file("t");
  write_text(path, "an earlier result");
  {
    auto writer = SafetensorsWriter::create(path, {{"a", ElementType::f32, {4}}}, {});
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->write("a", 0, count_up(3)).ok());
    const Status commit = writer->commit();
    ASSERT_FALSE(commit.ok());
    EXPECT_EQ(commit.error().code, ErrorCode::mismatch);
    EXPECT_EQ(commit.error().sentence, "'a' has 4 elements, and 3 were written");
  }
  EXPECT_EQ(folder.count(), 1);
  EXPECT_EQ(read_text(path), "an earlier result");
}

TEST(SafetensorsWriter, ReplacesWhatALinkPointsAt) {
  const TemporaryFolder folder;
  write_text(folder.file("target"), "old");
  std::filesystem::create_symlink("target", folder.file("link"));
  auto writer = SafetensorsWriter::create(folder.file("link"), {}, {});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->commit().ok());
  EXPECT_TRUE(std::filesystem::is_symlink(folder.file("link")));
  EXPECT_EQ(read_text(folder.file("target")), file_with("{}      ", 0));
}

// The shorter header ends in spaces; what is behind it stays where it is.
TEST(SafetensorsWriter, TakesOtherMetadataInTheEnd) {
  const TemporaryFolder folder;
  const std::string path = folder.file("t");
  auto writer = SafetensorsWriter::create(path, {{"a", ElementType::f32, {1}}}, {{"ids", "99,99"}});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->write("a", 0, std::vector<float>{1}).ok());
  EXPECT_EQ(writer->set_metadata({{"ids", "99,99,99,99"}}).error().code, ErrorCode::usage);
  ASSERT_TRUE(writer->set_metadata({{"ids", "1"}}).ok());
  ASSERT_TRUE(writer->commit().ok());
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ(file->metadata(), (std::map<std::string, std::string>{{"ids", "1"}}));
  const std::vector<std::byte> one = {std::byte{0}, std::byte{0}, std::byte{0x80}, std::byte{0x3f}};
  const auto bytes = file->find("a")->bytes;
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), one.begin(), one.end()));
}

TEST(SafetensorsWriter, RefusesWhatNoFileCanHold) {
  const TemporaryFolder folder;
  const std::string path = folder.file("t");
  const TensorSpec a{"a", ElementType::f32, {1}};
  const auto refused = [&](const std::vector<TensorSpec>& tensors,
                           const SafetensorsWriter::Metadata& metadata) {
    const auto writer = SafetensorsWriter::create(path, tensors, metadata);
    return !writer.ok() && writer.error().code == ErrorCode::usage;
  };
  EXPECT_FALSE(refused({a}, {}));
  EXPECT_TRUE(refused({a, a}, {}));
  EXPECT_TRUE(refused({{"__metadata__", ElementType::f32, {1}}}, {}));
  EXPECT_TRUE(refused({{"a", ElementType::f32, {-1}}}, {}));
  EXPECT_TRUE(refused({{"a", ElementType::f32, {INT64_MAX, 2}}}, {}));
  EXPECT_TRUE(refused(
      {{"a", ElementType::u8, {INT64_MAX}}, {"b", ElementType::u8, {INT64_MAX}}, {"c", ElementType::u8, {2}}},
      {}));
  EXPECT_TRUE(refused({{"\xff", ElementType::f32, {1}}}, {}));
  EXPECT_TRUE(refused({a}, {{"\xff", ""}}));
  EXPECT_TRUE(refused({a}, {{"", "\xff"}}));
  EXPECT_EQ(folder.count(), 0);
}

TEST(SafetensorsWriter, RefusesWhatWasNotAnnounced) {
  const TemporaryFolder folder;
  auto writer = SafetensorsWriter::create(folder.file("t"), {{"a", ElementType::f32, {2}}}, {});
  ASSERT_TRUE(writer.ok());
  const std::vector<float> two = count_up(2);
  EXPECT_FALSE(writer->write("b", 0, two).ok());
  EXPECT_FALSE(writer->write("a", 0, std::vector<int32_t>{1, 2}).ok());
  EXPECT_FALSE(writer->write("a", 1, two).ok());
  EXPECT_FALSE(writer->write("a", 3, part(two, 0, 0)).ok());
  EXPECT_FALSE(writer->write("a", -1, two).ok());
  EXPECT_TRUE(writer->write("a", 0, two).ok());
}

TEST(SafetensorsWriter, NamesThePathThatCannotBeWritten) {
  const TemporaryFolder folder;
  const auto absent = SafetensorsWriter::create(folder.file("no/t"), {}, {});
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, ErrorCode::io);
  EXPECT_EQ(absent.error().subject, folder.file("no/t"));
  const auto over_a_folder = SafetensorsWriter::create(folder.file(""), {}, {});
  ASSERT_FALSE(over_a_folder.ok());
  EXPECT_EQ(over_a_folder.error().code, ErrorCode::usage);
}

// A file beyond 4 GiB, of which two elements take room on the disk.
TEST(SafetensorsWriter, CountsBeyondThirtyTwoBits) {
  const TemporaryFolder folder;
  const int64_t many = (int64_t{1} << 30) + 5;
  auto writer = SafetensorsWriter::create(folder.file("t"), {{"a", ElementType::f32, {many}}}, {});
  if (!writer.ok()) GTEST_SKIP() << writer.error().message();
  EXPECT_GT(writer->file_bytes(), uint64_t{1} << 32);
  EXPECT_TRUE(writer->write("a", many - 1, count_up(1)).ok());
  EXPECT_FALSE(writer->write("a", many, count_up(1)).ok());
}

}  // namespace
}  // namespace kilter
