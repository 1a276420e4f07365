// How a single stored element is encoded: its size, name and number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kilter::quant {

enum class Encoding : uint8_t { u8, i8, u16, i16, u32, i32, i64, f16, bf16, f32, f64, e8m0, ue4m3 };

/// Bytes of one element.
size_t encoding_bytes(Encoding encoding);

/// The encoding's name, as reports print it: "f16", "u8".
std::string_view encoding_name(Encoding encoding);

/// The number an element means, exact but for I64 beyond 2^53. `bytes` are encoding_bytes(encoding) bytes,
/// little-endian, of any alignment.
double encoded_number(Encoding encoding, const std::byte* bytes);

}  // namespace kilter::quant
