#include "quant/encoding.h"

#include <array>
#include <cstring>

#include "quant/half.h"
#include "quant/tiny_floats.h"

namespace kilter::quant {
namespace {

double twice_half_of_e8m0(uint8_t bits) { return 2.0 * static_cast<double>(half_of_e8m0(bits)); }

template <typename Stored>
double unchanged(Stored x) {
  return static_cast<double>(x);
}

template <typename Stored, auto to_number>
double read_number(const std::byte* bytes) {
  Stored element;
  std::memcpy(&element, bytes, sizeof(Stored));
  return static_cast<double>(to_number(element));
}

struct EncodingInfo {
  std::string_view name;
  size_t bytes;
  double (*number)(const std::byte*);
};

template <typename Stored, auto to_number = unchanged<Stored>>
constexpr EncodingInfo info(std::string_view name) {
  return {name, sizeof(Stored), read_number<Stored, to_number>};
}

/// In the order of the enumerators.
constexpr std::array kEncodings = {
    info<uint8_t>("u8"),
    info<int8_t>("i8"),
    info<uint16_t>("u16"),
    info<int16_t>("i16"),
    info<uint32_t>("u32"),
    info<int32_t>("i32"),
    info<int64_t>("i64"),
    info<uint16_t, f16_to_f32>("f16"),
    info<uint16_t, bf16_to_f32>("bf16"),
    info<float>("f32"),
    info<double>("f64"),
    info<uint8_t, twice_half_of_e8m0>("e8m0"),
    info<uint8_t, ue4m3_to_f32>("ue4m3"),
};
static_assert(kEncodings.size() == static_cast<size_t>(Encoding::ue4m3) + 1);

const EncodingInfo& info_of(Encoding encoding) { return kEncodings[static_cast<size_t>(encoding)]; }

}  // namespace

size_t encoding_bytes(Encoding encoding) { return info_of(encoding).bytes; }

std::string_view encoding_name(Encoding encoding) { return info_of(encoding).name; }

double encoded_number(Encoding encoding, const std::byte* bytes) { return info_of(encoding).number(bytes); }

}  // namespace kilter::quant
