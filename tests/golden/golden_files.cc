#include "golden_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace kilter::golden {
namespace {

const std::string kFolder = KILTER_TEST_DATA;

std::ifstream open_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return file;
}

std::vector<float> read_floats(std::istream& file, size_t count) {
  std::vector<float> values(count);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(count * sizeof(float)));
  EXPECT_EQ(static_cast<size_t>(file.gcount()), count * sizeof(float));
  return values;
}

template <typename T>
std::vector<T> read_rest(std::istream& words) {
  std::vector<T> values;
  for (T value; words >> value;) values.push_back(value);
  return values;
}

SampledRow read_row(std::istream& words) {
  SampledRow row;
  words >> row.position;
  char colon = 0;
  int32_t id = 0;
  double logit = 0;
  while (words >> id >> colon >> logit) {
    row.ids.push_back(id);
    row.logits.push_back(logit);
  }
  return row;
}

}  // namespace

std::string Case::model_path() const { return kFolder + "/models/" + name + ".gguf"; }

std::vector<float> Case::expected_logits() const {
  std::ifstream file = open_file(kFolder + "/models/" + name + ".logits");
  file.seekg(0, std::ios::end);
  const auto bytes = static_cast<size_t>(file.tellg());
  file.seekg(0);
  return read_floats(file, bytes / sizeof(float));
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  std::ifstream file = open_file(kFolder + "/models/cases.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Case c;
    words >> c.name >> c.noise;
    c.ids = read_rest<int32_t>(words);
    cases.push_back(std::move(c));
  }
  return cases;
}

Case find_case(const std::string& name) {
  const std::vector<Case> cases = all_cases();
  const auto found = std::find_if(cases.begin(), cases.end(), [&](const Case& c) { return c.name == name; });
  EXPECT_NE(found, cases.end()) << name;
  return found == cases.end() ? Case{} : *found;
}

std::map<std::string, ExpectedPoint> all_points_of_biases() {
  std::map<std::string, ExpectedPoint> points;
  std::ifstream index = open_file(kFolder + "/models/points.txt");
  std::ifstream data = open_file(kFolder + "/models/points.f32");
  std::string name;
  size_t count = 0;
  double noise = 0;
  while (index >> name >> count >> noise) points[name] = {noise, read_floats(data, count)};
  return points;
}

std::vector<SampledPrompt> smollm2_prompts() {
  std::vector<SampledPrompt> prompts;
  std::ifstream file = open_file(kFolder + "/smollm2.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind;
    std::string name;
    words >> kind >> name;
    if (kind == "prompt") {
      SampledPrompt& prompt = prompts.emplace_back();
      prompt.name = name;
      words >> prompt.noise;
      prompt.ids = read_rest<int32_t>(words);
    } else {
      prompts.back().rows.push_back(read_row(words));
    }
  }
  return prompts;
}

}  // namespace kilter::golden
