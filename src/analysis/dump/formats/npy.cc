#include "analysis/dump/formats/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "analysis/dump/formats/formats.h"
#include "base/checked.h"
#include "base/utf8.h"

namespace kilter::analysis {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kPreamble = 8;  // the magic and two bytes of version
constexpr size_t kMostAxes = 32;

Error broken(std::string_view subject, std::string sentence) {
  return {ErrorCode::corrupt, std::string(subject), std::move(sentence),
          "the array is cut off, or was not written by numpy's format"};
}

// The text behind `'key':` in the header's dictionary.
std::optional<std::string_view> entry(std::string_view dictionary, std::string_view key) {
  const size_t at = dictionary.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  const size_t colon = dictionary.find(':', at + key.size());
  if (colon == std::string_view::npos) return std::nullopt;
  dictionary.remove_prefix(colon + 1);
  dictionary.remove_prefix(std::min(dictionary.find_first_not_of(' '), dictionary.size()));
  return dictionary;
}

struct TypeName {
  std::string_view code;
  ElementType type;
};

constexpr std::array kTypeNames = {
    TypeName{"b1", ElementType::boolean}, TypeName{"i1", ElementType::i8},
    TypeName{"i2", ElementType::i16},     TypeName{"i4", ElementType::i32},
    TypeName{"i8", ElementType::i64},     TypeName{"u1", ElementType::u8},
    TypeName{"u2", ElementType::u16},     TypeName{"u4", ElementType::u32},
    TypeName{"u8", ElementType::u64},     TypeName{"f2", ElementType::f16},
    TypeName{"f4", ElementType::f32},     TypeName{"f8", ElementType::f64},
    TypeName{"V2", ElementType::bf16},    TypeName{"bfloat16", ElementType::bf16},
};

Status read_type(std::string_view dictionary, std::string_view subject, NpyHeader& header) {
  const auto text = entry(dictionary, "'descr'");
  if (!text || text->size() < 2 || (*text)[0] != '\'') {
    return Error{ErrorCode::unsupported, std::string(subject), "has elements that are no plain numbers",
                 "store arrays of f16, f32, f64 or integers"};
  }
  std::string_view code = text->substr(1, text->find('\'', 1) - 1);
  const std::string_view told = code;
  if (!code.empty() && std::strchr("<>|=", code[0]) != nullptr) {
    header.endian = code[0] == '>' ? Endian::big : Endian::little;
    code.remove_prefix(1);
  }
  for (const TypeName& known : kTypeNames) {
    if (known.code != code) continue;
    header.type = known.type;
    return {};
  }
  return Error{ErrorCode::unsupported, std::string(subject), "has elements of numpy's type " + quoted(told),
               "store arrays of f16, f32, f64 or integers"};
}

Status read_shape(std::string_view dictionary, std::string_view subject, NpyHeader& header) {
  auto text = entry(dictionary, "'shape'");
  if (!text || text->empty() || (*text)[0] != '(') return broken(subject, "has no shape in its header");
  text->remove_prefix(1);
  const char* at = text->data();
  const char* const end = at + text->size();
  for (;;) {
    while (at != end && (*at == ' ' || *at == ',')) ++at;
    if (at != end && *at == ')') break;
    int64_t extent = 0;
    const auto [next, error] = std::from_chars(at, end, extent);
    if (error != std::errc() || extent < 0 || header.shape.size() == kMostAxes) {
      return broken(subject, "has a shape that is no list of counts");
    }
    header.shape.push_back(extent);
    at = next != end && *next == 'L' ? next + 1 : next;  // Python 2 wrote 5L
  }
  const auto elements = checked_elements(header.shape);
  const auto bytes = elements
                         ? checked_mul(static_cast<uint64_t>(*elements), element_type_info(header.type).bytes)
                         : std::nullopt;
  if (!bytes) return broken(subject, "has a shape of more elements than any file can hold");
  header.data_bytes = *bytes;
  return {};
}

}  // namespace

RawValue NpyHeader::value() const {
  RawValue value;
  value.shape = shape;
  if (fortran_order) {
    // The same bytes are an array of the reverse shape in C order, and what the axes are is known for sure.
    std::reverse(value.shape.begin(), value.shape.end());
    value.reversed = ReversedShape::transposed;
  }
  value.stored = stored_as(value_type());
  value.integers = is_integer(value_type());
  return value;
}

bool begins_as_npy(std::span<const std::byte> bytes) {
  return text_of(bytes).substr(0, kMagic.size()) == kMagic;
}

Result<NpyHeader> read_npy_header(std::span<const std::byte> bytes, std::string_view subject) {
  if (!begins_as_npy(bytes) || bytes.size() < kPreamble + 4) return broken(subject, "is no numpy array");
  const auto major = std::to_integer<int>(bytes[kMagic.size()]);
  const size_t length_bytes = major == 1 ? 2 : 4;
  uint32_t length = 0;
  std::memcpy(&length, bytes.data() + kPreamble, length_bytes);
  const size_t begin = kPreamble + length_bytes;
  if (length > bytes.size() - begin) return broken(subject, "has a header that does not end");
  const std::string_view dictionary = text_of(bytes.subspan(begin, length));
  NpyHeader header;
  header.data_offset = begin + length;
  const auto order = entry(dictionary, "'fortran_order'");
  header.fortran_order = order && order->substr(0, 4) == "True";
  KILTER_TRY(read_type(dictionary, subject, header));
  KILTER_TRY(read_shape(dictionary, subject, header));
  return header;
}

bool is_npy(std::span<const std::byte> file) { return begins_as_npy(file); }

Result<std::vector<RawPass>> read_npy(const SharedMap& map) {
  const auto bytes = map->bytes();
  KILTER_ASSIGN(const NpyHeader header, read_npy_header(bytes, map->path()));
  if (bytes.size() - header.data_offset < header.data_bytes) {
    return broken(map->path(), "has " + std::to_string(bytes.size() - header.data_offset) +
                                   " bytes of numbers, and its shape needs " +
                                   std::to_string(header.data_bytes));
  }
  const auto data = bytes.subspan(header.data_offset, header.data_bytes);
  RawPass pass;
  pass.path = map->path();
  pass.producer = "numpy";
  RawValue value = header.value();
  value.name = stem_of(map->path());
  if (take_run_array(value.name, ids(header.type, header.endian, data), pass)) return std::vector{pass};
  value.load = [map, header, data]() -> Result<RawElements> {
    return RawElements{numbers(header.value_type(), header.endian, data), {}};
  };
  pass.values.push_back(std::move(value));
  return std::vector{std::move(pass)};
}

}  // namespace kilter::analysis
