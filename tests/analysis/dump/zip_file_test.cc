// Archives: numpy's own, damaged ones, and one of the kind that files beyond 4 GB are.
#include "analysis/dump/formats/zip_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "support.h"

namespace kilter::analysis {
namespace {

std::string bytes_of_sample(std::string_view name) {
  std::ifstream file(sample(name), std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

template <typename T>
void put(std::string& to, T number) {
  to.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

// "hello", stored, with every size and offset in 64 bits. Source: APPNOTE.TXT, 4.3.7, 4.3.12, 4.3.14
// to 4.3.16.
std::string zip64() {
  constexpr uint32_t kElsewhere = 0xffffffff;
  constexpr uint32_t kCrcOfHello = 0x3610a686;
  std::string file;
  put<uint32_t>(file, 0x04034b50);
  for (const auto field : std::initializer_list<uint16_t>{45, 0, 0, 0, 0}) put(file, field);
  for (const auto field : std::initializer_list<uint32_t>{kCrcOfHello, kElsewhere, kElsewhere})
    put(file, field);
  for (const auto field : std::initializer_list<uint16_t>{1, 20}) put(file, field);
  file += "a";
  for (const auto field : std::initializer_list<uint16_t>{1, 16}) put(file, field);
  for (const auto field : std::initializer_list<uint64_t>{5, 5}) put(file, field);
  file += "hello";
  const uint64_t directory = file.size();
  put<uint32_t>(file, 0x02014b50);
  for (const auto field : std::initializer_list<uint16_t>{45, 45, 0, 0, 0, 0}) put(file, field);
  for (const auto field : std::initializer_list<uint32_t>{kCrcOfHello, kElsewhere, kElsewhere})
    put(file, field);
  for (const auto field : std::initializer_list<uint16_t>{1, 28, 0, 0, 0}) put(file, field);
  for (const auto field : std::initializer_list<uint32_t>{uint32_t{0}, kElsewhere}) put(file, field);
  file += "a";
  for (const auto field : std::initializer_list<uint16_t>{1, 24}) put(file, field);
  for (const auto field : std::initializer_list<uint64_t>{5, 5, 0}) put(file, field);
  const uint64_t end = file.size();
  put<uint32_t>(file, 0x06064b50);
  put<uint64_t>(file, 44);
  for (const auto field : std::initializer_list<uint16_t>{45, 45}) put(file, field);
  for (const auto field : std::initializer_list<uint32_t>{0, 0}) put(file, field);
  for (const auto field :
       std::initializer_list<uint64_t>{uint64_t{1}, uint64_t{1}, end - directory, directory})
    put(file, field);
  put<uint32_t>(file, 0x07064b50);
  put<uint32_t>(file, 0);
  put<uint64_t>(file, end);
  put<uint32_t>(file, 1);
  put<uint32_t>(file, 0x06054b50);
  for (const auto field : std::initializer_list<uint16_t>{0, 0, 0xffff, 0xffff}) put(file, field);
  for (const auto field : std::initializer_list<uint32_t>{kElsewhere, kElsewhere}) put(file, field);
  put<uint16_t>(file, 0);
  return file;
}

std::string text_of_entry(const ZipEntry& entry) {
  const auto out = unpack(entry, entry.bytes);
  if (!out) return out.error().message();
  return {reinterpret_cast<const char*>(out->data()), out->size()};
}

TEST(ZipFile, SixtyFourBitArchives) {
  const std::string file = zip64();
  const auto entries = read_zip_directory(bytes(file), "a.zip");
  ASSERT_TRUE(entries.ok()) << entries.error().message();
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ(text_of_entry((*entries)[0]), "hello");
}

TEST(ZipFile, PackedEntriesUnpackWholeOrInPart) {
  const std::string file = bytes_of_sample("layouts.npz");
  const auto entries = read_zip_directory(bytes(file), "layouts.npz");
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ(entries->size(), 14u);
  for (const ZipEntry& entry : *entries) {
    EXPECT_EQ(entry.method, 8) << entry.name;
    EXPECT_EQ(text_of_entry(entry).substr(0, 6), "\x93NUMPY") << entry.name;
    EXPECT_EQ(unpack(entry, 6)->size(), 6u);
  }
}

TEST(ZipFile, AChangedByteIsNoticed) {
  std::string file = zip64();
  file[file.find("hello")] = 'j';
  const auto entries = read_zip_directory(bytes(file), "a.zip");
  ASSERT_TRUE(entries.ok());
  const auto out = unpack((*entries)[0], 5);
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.error().code, ErrorCode::mismatch);
}

TEST(ZipFile, SizesThatCannotBeAreRefusedBeforeMemoryIsTaken) {
  const std::string file = bytes_of_sample("layouts.npz");
  const auto entries = read_zip_directory(bytes(file), "layouts.npz");
  ASSERT_TRUE(entries.ok());
  ZipEntry bomb = (*entries)[0];
  bomb.bytes = uint64_t{1} << 62;
  EXPECT_EQ(unpack(bomb, bomb.bytes).error().code, ErrorCode::corrupt);
  ZipEntry longer = (*entries)[0];
  longer.bytes += 1;
  EXPECT_EQ(unpack(longer, longer.bytes).error().code, ErrorCode::corrupt);
}

TEST(ZipFile, APyTorchArchiveIsRefusedWithTheLineThatConvertsIt) {
  const auto dump = read_dump(std::vector{sample("pytorch.pt")}, {});
  ASSERT_FALSE(dump.ok());
  EXPECT_EQ(dump.error().code, ErrorCode::unsupported);
  EXPECT_NE(dump.error().message().find("python3 -c \"import torch"), std::string::npos)
      << dump.error().message();
}

}  // namespace
}  // namespace kilter::analysis
