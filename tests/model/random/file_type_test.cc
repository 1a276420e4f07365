#include "model/random/file_type.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace kilter {
namespace {

constexpr int64_t kLayers = 17;

struct Measures {
  int64_t n_embd, n_ff, heads_per_kv;
  bool tied;
};

// As in file_types/make_file_types.py.
const std::map<std::string, Measures> kModels = {{"plain", {256, 512, 1, false}},
                                                 {"grouped", {256, 768, 4, true}},
                                                 {"odd", {288, 736, 4, false}},
                                                 {"odd_tied", {288, 736, 1, true}}};

const std::map<std::string, Role> kRoles = {
    {"token_embd", Role::token_embd}, {"output", Role::output}, {"attn_q", Role::attn_q},
    {"attn_k", Role::attn_k},         {"attn_v", Role::attn_v}, {"attn_output", Role::attn_output},
    {"ffn_gate", Role::ffn_gate},     {"ffn_up", Role::ffn_up}, {"ffn_down", Role::ffn_down}};

// "Q6_K*2 Q4_K*2", as the golden file has it.
std::string run_lengths(const FileType& file_type, const Measures& m, const std::string& role_name) {
  Role role = kRoles.at(role_name);
  const bool in_layers = role != Role::token_embd && role != Role::output;
  if (m.tied && role == Role::token_embd) role = Role::output;
  const int64_t n_cols = role == Role::ffn_down ? m.n_ff : m.n_embd;
  std::string text, last;
  int64_t count = 0;
  const auto flush = [&] {
    if (count != 0) text += (text.empty() ? "" : " ") + last + "*" + std::to_string(count);
    count = 0;
  };
  for (int64_t layer = 0; layer < (in_layers ? kLayers : 1); ++layer) {
    const MatrixPlace place{role, layer, kLayers, m.heads_per_kv, n_cols};
    const std::string name(dtype_info(matrix_type(file_type, Mixture::mixed, place)).name);
    if (name != last) flush();
    last = name;
    ++count;
  }
  flush();
  return text;
}

TEST(FileType, MixesFormatsAsLlamaCppDoes) {
  std::ifstream golden(KILTER_TEST_DATA "/file_types/file_types.txt");
  int n_lines = 0;
  for (std::string line; std::getline(golden, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string model, file_type, role, expected;
    words >> model >> file_type >> role >> std::ws;
    std::getline(words, expected);
    const auto found = find_file_type(file_type);
    ASSERT_TRUE(found.ok()) << line;
    EXPECT_EQ(run_lengths(**found, kModels.at(model), role), expected) << line;
    ++n_lines;
  }
  EXPECT_EQ(n_lines, 1139);
}

TEST(FileType, PureMeansTheBaseTypeEverywhere) {
  for (const FileType& type : all_file_types()) {
    for (const auto& [name, role] : kRoles) {
      EXPECT_EQ(matrix_type(type, Mixture::pure, {role, 0, 8, 8, 256}), type.base)
          << type.name << " " << name;
    }
  }
}

TEST(FileType, RowsOfNoBlockSizeBecomeHalfFloats) {
  for (const FileType& type : all_file_types()) {
    const bool plain = dtype_info(type.base).block_values == 1;
    EXPECT_EQ(matrix_type(type, Mixture::mixed, {Role::attn_q, 0, 8, 1, 40}), plain ? type.base : DType::f16);
  }
}

TEST(FileType, EveryBlockFormatThatHoldsWeightsCanBeAskedFor) {
  std::set<DType> bases;
  for (const FileType& type : all_file_types()) bases.insert(type.base);
  for (const DTypeInfo& info : all_dtypes()) {
    const bool activations_only = info.type == DType::q8_1 || info.type == DType::q8_k;
    const bool plain_number = info.name.starts_with("I") && info.block_values == 1;
    const bool wanted = !activations_only && !plain_number && info.type != DType::f64;
    EXPECT_EQ(bases.contains(info.type), wanted) << info.name;
  }
}

TEST(FileType, NamesAreFoundInAnyCaseAndUnknownOnesAreListed) {
  EXPECT_EQ((*find_file_type("Q4_K_M"))->number, 15u);
  const auto unknown = find_file_type("q4_k_x");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::usage);
  EXPECT_NE(unknown.error().message().find("'q4_k_x' is not a file type; choose one of f32, f16"),
            std::string::npos);
}

}  // namespace
}  // namespace kilter
