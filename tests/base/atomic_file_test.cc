#include "base/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "temporary_folder.h"

namespace kilter {
namespace {

TEST(AtomicFile, HasItsNameOnlyAfterCommit) {
  const TemporaryFolder folder;
  auto file = AtomicFile::create(folder.file("a"));
  ASSERT_TRUE(file.ok()) << file.error().message();
  ASSERT_TRUE(file->write("whole").ok());
  EXPECT_FALSE(std::filesystem::exists(folder.file("a")));
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(read_text(folder.file("a")), "whole");
  EXPECT_EQ(folder.count(), 1);
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const TemporaryFolder folder;
  write_text(folder.file("a"), "old");
  {
    auto file = AtomicFile::create(folder.file("a"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->write("new").ok());
    EXPECT_EQ(folder.count(), 2);
  }
  EXPECT_EQ(read_text(folder.file("a")), "old");
  EXPECT_EQ(folder.count(), 1);
}

TEST(AtomicFile, ReplacesWhatWasThere) {
  const TemporaryFolder folder;
  write_text(folder.file("a"), "old and longer");
  auto file = AtomicFile::create(folder.file("a"));
  ASSERT_TRUE(file.ok() && file->write("new").ok() && file->commit().ok());
  EXPECT_EQ(read_text(folder.file("a")), "new");
}

TEST(AtomicFile, KeepsPiecesOfAnySizeInOrder) {
  const TemporaryFolder folder;
  auto file = AtomicFile::create(folder.file("a"));
  ASSERT_TRUE(file.ok());
  std::string expected;
  for (const size_t size :
       {size_t{1}, size_t{0}, size_t{100000}, size_t{7}, size_t{300000}, size_t{3}, size_t{262144}}) {
    const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
    ASSERT_TRUE(file->write(piece).ok());
    expected += piece;
    EXPECT_EQ(file->size(), expected.size());
  }
  ASSERT_TRUE(file->write_zeros(10000).ok());
  expected += std::string(10000, '\0');
  EXPECT_EQ(file->size(), expected.size());
  ASSERT_TRUE(file->commit().ok());
  EXPECT_TRUE(read_text(folder.file("a")) == expected);
}

TEST(AtomicFile, MayHaveTwoWritersAtOnce) {
  const TemporaryFolder folder;
  auto first = AtomicFile::create(folder.file("a"));
  auto second = AtomicFile::create(folder.file("a"));
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE(first->write("first").ok() && second->write("second").ok());
  ASSERT_TRUE(first->commit().ok());
  EXPECT_EQ(read_text(folder.file("a")), "first");
  ASSERT_TRUE(second->commit().ok());
  EXPECT_EQ(read_text(folder.file("a")), "second");
  EXPECT_EQ(folder.count(), 1);
}

TEST(AtomicFile, MovesWithItsTemporaryName) {
  const TemporaryFolder folder;
  auto a = AtomicFile::create(folder.file("a"));
  auto b = AtomicFile::create(folder.file("b"));
  ASSERT_TRUE(a.ok() && b.ok());
  ASSERT_TRUE(b->write("b").ok());
  AtomicFile file = std::move(a).value();
  file = std::move(b).value();
  EXPECT_EQ(folder.count(), 1) << "the file that was replaced is gone, the other is there";
  ASSERT_TRUE(file.commit().ok());
  EXPECT_EQ(read_text(folder.file("b")), "b");
}

TEST(AtomicFile, KeepsASymbolicLink) {
  const TemporaryFolder folder;
  write_text(folder.file("target"), "old");
  std::filesystem::create_symlink("target", folder.file("link"));
  auto file = AtomicFile::create(folder.file("link"));
  ASSERT_TRUE(file.ok() && file->write("new").ok() && file->commit().ok());
  EXPECT_TRUE(std::filesystem::is_symlink(folder.file("link")));
  EXPECT_EQ(read_text(folder.file("target")), "new");
}

TEST(AtomicFile, IsReadableAsTheUserWants) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(027);
  auto file = AtomicFile::create(folder.file("a"));
  ::umask(before);
  ASSERT_TRUE(file.ok() && file->commit().ok());
  EXPECT_EQ(std::filesystem::status(folder.file("a")).permissions(), std::filesystem::perms(0640));
}

TEST(AtomicFile, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  const auto no_folder = AtomicFile::create(folder.file("absent/a"));
  ASSERT_FALSE(no_folder.ok());
  EXPECT_EQ(no_folder.error().code, ErrorCode::io);
  EXPECT_EQ(no_folder.error().subject, folder.file("absent/a"));
  const auto a_folder = AtomicFile::create(folder.path());
  ASSERT_FALSE(a_folder.ok());
  EXPECT_EQ(a_folder.error().code, ErrorCode::usage);
  const auto no_name = AtomicFile::create("");
  ASSERT_FALSE(no_name.ok());
  EXPECT_EQ(no_name.error().code, ErrorCode::usage);
  const auto a_device = AtomicFile::create("/dev/null");
  ASSERT_FALSE(a_device.ok());
  EXPECT_EQ(a_device.error().code, ErrorCode::usage);
}

}  // namespace
}  // namespace kilter
