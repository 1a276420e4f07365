#include "base/file_map.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <utility>

#include "temporary_folder.h"

namespace kilter {
namespace {

std::string text_of(const FileMap& map) {
  return {reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size()};
}

TEST(FileMap, ShowsTheBytesOfAFile) {
  const TemporaryFolder folder;
  write_text(folder.file("a"), std::string("one\0two", 7));
  const auto map = FileMap::open(folder.file("a"));
  ASSERT_TRUE(map.ok()) << map.error().message();
  EXPECT_EQ(text_of(*map), std::string("one\0two", 7));
  EXPECT_EQ(map->path(), folder.file("a"));
}

TEST(FileMap, OfAnEmptyFileIsEmpty) {
  const TemporaryFolder folder;
  write_text(folder.file("a"), "");
  const auto map = FileMap::open(folder.file("a"));
  ASSERT_TRUE(map.ok()) << map.error().message();
  EXPECT_TRUE(map->bytes().empty());
}

TEST(FileMap, MovesWithoutMovingTheBytes) {
  const TemporaryFolder folder;
  write_text(folder.file("a"), "first");
  write_text(folder.file("b"), "second");
  auto a = FileMap::open(folder.file("a"));
  auto b = FileMap::open(folder.file("b"));
  ASSERT_TRUE(a.ok() && b.ok());
  const std::byte* bytes = a->bytes().data();
  FileMap moved = std::move(a).value();
  EXPECT_EQ(moved.bytes().data(), bytes);
  EXPECT_TRUE(a->bytes().empty());
  moved = std::move(b).value();
  EXPECT_EQ(text_of(moved), "second");
  EXPECT_EQ(moved.path(), folder.file("b"));
}

TEST(FileMap, OutlivesTheNameOfTheFile) {
  const TemporaryFolder folder;
  write_text(folder.file("a"), "still here");
  const auto map = FileMap::open(folder.file("a"));
  ASSERT_TRUE(map.ok());
  std::filesystem::remove(folder.file("a"));
  EXPECT_EQ(text_of(*map), "still here");
}

TEST(FileMap, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  const auto absent = FileMap::open(folder.file("a"));
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, ErrorCode::not_found);
  EXPECT_EQ(absent.error().subject, folder.file("a"));
  EXPECT_FALSE(absent.error().cure.empty());
  const auto no_file = FileMap::open(folder.path());
  ASSERT_FALSE(no_file.ok());
  EXPECT_EQ(no_file.error().code, ErrorCode::unsupported);
  ASSERT_EQ(mkfifo(folder.file("pipe").c_str(), 0600), 0);
  const auto pipe = FileMap::open(folder.file("pipe"));  // nobody writes into it
  ASSERT_FALSE(pipe.ok());
  EXPECT_EQ(pipe.error().code, ErrorCode::unsupported);
  const auto under_a_file = FileMap::open("/dev/null/a");
  ASSERT_FALSE(under_a_file.ok());
  EXPECT_EQ(under_a_file.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace kilter
