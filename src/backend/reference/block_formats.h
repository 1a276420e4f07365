// One function a type: the number that each value of one block stands for. The formats are stated in the .cc
// files as formulas in i, the index of a value in its block; decode_block.cc puts them in a table.
#pragma once

#include "backend/reference/block_reader.h"

namespace kilter::reference {

/// Writes the values of `block` to `out`, which has room for a block of the type.
using DecodeBlock = void (*)(const Block& block, double* out);

// decode_plain.cc
void decode_f32(const Block& block, double* out);
void decode_f16(const Block& block, double* out);
void decode_bf16(const Block& block, double* out);
void decode_f64(const Block& block, double* out);
void decode_i8(const Block& block, double* out);
void decode_i16(const Block& block, double* out);
void decode_i32(const Block& block, double* out);
void decode_i64(const Block& block, double* out);

// decode_small.cc
void decode_q1_0(const Block& block, double* out);
void decode_q2_0(const Block& block, double* out);
void decode_q4_0(const Block& block, double* out);
void decode_q4_1(const Block& block, double* out);
void decode_q5_0(const Block& block, double* out);
void decode_q5_1(const Block& block, double* out);
void decode_q8_0(const Block& block, double* out);
void decode_q8_1(const Block& block, double* out);
void decode_mxfp4(const Block& block, double* out);
void decode_nvfp4(const Block& block, double* out);

// decode_k.cc
void decode_q2_k(const Block& block, double* out);
void decode_q3_k(const Block& block, double* out);
void decode_q4_k(const Block& block, double* out);
void decode_q5_k(const Block& block, double* out);
void decode_q6_k(const Block& block, double* out);
void decode_q8_k(const Block& block, double* out);
void decode_tq1_0(const Block& block, double* out);
void decode_tq2_0(const Block& block, double* out);

// decode_iq.cc
void decode_iq1_s(const Block& block, double* out);
void decode_iq1_m(const Block& block, double* out);
void decode_iq2_xxs(const Block& block, double* out);
void decode_iq2_xs(const Block& block, double* out);
void decode_iq2_s(const Block& block, double* out);
void decode_iq3_xxs(const Block& block, double* out);
void decode_iq3_s(const Block& block, double* out);
void decode_iq4_nl(const Block& block, double* out);
void decode_iq4_xs(const Block& block, double* out);

}  // namespace kilter::reference
