// What holds for every wrong reading of every type.
#include <algorithm>
#include <bit>
#include <set>

#include "weight_bugs_support.h"

namespace kilter::analysis {
namespace {

std::vector<DType> block_types() {
  std::vector<DType> types;
  for (const DTypeInfo& info : all_dtypes()) {
    if (is_quantised(info.type)) types.push_back(info.type);
  }
  for (const DType type : {DType::f16, DType::bf16, DType::f32}) types.push_back(type);
  return types;
}

std::string type_name(const ::testing::TestParamInfo<DType>& parameter) {
  return std::string(dtype_info(parameter.param).name);
}

// Equal numbers that follow from this model's measures: 64 columns are the first quarter of a block, and the
// first tensor of the file has the shape of the LM head (a trial on that node alone is not made).
bool is_coincidence(const Weight& w, const Reading& reading) {
  if (reading.detail == "n_out products summed instead of n_in") return 256 % w.rows == 0;
  return w.name == "output.weight" && reading.detail.starts_with("the first bytes of the data section");
}

class WeightReadings : public ::testing::TestWithParam<DType> {
 protected:
  // Layer 11 has all neighbours but one; the ends are special.
  static constexpr std::string_view kLooked[] = {"token_embd.weight",    "blk.11.attn_norm.weight",
                                                 "blk.11.attn_q.weight", "blk.11.attn_q.bias",
                                                 "blk.11.attn_k.weight", "blk.11.attn_v.weight",
                                                 "blk.11.ffn_up.weight", "blk.11.ffn_down.weight",
                                                 "output_norm.weight",   "output.weight"};

  // Some rows, the last among them; empty where these bytes cannot be read so.
  static std::vector<float> rows_by(const Reading& reading, const Weight& w) {
    std::vector<float> values;
    std::vector<float> row(static_cast<size_t>(w.cols));
    for (const int64_t r : {int64_t{0}, int64_t{1}, int64_t{7}, w.rows - 1}) {
      if (r >= w.rows) continue;
      if (!reading.decode_row(w, r, row).ok()) return {};
      values.insert(values.end(), row.begin(), row.end());
    }
    return values;
  }

  TestModel model_{{.matrices = GetParam(), .output = DType::q6_k}};
};

TEST_P(WeightReadings, AreNeverTheRightOne) {
  const Reading right{.detail = "right",
                      .decode_row = [](const Weight& w, int64_t row, std::span<float> out) {
                        return decode_right(w, row, out);
                      }};
  for (const std::string_view name : kLooked) {
    const Weight& w = model_.at(name);
    const std::vector<float> expected = rows_by(right, w);
    for (const Bug* bug : weight_bugs()) {
      for (const Reading& reading : weight_bug(bug->info().id).readings(w, *model_)) {
        EXPECT_FALSE(same_numbers(expected, rows_by(reading, w)))
            << name << ": " << bug->info().id << ": " << reading.detail;
      }
    }
  }
}

TEST_P(WeightReadings, GiveTheSameByRowsAndAsAWhole) {
  const Weight& w = model_.at("blk.11.attn_k.weight");
  std::vector<float> whole(static_cast<size_t>(w.rows * w.cols));
  std::vector<float> row(static_cast<size_t>(w.cols));
  for (const Bug* bug : weight_bugs()) {
    for (const Reading& reading : weight_bug(bug->info().id).readings(w, *model_)) {
      if (!reading.decode_all) continue;
      ASSERT_TRUE(reading.decode_all(w, whole).ok());
      for (const int64_t r : {int64_t{0}, int64_t{5}, w.rows - 1}) {
        ASSERT_TRUE(reading.decode_row(w, r, row).ok());
        const auto from = whole.begin() + r * w.cols;
        EXPECT_TRUE(std::equal(row.begin(), row.end(), from, same_number))
            << bug->info().id << ": " << reading.detail << ", row " << r;
      }
    }
  }
}

TEST_P(WeightReadings, HaveDetailsOfTheirOwn) {
  for (const std::string_view name : kLooked) {
    for (const Bug* bug : weight_bugs()) {
      std::set<std::string> details;
      for (const Reading& reading : weight_bug(bug->info().id).readings(model_.at(name), *model_)) {
        EXPECT_TRUE(details.insert(reading.detail).second) << bug->info().id << ": " << reading.detail;
      }
    }
  }
}

// Two entries with the same numbers would be a tie that no dump can break.
TEST_P(WeightReadings, AreToldFromEachOther) {
  for (const std::string_view name : kLooked) {
    const Weight& w = model_.at(name);
    std::map<std::vector<uint32_t>, std::string> seen;
    for (const Bug* bug : weight_bugs()) {
      for (const Reading& reading : weight_bug(bug->info().id).readings(w, *model_)) {
        const std::vector<float> wrong = rows_by(reading, w);
        if (wrong.empty() || is_coincidence(w, reading)) continue;
        std::vector<uint32_t> bits(wrong.size());
        std::transform(wrong.begin(), wrong.end(), bits.begin(),
                       [](float v) { return std::bit_cast<uint32_t>(v); });
        const std::string own = std::string(bug->info().id) + ": " + reading.detail;
        const auto [entry, is_new] = seen.emplace(std::move(bits), own);
        const bool one_bug = entry->second.starts_with(std::string(bug->info().id) + ":");
        EXPECT_TRUE(is_new || one_bug) << name << ": " << own << " = " << entry->second;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, WeightReadings, ::testing::ValuesIn(block_types()), type_name);

}  // namespace
}  // namespace kilter::analysis
