// Block formats of GGUF: bytes to numbers, exactly, and numbers to bytes as ggml's reference encoder does it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kilter/result.h"
#include "tensor/dtype.h"

namespace kilter::quant {

/// Decodes whole blocks.
///   values[i] is the number that the format defines for element i, 0 ULP from the definition.
/// Shapes   bytes: n blocks of `type`;  values: n * block_values, f32.
/// Rounding none for types whose numbers fit f32 (all but F64, I32, I64, which round once to nearest even).
/// Errors   usage, when the sizes do not belong together.
/// Source   the block structs of ggml-common.h and the dequantize functions of gguf-py.
Status decode(DType type, std::span<const std::byte> bytes, std::span<float> values);

/// Whether encode() knows `type`: F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0.
bool can_encode(DType type);

/// Encodes whole blocks to the bits that ggml's reference encoder gives.
/// Shapes   values: n * block_values;  bytes: n * block_bytes.
/// Errors   unsupported for a type that can_encode() denies; usage when the sizes do not belong together.
Status encode(DType type, std::span<const float> values, std::span<std::byte> bytes);

/// Reverses the byte order of every multi-byte field of whole blocks, in place: big-endian files to little and back.
/// Errors   usage, when the size is not whole blocks.
Status swap_byte_order(DType type, std::span<std::byte> bytes);

}  // namespace kilter::quant
