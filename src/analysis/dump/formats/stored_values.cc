#include "analysis/dump/formats/stored_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace kilter::analysis {
namespace {

constexpr size_t kMostListed = size_t{1} << 24;  // no context is longer

std::vector<std::byte> swapped(std::span<const std::byte> bytes, size_t width) {
  std::vector<std::byte> out(bytes.begin(), bytes.end());
  for (size_t i = 0; i + width <= out.size(); i += width) {
    std::reverse(out.begin() + static_cast<ptrdiff_t>(i), out.begin() + static_cast<ptrdiff_t>(i + width));
  }
  return out;
}

template <typename Stored>
std::optional<std::vector<int32_t>> narrow(std::span<const std::byte> bytes) {
  std::vector<int32_t> out(bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < out.size(); ++i) {
    Stored number;
    std::memcpy(&number, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    if (!std::in_range<int32_t>(number)) return std::nullopt;
    out[i] = static_cast<int32_t>(number);
  }
  return out;
}

struct ArrayName {
  std::string_view name;
  RunArray array;
};

constexpr std::array kArrayNames = {
    ArrayName{"token_ids", RunArray::tokens},
    ArrayName{"input_ids", RunArray::tokens},
    ArrayName{"tokens", RunArray::tokens},
    ArrayName{"inp_tokens", RunArray::tokens},
    ArrayName{"ids", RunArray::tokens},
    ArrayName{"prompt_tokens", RunArray::tokens},
    ArrayName{"passes", RunArray::passes},
    ArrayName{"positions", RunArray::positions},
    ArrayName{"position_ids", RunArray::positions},
    ArrayName{"inp_pos", RunArray::positions},
};

}  // namespace

std::vector<float> numbers(ElementType type, Endian endian, std::span<const std::byte> bytes) {
  const size_t width = element_type_info(type).bytes;
  std::vector<float> out(bytes.size() / width);
  if (endian == Endian::big && width > 1) {
    to_f32(type, swapped(bytes, width), out);
  } else {
    to_f32(type, bytes, out);
  }
  return out;
}

std::optional<std::vector<int32_t>> ids(ElementType type, Endian endian, std::span<const std::byte> bytes) {
  const size_t width = element_type_info(type).bytes;
  if (!is_integer(type) || bytes.size() / width > kMostListed) return std::nullopt;
  std::vector<std::byte> little;
  if (endian == Endian::big) {
    little = swapped(bytes, width);
    bytes = little;
  }
  switch (type) {
    case ElementType::u8:
      return narrow<uint8_t>(bytes);
    case ElementType::i8:
      return narrow<int8_t>(bytes);
    case ElementType::u16:
      return narrow<uint16_t>(bytes);
    case ElementType::i16:
      return narrow<int16_t>(bytes);
    case ElementType::u32:
      return narrow<uint32_t>(bytes);
    case ElementType::i32:
      return narrow<int32_t>(bytes);
    case ElementType::u64:
      return narrow<uint64_t>(bytes);
    default:
      return narrow<int64_t>(bytes);
  }
}

StoredAs stored_as(ElementType type) {
  if (type == ElementType::f16) return StoredAs::f16;
  return type == ElementType::bf16 ? StoredAs::bf16 : StoredAs::f32;
}

bool is_integer(ElementType type) { return type > ElementType::boolean && type < ElementType::f16; }

RunArray run_array(std::string_view name) {
  for (const ArrayName& known : kArrayNames) {
    if (known.name == name) return known.array;
  }
  return RunArray::none;
}

bool take_run_array(std::string_view name, const std::optional<std::vector<int32_t>>& numbers,
                    RawPass& pass) {
  const RunArray array = run_array(name);
  if (array == RunArray::none || !numbers) return false;
  if (array == RunArray::tokens) pass.tokens = *numbers;
  if (array == RunArray::passes) pass.passes.assign(numbers->begin(), numbers->end());
  if (array == RunArray::positions) pass.positions = *numbers;
  return true;
}

std::optional<std::vector<int32_t>> number_list(std::string_view text) {
  std::vector<int32_t> out;
  const char* at = text.data();
  const char* const end = at + text.size();
  bool range = false;
  while (at != end) {
    if (std::strchr(" \t\n,;[](){}", *at) != nullptr && *at != '\0') {
      ++at;
      continue;
    }
    int32_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return std::nullopt;
    const int64_t first = range && !out.empty() ? int64_t{out.back()} + 1 : number;
    if (range && (number < first || static_cast<size_t>(number - first) > kMostListed)) return std::nullopt;
    for (int64_t n = first; n <= number; ++n) out.push_back(static_cast<int32_t>(n));
    if (out.size() > kMostListed) return std::nullopt;
    at = next;
    range = at != end && *at == '-' && at + 1 != end && at[1] >= '0' && at[1] <= '9';
    if (range) ++at;
  }
  return out;
}

void take_run_metadata(RawPass& pass) {
  for (const auto& [key, text] : pass.metadata) {
    if (run_array(key) != RunArray::none) take_run_array(key, number_list(text), pass);
  }
}

}  // namespace kilter::analysis
