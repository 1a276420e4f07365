#include "model/random/file_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/letters.h"

namespace kilter {
namespace {

// Numbers: enum llama_ftype of llama.h, which is what general.file_type holds.
constexpr std::array kFileTypes = {
    FileType{"f32", 0, DType::f32},          FileType{"f16", 1, DType::f16},
    FileType{"bf16", 32, DType::bf16},       FileType{"q4_0", 2, DType::q4_0},
    FileType{"q4_1", 3, DType::q4_1},        FileType{"q5_0", 8, DType::q5_0},
    FileType{"q5_1", 9, DType::q5_1},        FileType{"q8_0", 7, DType::q8_0},
    FileType{"q2_k", 10, DType::q2_k},       FileType{"q2_k_s", 21, DType::q2_k},
    FileType{"q3_k_s", 11, DType::q3_k},     FileType{"q3_k_m", 12, DType::q3_k},
    FileType{"q3_k_l", 13, DType::q3_k},     FileType{"q4_k_s", 14, DType::q4_k},
    FileType{"q4_k_m", 15, DType::q4_k},     FileType{"q5_k_s", 16, DType::q5_k},
    FileType{"q5_k_m", 17, DType::q5_k},     FileType{"q6_k", 18, DType::q6_k},
    FileType{"iq1_s", 24, DType::iq1_s},     FileType{"iq1_m", 31, DType::iq1_m},
    FileType{"iq2_xxs", 19, DType::iq2_xxs}, FileType{"iq2_xs", 20, DType::iq2_xs},
    FileType{"iq2_s", 28, DType::iq2_xs},    FileType{"iq2_m", 29, DType::iq2_s},
    FileType{"iq3_xxs", 23, DType::iq3_xxs}, FileType{"iq3_xs", 22, DType::iq3_s},
    FileType{"iq3_s", 26, DType::iq3_s},     FileType{"iq3_m", 27, DType::iq3_s},
    FileType{"iq4_nl", 25, DType::iq4_nl},   FileType{"iq4_xs", 30, DType::iq4_xs},
    FileType{"tq1_0", 36, DType::tq1_0},     FileType{"tq2_0", 37, DType::tq2_0},
    FileType{"mxfp4", 38, DType::mxfp4},     FileType{"nvfp4", 39, DType::nvfp4},
    FileType{"q1_0", 40, DType::q1_0},       FileType{"q2_0", 41, DType::q2_0},
};

// Which layers a rule speaks of.
enum class Layers {
  all,
  all_if_grouped,  // where four or more query heads share a key head
  first_two,
  first_four,
  first_sixteenth,
  first_eighth,
  middle,     // neither the first nor the last eighth
  more_bits,  // the first and the last eighth, and every third between
};

struct Rule {
  std::string_view file_type;
  Role role;
  Layers layers;
  DType type;
};

// The first rule that fits decides. Where none fits: Q6_K for the output, the base type for the rest.
constexpr std::array kRules = {
    Rule{"q2_k", Role::attn_v, Layers::all_if_grouped, DType::q4_k},
    Rule{"q2_k", Role::attn_v, Layers::all, DType::q3_k},
    Rule{"q2_k", Role::attn_output, Layers::all, DType::q3_k},
    Rule{"q2_k", Role::ffn_down, Layers::all, DType::q3_k},

    Rule{"q2_k_s", Role::attn_v, Layers::all_if_grouped, DType::q4_k},
    Rule{"q2_k_s", Role::ffn_down, Layers::first_eighth, DType::q4_k},

    Rule{"q3_k_m", Role::attn_v, Layers::first_two, DType::q5_k},
    Rule{"q3_k_m", Role::attn_v, Layers::all, DType::q4_k},
    Rule{"q3_k_m", Role::attn_output, Layers::all, DType::q4_k},
    Rule{"q3_k_m", Role::ffn_down, Layers::first_sixteenth, DType::q5_k},
    Rule{"q3_k_m", Role::ffn_down, Layers::all, DType::q4_k},

    Rule{"q3_k_l", Role::attn_v, Layers::all, DType::q5_k},
    Rule{"q3_k_l", Role::attn_output, Layers::all, DType::q5_k},
    Rule{"q3_k_l", Role::ffn_down, Layers::all, DType::q5_k},

    Rule{"q4_k_s", Role::attn_v, Layers::first_four, DType::q5_k},
    Rule{"q4_k_s", Role::ffn_down, Layers::first_eighth, DType::q5_k},

    Rule{"q4_k_m", Role::attn_v, Layers::more_bits, DType::q6_k},
    Rule{"q4_k_m", Role::ffn_down, Layers::more_bits, DType::q6_k},

    Rule{"q5_k_m", Role::attn_v, Layers::more_bits, DType::q6_k},
    Rule{"q5_k_m", Role::ffn_down, Layers::more_bits, DType::q6_k},

    Rule{"iq1_s", Role::token_embd, Layers::all, DType::q2_k},
    Rule{"iq1_s", Role::output, Layers::all, DType::q5_k},
    Rule{"iq1_s", Role::attn_v, Layers::all_if_grouped, DType::q4_k},
    Rule{"iq1_s", Role::attn_v, Layers::all, DType::q2_k},
    Rule{"iq1_s", Role::attn_output, Layers::all, DType::iq2_xxs},
    Rule{"iq1_s", Role::ffn_down, Layers::first_eighth, DType::q2_k},

    Rule{"iq1_m", Role::token_embd, Layers::all, DType::q2_k},
    Rule{"iq1_m", Role::output, Layers::all, DType::q5_k},
    Rule{"iq1_m", Role::attn_v, Layers::all_if_grouped, DType::q4_k},
    Rule{"iq1_m", Role::attn_v, Layers::all, DType::q2_k},
    Rule{"iq1_m", Role::attn_output, Layers::all, DType::iq2_xxs},
    Rule{"iq1_m", Role::ffn_down, Layers::first_eighth, DType::q2_k},

    Rule{"iq2_xxs", Role::token_embd, Layers::all, DType::q2_k},
    Rule{"iq2_xxs", Role::output, Layers::all, DType::q5_k},
    Rule{"iq2_xxs", Role::attn_v, Layers::all_if_grouped, DType::q4_k},
    Rule{"iq2_xxs", Role::attn_v, Layers::all, DType::q2_k},
    Rule{"iq2_xxs", Role::ffn_down, Layers::first_eighth, DType::q2_k},

    Rule{"iq2_xs", Role::token_embd, Layers::all, DType::q2_k},
    Rule{"iq2_xs", Role::output, Layers::all, DType::q5_k},
    Rule{"iq2_xs", Role::attn_v, Layers::all_if_grouped, DType::q4_k},
    Rule{"iq2_xs", Role::attn_v, Layers::all, DType::q2_k},
    Rule{"iq2_xs", Role::ffn_down, Layers::first_eighth, DType::q2_k},

    Rule{"iq2_s", Role::token_embd, Layers::all, DType::iq3_s},
    Rule{"iq2_s", Role::output, Layers::all, DType::q5_k},
    Rule{"iq2_s", Role::attn_v, Layers::all_if_grouped, DType::q4_k},
    Rule{"iq2_s", Role::attn_v, Layers::all, DType::iq3_s},
    Rule{"iq2_s", Role::attn_output, Layers::all, DType::iq3_s},
    Rule{"iq2_s", Role::ffn_down, Layers::first_eighth, DType::iq3_s},

    Rule{"iq2_m", Role::token_embd, Layers::all, DType::iq3_s},
    Rule{"iq2_m", Role::output, Layers::all, DType::q5_k},
    Rule{"iq2_m", Role::attn_v, Layers::all_if_grouped, DType::q4_k},
    Rule{"iq2_m", Role::attn_v, Layers::all, DType::iq3_s},
    Rule{"iq2_m", Role::attn_output, Layers::all, DType::iq3_s},
    Rule{"iq2_m", Role::ffn_down, Layers::first_eighth, DType::iq3_s},

    Rule{"iq3_xxs", Role::token_embd, Layers::all, DType::iq3_s},
    Rule{"iq3_xxs", Role::output, Layers::all, DType::q5_k},
    Rule{"iq3_xxs", Role::attn_q, Layers::all, DType::iq2_s},
    Rule{"iq3_xxs", Role::attn_k, Layers::all, DType::iq2_s},
    Rule{"iq3_xxs", Role::attn_v, Layers::all_if_grouped, DType::q4_k},
    Rule{"iq3_xxs", Role::attn_v, Layers::all, DType::iq3_s},
    Rule{"iq3_xxs", Role::attn_output, Layers::all, DType::iq3_s},
    Rule{"iq3_xxs", Role::ffn_down, Layers::first_eighth, DType::q4_k},
    Rule{"iq3_xxs", Role::ffn_down, Layers::all, DType::q3_k},

    Rule{"iq3_xs", Role::attn_q, Layers::all, DType::iq3_xxs},
    Rule{"iq3_xs", Role::attn_k, Layers::all, DType::iq3_xxs},
    Rule{"iq3_xs", Role::attn_v, Layers::all_if_grouped, DType::q4_k},
    Rule{"iq3_xs", Role::ffn_gate, Layers::middle, DType::iq3_xxs},
    Rule{"iq3_xs", Role::ffn_up, Layers::middle, DType::iq3_xxs},

    Rule{"iq3_s", Role::attn_v, Layers::all_if_grouped, DType::q4_k},

    Rule{"iq3_m", Role::attn_v, Layers::all, DType::q4_k},
    Rule{"iq3_m", Role::attn_output, Layers::all, DType::q4_k},
    Rule{"iq3_m", Role::ffn_down, Layers::first_eighth, DType::q4_k},

    Rule{"iq4_nl", Role::attn_v, Layers::all_if_grouped, DType::q5_k},
    Rule{"iq4_nl", Role::ffn_down, Layers::first_eighth, DType::q5_k},

    Rule{"iq4_xs", Role::attn_v, Layers::all_if_grouped, DType::q5_k},
    Rule{"iq4_xs", Role::ffn_down, Layers::first_eighth, DType::q5_k},

    Rule{"q8_0", Role::output, Layers::all, DType::q8_0},
    Rule{"tq1_0", Role::token_embd, Layers::all, DType::q4_k},
    Rule{"tq2_0", Role::token_embd, Layers::all, DType::q4_k},
    Rule{"q2_0", Role::token_embd, Layers::all, DType::q4_k},

    Rule{"mxfp4", Role::token_embd, Layers::all, DType::q8_0},
    Rule{"mxfp4", Role::output, Layers::all, DType::q8_0},
    Rule{"nvfp4", Role::token_embd, Layers::all, DType::q8_0},
    Rule{"nvfp4", Role::output, Layers::all, DType::q8_0},
};

// What to use for rows that are not whole blocks.
struct Fallback {
  DType type;
  DType instead;
};
constexpr std::array kFallbacks = {
    Fallback{DType::iq1_s, DType::iq4_nl},   Fallback{DType::iq1_m, DType::iq4_nl},
    Fallback{DType::iq2_xxs, DType::iq4_nl}, Fallback{DType::iq2_xs, DType::iq4_nl},
    Fallback{DType::iq2_s, DType::iq4_nl},   Fallback{DType::iq3_xxs, DType::iq4_nl},
    Fallback{DType::iq3_s, DType::iq4_nl},   Fallback{DType::iq4_xs, DType::iq4_nl},
    Fallback{DType::q2_0, DType::q4_0},      Fallback{DType::q2_k, DType::q4_0},
    Fallback{DType::q3_k, DType::q4_0},      Fallback{DType::tq1_0, DType::q4_0},
    Fallback{DType::tq2_0, DType::q4_0},     Fallback{DType::q4_k, DType::q5_0},
    Fallback{DType::q5_k, DType::q5_1},      Fallback{DType::q6_k, DType::q8_0},
    Fallback{DType::q1_0, DType::q4_0},      Fallback{DType::nvfp4, DType::mxfp4},
};

bool applies(Layers layers, const MatrixPlace& p) {
  const int64_t eighth = p.n_layer / 8;
  const int64_t last_eighth = 7 * p.n_layer / 8;
  switch (layers) {
    case Layers::all:
      return true;
    case Layers::all_if_grouped:
      return p.heads_per_kv >= 4;
    case Layers::first_two:
      return p.layer < 2;
    case Layers::first_four:
      return p.layer < 4;
    case Layers::first_sixteenth:
      return p.layer < p.n_layer / 16;
    case Layers::first_eighth:
      return p.layer < eighth;
    case Layers::middle:
      return p.layer >= eighth && p.layer < last_eighth;
    case Layers::more_bits:
      return p.layer < eighth || p.layer >= last_eighth || (p.layer - eighth) % 3 == 2;
  }
  return false;
}

bool fits(DType type, int64_t n_cols) { return n_cols % dtype_info(type).block_values == 0; }

// The type that the mixture wants, before the length of the row is looked at.
DType wanted_type(const FileType& file_type, const MatrixPlace& place) {
  if (place.role == Role::output && !fits(file_type.base, place.n_cols)) return DType::q8_0;
  for (const Rule& rule : kRules) {
    if (rule.file_type == file_type.name && rule.role == place.role && applies(rule.layers, place))
      return rule.type;
  }
  return place.role == Role::output ? DType::q6_k : file_type.base;
}

}  // namespace

std::span<const FileType> all_file_types() { return kFileTypes; }

Result<const FileType*> find_file_type(std::string_view name) {
  std::string known;
  for (const FileType& type : kFileTypes) {
    if (same_letters(type.name, name)) return &type;
    if (!known.empty()) known += ", ";
    known += type.name;
  }
  return Error{ErrorCode::usage, "--type", fmt::format("'{}' is not a file type", name),
               "choose one of " + known};
}

DType matrix_type(const FileType& file_type, Mixture mixture, const MatrixPlace& place) {
  const bool quantised = dtype_info(file_type.base).block_values > 1;
  if (!quantised) return file_type.base;
  DType type = mixture == Mixture::pure ? file_type.base : wanted_type(file_type, place);
  if (fits(type, place.n_cols)) return type;
  const auto* fallback =
      std::find_if(kFallbacks.begin(), kFallbacks.end(), [&](const Fallback& f) { return f.type == type; });
  if (fallback != kFallbacks.end()) type = fallback->instead;
  return fits(type, place.n_cols) ? type : DType::f16;
}

}  // namespace kilter
