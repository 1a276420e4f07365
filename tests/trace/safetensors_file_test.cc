#include "trace/safetensors_file.h"

#include <cmath>

#include "support.h"

namespace kilter {
namespace {

std::vector<float> values(const StoredTensor& tensor) {
  std::vector<float> out(static_cast<size_t>(tensor.elements()));
  to_f32(tensor.type, tensor.bytes, out);
  return out;
}

TEST(SafetensorsFile, ReadsEveryTypeOfAFileWrittenByPython) {
  const auto file = SafetensorsFile::open(KILTER_TEST_DATA "/data/python.safetensors");
  ASSERT_TRUE(file.ok()) << file.error().message();
  for (const ElementTypeInfo& info : all_element_types()) {
    const std::string name(info.name);
    const StoredTensor* stored = file->find(name);
    const StoredTensor* expected = file->find(name + ".f32");
    ASSERT_TRUE(stored != nullptr && expected != nullptr) << name;
    EXPECT_EQ(stored->type, info.type);
    EXPECT_EQ(expected->type, ElementType::f32);
    EXPECT_EQ(stored->shape, expected->shape);
    const std::vector<float> got = values(*stored);
    const std::vector<float> want = values(*expected);
    for (size_t i = 0; i < want.size(); ++i) {
      if (std::isnan(want[i])) {
        EXPECT_TRUE(std::isnan(got[i])) << name << "[" << i << "]";
      } else {
        EXPECT_EQ(std::memcmp(&got[i], &want[i], sizeof(float)), 0) << name << "[" << i << "]";
      }
    }
  }
}

TEST(SafetensorsFile, ReadsShapesAndMetadata) {
  const auto file = SafetensorsFile::open(KILTER_TEST_DATA "/data/python.safetensors");
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ(file->metadata().at("prompt"), "Gr\u00fc\u00dfe, \"Welt\"\n\u2603");
  EXPECT_EQ(file->find("rows")->shape, (std::vector<int64_t>{4, 2, 3}));
  EXPECT_EQ(values(*file->find("rows"))[23], 23.0F);
  EXPECT_EQ(file->find("scalar")->elements(), 1);
  EXPECT_TRUE(file->find("scalar")->shape.empty());
  EXPECT_EQ(file->find("empty")->elements(), 0);
  EXPECT_EQ(file->find("nowhere"), nullptr);
}

struct Broken {
  std::string_view what;
  std::string content;
  std::string_view sentence;  // a part of it
  ErrorCode code = ErrorCode::corrupt;
};

std::string nested(size_t depth) {
  return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
}

std::string one(std::string_view entry, size_t data_bytes) {
  return file_with("{\"a\":" + std::string(entry) + "}", data_bytes);
}

std::vector<Broken> broken_files() {
  const std::string good = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  return {
      {"empty", "", "shorter than the 8 bytes"},
      {"seven bytes", "1234567", "shorter than the 8 bytes"},
      {"header beyond the file", file_with("{}", 0).substr(0, 9), "announces a header"},
      {"huge header length", std::string(8, '\xff') + "{}", "announces a header"},
      {"not JSON", file_with("{\"a\"", 0), "not JSON"},
      {"not an object", file_with("[1]", 0), "not an object"},
      {"more behind the object", file_with("{}{}", 0), "not JSON"},
      {"deep", file_with(nested(100000), 0), "not JSON"},
      {"name not UTF-8", file_with("{\"\xff\":" + good + "}", 8), "not JSON"},
      {"metadata not an object", file_with(R"({"__metadata__":1})", 0), "__metadata__"},
      {"metadata not a string", file_with(R"({"__metadata__":{"k":1}})", 0), "'k' is not a string"},
      {"entry not an object", one("1", 0), "not described by an object"},
      {"no type", one(R"({"shape":[2],"data_offsets":[0,8]})", 8), "no \"dtype\""},
      {"unknown type", one(R"({"dtype":"F4","shape":[2],"data_offsets":[0,1]})", 1), "type 'F4'",
       ErrorCode::unsupported},
      {"no shape", one(R"({"dtype":"F32","data_offsets":[0,8]})", 8), "no \"shape\""},
      {"negative extent", one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})", 8), "no \"shape\""},
      {"fractional extent", one(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})", 8), "no \"shape\""},
      {"three offsets", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,8]})", 8), "data_offsets"},
      {"offsets backwards", one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})", 8), "said to lie"},
      {"beyond the file", one(good, 7), "said to lie"},
      {"shape too small", one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,8]})", 8),
       "not what its shape"},
      {"shape that overflows",
       one(R"({"dtype":"F32","shape":[4611686018427387904,4,4],"data_offsets":[0,0]})", 0),
       "not what its shape"},
      {"rest", one(good, 9), "the last 1 bytes belong to no tensor"},
      {"hole", one(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})", 12), "behind a hole of 4"},
      {"overlap",
       file_with("{\"a\":" + good + R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12),
       "'b' overlaps"},
      {"the same bytes twice", file_with("{\"a\":" + good + ",\"b\":" + good + "}", 8), "overlaps"},
  };
}

TEST(SafetensorsFile, RefusesBrokenFilesWithASentence) {
  const TemporaryFolder folder;
  const std::string path = folder.file("broken");
  for (const Broken& broken : broken_files()) {
    write_text(path, broken.content);
    const auto file = SafetensorsFile::open(path);
    ASSERT_FALSE(file.ok()) << broken.what;
    EXPECT_EQ(file.error().code, broken.code) << broken.what;
    EXPECT_NE(file.error().sentence.find(broken.sentence), std::string::npos)
        << broken.what << ": " << file.error().message();
  }
}

TEST(SafetensorsFile, TheUnbrokenFormOfThoseIsRead) {
  const TemporaryFolder folder;
  const std::string path = folder.file("good");
  write_text(path, one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 8));
  EXPECT_TRUE(SafetensorsFile::open(path).ok());
  write_text(path, file_with("{}   ", 0));
  EXPECT_TRUE(SafetensorsFile::open(path).ok());
}

TEST(SafetensorsFile, RefusesAHeaderThatIsTooLarge) {
  const TemporaryFolder folder;
  const std::string path = folder.file("large");
  write_text(path, file_with(std::string((size_t{32} << 20) + 1, ' '), 0));
  const auto file = SafetensorsFile::open(path);
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, ErrorCode::unsupported);
}

TEST(SafetensorsFile, SurvivesEveryBitFlipAndEveryCut) {
  const TemporaryFolder folder;
  const std::string path = folder.file("mutant");
  const std::string good =
      file_with(R"({"__metadata__":{"k":"v"},"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]}})", 4);
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string mutant = good;
    mutant[bit / 8] = static_cast<char>(mutant[bit / 8] ^ (1 << bit % 8));
    write_text(path, mutant);
    if (const auto file = SafetensorsFile::open(path); file.ok()) {
      for (const StoredTensor& tensor : file->tensors()) values(tensor);
    }
  }
  for (size_t size = 0; size < good.size(); ++size) {
    write_text(path, good.substr(0, size));
    EXPECT_FALSE(SafetensorsFile::open(path).ok()) << size;
  }
}

}  // namespace
}  // namespace kilter
