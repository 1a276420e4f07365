// Numbers that lie in a file as they lay in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/dump/raw_dump.h"
#include "trace/element_type.h"

namespace kilter::analysis {

enum class Endian { little, big };

/// `bytes` (whole elements of `type`) as f32.
std::vector<float> numbers(ElementType type, Endian endian, std::span<const std::byte> bytes);
/// Integers of any width that fit 32 bits; nothing where one does not, or the type is no integer.
std::optional<std::vector<int32_t>> ids(ElementType type, Endian endian, std::span<const std::byte> bytes);
StoredAs stored_as(ElementType type);
bool is_integer(ElementType type);

/// Which part of a run a small array of a file describes, by its name.
enum class RunArray { none, tokens, passes, positions };
RunArray run_array(std::string_view name);
/// Puts such an array where it belongs; values and unreadable arrays are left alone.
/// True when it was taken.
bool take_run_array(std::string_view name, const std::optional<std::vector<int32_t>>& numbers, RawPass& pass);
/// "1, 450 2-4" as numbers: what metadata says of tokens, passes and positions. Nothing for other texts.
std::optional<std::vector<int32_t>> number_list(std::string_view text);
/// Tokens, passes and positions that metadata name.
void take_run_metadata(RawPass& pass);

}  // namespace kilter::analysis
