#include "backend/reference/decode_block.h"

#include <algorithm>
#include <array>

#include "backend/reference/block_formats.h"

namespace kilter::reference {
namespace {

struct Format {
  DType type;
  DecodeBlock decode;
};

constexpr std::array kFormats = {
    Format{DType::f32, decode_f32},         Format{DType::f16, decode_f16},
    Format{DType::bf16, decode_bf16},       Format{DType::f64, decode_f64},
    Format{DType::i8, decode_i8},           Format{DType::i16, decode_i16},
    Format{DType::i32, decode_i32},         Format{DType::i64, decode_i64},
    Format{DType::q1_0, decode_q1_0},       Format{DType::q2_0, decode_q2_0},
    Format{DType::q4_0, decode_q4_0},       Format{DType::q4_1, decode_q4_1},
    Format{DType::q5_0, decode_q5_0},       Format{DType::q5_1, decode_q5_1},
    Format{DType::q8_0, decode_q8_0},       Format{DType::q8_1, decode_q8_1},
    Format{DType::mxfp4, decode_mxfp4},     Format{DType::nvfp4, decode_nvfp4},
    Format{DType::q2_k, decode_q2_k},       Format{DType::q3_k, decode_q3_k},
    Format{DType::q4_k, decode_q4_k},       Format{DType::q5_k, decode_q5_k},
    Format{DType::q6_k, decode_q6_k},       Format{DType::q8_k, decode_q8_k},
    Format{DType::tq1_0, decode_tq1_0},     Format{DType::tq2_0, decode_tq2_0},
    Format{DType::iq1_s, decode_iq1_s},     Format{DType::iq1_m, decode_iq1_m},
    Format{DType::iq2_xxs, decode_iq2_xxs}, Format{DType::iq2_xs, decode_iq2_xs},
    Format{DType::iq2_s, decode_iq2_s},     Format{DType::iq3_xxs, decode_iq3_xxs},
    Format{DType::iq3_s, decode_iq3_s},     Format{DType::iq4_nl, decode_iq4_nl},
    Format{DType::iq4_xs, decode_iq4_xs},
};

}  // namespace

void decode_row(const Weight& w, int64_t row, std::span<double> out) {
  const DecodeBlock decode = std::find_if(kFormats.begin(), kFormats.end(), [&](const Format& f) {
                               return f.type == w.type;
                             })->decode;
  const DTypeInfo& info = dtype_info(w.type);
  const std::byte* bytes = w.row(row).data();
  for (size_t i = 0; i < out.size(); i += info.block_values) {
    decode(Block(bytes), out.data() + i);
    bytes += info.block_bytes;
  }
}

}  // namespace kilter::reference
