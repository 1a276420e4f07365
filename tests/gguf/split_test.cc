#include "gguf/split.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "gguf/writer.h"
#include "support.h"

namespace kilter::gguf {
namespace {

constexpr const char* kFirst = "split-00001-of-00002.gguf";
constexpr const char* kSecond = "split-00002-of-00002.gguf";

/// A folder with a copy of the golden model, to be broken.
class SplitModel : public testing::Test {
 protected:
  void SetUp() override {
    write_bytes(folder_.file(kFirst), read_bytes(golden(kFirst)));
    write_bytes(folder_.file(kSecond), read_bytes(golden(kSecond)));
  }

  /// Writes the second file again with `key` set to `value`.
  void change_second(std::string_view key, Value value) {
    const auto whole = File::open(golden(kFirst));
    ASSERT_TRUE(whole.ok());
    Metadata metadata = whole->shard(1).metadata;
    for (KeyValue& entry : metadata.entries) {
      if (entry.key == key) entry.value = value;
    }
    std::vector<TensorPlan> plans;
    for (const TensorInfo& t : whole->tensors()) {
      if (t.shard == 1) plans.push_back({t.name, t.type, t.ne});
    }
    auto writer = Writer::create(folder_.file(kSecond), metadata, plans);
    ASSERT_TRUE(writer.ok()) << writer.error().message();
    for (const TensorInfo& t : whole->tensors()) {
      if (t.shard != 1) continue;
      ASSERT_TRUE(writer->append(t.bytes).ok());
    }
    ASSERT_TRUE(writer->finish().ok());
  }

  TemporaryFolder folder_;
};

TEST_F(SplitModel, OpensByAnyOfItsFiles) {
  for (const char* named : {kFirst, kSecond}) {
    const auto file = File::open(folder_.file(named));
    ASSERT_TRUE(file.ok()) << file.error().message();
    EXPECT_EQ(file->shard_count(), 2u);
    EXPECT_EQ(file->path(), folder_.file(kFirst));
    EXPECT_EQ(*file->metadata().get_string("general.architecture"), "llama");
    ASSERT_EQ(file->tensors().size(), 4u);
    EXPECT_EQ(file->tensors()[0].name, "matrix.f32");
    EXPECT_EQ(file->find("matrix.f32")->shard, 0u);
    EXPECT_EQ(file->find("cube.f32")->shard, 1u);
    EXPECT_EQ(file->file_bytes(), 320u + 416u);
  }
}

TEST_F(SplitModel, HoldsTheSameDataAsTheWholeModel) {
  const auto split = File::open(folder_.file(kFirst));
  const auto whole = File::open(golden("tensors.gguf"));
  ASSERT_TRUE(split.ok() && whole.ok());
  for (const TensorInfo& tensor : whole->tensors()) {
    EXPECT_TRUE(std::ranges::equal(split->find(tensor.name)->bytes, tensor.bytes)) << tensor.name;
  }
}

TEST_F(SplitModel, NamesAMissingFile) {
  std::filesystem::remove(folder_.file(kSecond));
  const auto file = File::open(folder_.file(kFirst));
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, ErrorCode::not_found);
  EXPECT_EQ(file.error().subject, folder_.file(kSecond));
  EXPECT_EQ(file.error().cure, "the model is in 2 files; put all of them in one folder");
}

TEST_F(SplitModel, NeedsItsNames) {
  std::filesystem::rename(folder_.file(kFirst), folder_.file("model.gguf"));
  const auto file = File::open(folder_.file("model.gguf"));
  ASSERT_FALSE(file.ok());
  EXPECT_NE(sentence_of(file).find("is file 1 of a model split into 2"), std::string::npos)
      << sentence_of(file);
  EXPECT_NE(file.error().cure.find("-00001-of-00002.gguf"), std::string::npos) << file.error().cure;
}

TEST_F(SplitModel, RefusesFilesInSwappedPlaces) {
  std::filesystem::rename(folder_.file(kFirst), folder_.file("t"));
  std::filesystem::rename(folder_.file(kSecond), folder_.file(kFirst));
  std::filesystem::rename(folder_.file("t"), folder_.file(kSecond));
  for (const char* named : {kFirst, kSecond}) {
    const auto file = File::open(folder_.file(named));
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(subject_of(file), folder_.file(named));
    EXPECT_NE(sentence_of(file).find("but its name does not say so"), std::string::npos) << sentence_of(file);
  }
}

TEST_F(SplitModel, RefusesTheSameFileTwice) {
  write_bytes(folder_.file(kSecond), read_bytes(golden(kFirst)));
  const auto file = File::open(folder_.file(kFirst));
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(subject_of(file), folder_.file(kSecond));
  EXPECT_NE(sentence_of(file).find("split.no is 0, and the name says 1"), std::string::npos)
      << sentence_of(file);
}

TEST_F(SplitModel, RefusesAnotherCount) {
  change_second("split.count", uint16_t{3});
  const auto file = File::open(folder_.file(kFirst));
  ASSERT_FALSE(file.ok());
  EXPECT_NE(sentence_of(file).find("split.count is 3, but 2 in"), std::string::npos) << sentence_of(file);
}

TEST_F(SplitModel, RefusesAnotherVersion) {
  Bytes second = read_bytes(golden(kSecond));
  second[4] = std::byte{2};
  write_bytes(folder_.file(kSecond), second);
  const auto file = File::open(folder_.file(kFirst));
  ASSERT_FALSE(file.ok());
  EXPECT_NE(sentence_of(file).find("its version or byte order is not that of"), std::string::npos)
      << sentence_of(file);
}

TEST_F(SplitModel, RefusesAnotherNumberOfTensors) {
  change_second("split.tensors.count", int32_t{5});
  const auto file = File::open(folder_.file(kFirst));
  ASSERT_FALSE(file.ok());
  EXPECT_NE(sentence_of(file).find("split.tensors.count is 5, but 4"), std::string::npos)
      << sentence_of(file);
}

TEST_F(SplitModel, CannotBeReadFromMemory) {
  const Bytes bytes = read_bytes(golden(kFirst));
  const auto file = File::parse(bytes, "memory");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, ErrorCode::unsupported);
}

TEST(SplitOfTensors, MustAddUp) {
  TemporaryFolder folder;
  for (int no = 0; no < 2; ++no) {
    const Metadata metadata{
        {{"split.no", uint16_t(no)}, {"split.count", uint16_t{2}}, {"split.tensors.count", 3}}};
    auto writer = Writer::create(folder.file(no == 0 ? kFirst : kSecond), metadata, {});
    ASSERT_TRUE(writer.ok() && writer->finish().ok());
  }
  const auto file = File::open(folder.file(kFirst));
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(sentence_of(file), "split.tensors.count is 3, but the 2 files hold 0 tensors");
}

TEST(SplitOfTensors, MustHaveDistinctNames) {
  TemporaryFolder folder;
  const std::vector<TensorPlan> plan = {{"t", DType::f32, {1}}};
  for (int no = 0; no < 2; ++no) {
    const Metadata metadata{
        {{"split.no", uint16_t(no)}, {"split.count", uint16_t{2}}, {"split.tensors.count", 2}}};
    auto writer = Writer::create(folder.file(no == 0 ? kFirst : kSecond), metadata, plan);
    ASSERT_TRUE(writer.ok() && writer->append(Bytes(4)).ok() && writer->finish().ok());
  }
  const auto file = File::open(folder.file(kFirst));
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(sentence_of(file), "is there twice, and nothing says which one counts");
}

TEST(SplitName, IsTakenApart) {
  const auto name = parse_split_name("/models/big-00002-of-00007.gguf");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->prefix, "/models/big");
  EXPECT_EQ(name->number, 2u);
  EXPECT_EQ(name->count, 7u);
  EXPECT_EQ(split_path(*name, 7), "/models/big-00007-of-00007.gguf");
  for (const char* other : {"big.gguf", "-00001-of-00002.gguf", "big-00000-of-00002.gguf",
                            "big-00003-of-00002.gguf", "big-0001-of-00002.gguf", "big-00001-of-0000a.gguf",
                            "big-00001-of-00002.bin", "big-+0001-of-00002.gguf", "big_00001-of-00002.gguf"}) {
    EXPECT_FALSE(parse_split_name(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace kilter::gguf
