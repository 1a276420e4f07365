// numpy's format for one array.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "analysis/dump/formats/stored_values.h"

namespace kilter::analysis {

/// What stands before the numbers.
/// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1.0 to 3.0.
struct NpyHeader {
  ElementType type = ElementType::f32;
  Endian endian = Endian::little;
  bool fortran_order = false;
  std::vector<int64_t> shape;  ///< as numpy says it
  uint64_t data_offset = 0;    ///< from the first byte of the file
  uint64_t data_bytes = 0;

  /// numpy has no bf16: two bytes without a sign are its bits wherever no token ids are meant.
  ElementType value_type() const { return type == ElementType::u16 ? ElementType::bf16 : type; }
  /// Of which kind and shape the numbers are; the caller adds the name and load().
  RawValue value() const;
};

/// The longest header that is read; the format allows more, for structured types that hold no numbers of
/// ours.
constexpr size_t kLongestNpyHeader = 65536 + 12;

bool begins_as_npy(std::span<const std::byte> bytes);
/// Reads the header from the first bytes of a file (as many as there are, up to kLongestNpyHeader). The
/// element types: b1, i1 to i8, u1 to u8, f2, f4, f8, and two bytes without a type (V2), which is how numpy
/// stores bf16.
/// Errors: corrupt; unsupported for other element types. Both name `subject`.
Result<NpyHeader> read_npy_header(std::span<const std::byte> bytes, std::string_view subject);

}  // namespace kilter::analysis
