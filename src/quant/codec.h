// Block formats of GGUF: bytes to numbers, exactly, and numbers to bytes as ggml's reference encoder does it.
#pragma once

#include <cstddef>
#include <span>

#include "kilter/result.h"
#include "tensor/dtype.h"

namespace kilter::quant {

/// Decodes whole blocks.
///   values[i] is the number that the format defines for element i, 0 ULP from the definition.
/// Shapes   bytes: n blocks of `type`;  values: n * block_values, f32.
/// Rounding at most once, to nearest even: the sum of types with a minimum, the product of Q8_K, and the
///          F64, I32 and I64 that f32 cannot hold. All other values are exact.
/// NaN      F32 and BF16 keep its bits, F16 its sign and payload; of a computed NaN neither is defined.
/// Errors   usage, when the sizes do not belong together.
/// Source   the block structs of ggml-common.h and the dequantize functions of gguf-py.
Status decode(DType type, std::span<const std::byte> bytes, std::span<float> values);

/// Whether encode() knows `type`: F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0.
bool can_encode(DType type);

/// Encodes whole blocks to the bits that ggml's reference encoder gives on x86-64. There, and so here, a code
/// that comes out as NaN or infinity (infinite elements, or a block so small that 1/scale overflows) is 0.
/// Shapes   values: n * block_values;  bytes: n * block_bytes.
/// Errors   unsupported for a type that can_encode() denies; usage when the sizes do not belong together.
Status encode(DType type, std::span<const float> values, std::span<std::byte> bytes);

/// Reverses the byte order of every multi-byte element of whole blocks, in place: big-endian files to little
/// and back. Elements are those of the type's fields (format.h): the packed words of Q5_0, Q5_1, IQ2_XXS and
/// IQ3_XXS are u32, the units in which an encoder writes them.
/// Errors   usage, when the size is not whole blocks.
Status swap_byte_order(DType type, std::span<std::byte> bytes);

}  // namespace kilter::quant
