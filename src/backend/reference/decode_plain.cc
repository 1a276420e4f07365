// Types whose block is one number.
#include "backend/reference/block_formats.h"

namespace kilter::reference {

void decode_f32(const Block& block, double* out) { out[0] = std::bit_cast<float>(block.u32(0)); }

void decode_f16(const Block& block, double* out) { out[0] = block.f16(0); }

// The upper half of an f32.
void decode_bf16(const Block& block, double* out) { out[0] = ieee_number(block.u16(0), 8, 7); }

void decode_f64(const Block& block, double* out) { out[0] = std::bit_cast<double>(block.u64(0)); }

void decode_i8(const Block& block, double* out) { out[0] = block.i8(0); }

void decode_i16(const Block& block, double* out) { out[0] = static_cast<int16_t>(block.u16(0)); }

void decode_i32(const Block& block, double* out) { out[0] = static_cast<int32_t>(block.u32(0)); }

// The one type whose numbers f64 cannot always hold: beyond 2^53 they round to nearest even.
void decode_i64(const Block& block, double* out) {
  out[0] = static_cast<double>(static_cast<int64_t>(block.u64(0)));
}

}  // namespace kilter::reference
