// The two things that ops work on: values (f32, made by the pass) and weights
// (read from the file, any format).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tensor/dtype.h"

namespace kilter {

/// Extents, slowest axis first, as numpy prints them: {T, H, Hd} is T tokens of H heads of Hd values.
/// GGUF writes the same extents the other way round (ne0 is the fastest axis).
struct Shape {
  static constexpr int kMaxRank = 4;
  std::array<int64_t, kMaxRank> extent{};
  int rank = 0;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) {
    for (int64_t e : extents) extent[static_cast<size_t>(rank++)] = e;
  }

  int64_t operator[](int axis) const { return extent[static_cast<size_t>(axis)]; }
  /// Number of elements; 1 for rank 0.
  int64_t elements() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= (*this)[i];
    return n;
  }
  bool operator==(const Shape&) const = default;
};

/// "[5, 9, 64]"
std::string to_string(const Shape& shape);

/// A value of the forward pass: f32, contiguous, last axis fastest. Does not own its memory, which is a
/// device's: only the backend that made it may read through `data`; everybody else asks Device::read_back.
/// `data` is null under an observer that computes nothing (ListingOps).
struct Tensor {
  float* data = nullptr;
  Shape shape;

  int64_t rows() const { return shape[0]; }
  /// Elements in one row, i.e. for one token: the product of all axes but the first.
  int64_t row_size() const { return shape.rank == 0 ? 0 : shape.elements() / (shape[0] == 0 ? 1 : shape[0]); }

  /// The same memory seen with other extents; `other` has the same number of elements.
  Tensor reshaped(Shape other) const { return {data, other}; }
};

/// A weight as it stands in the file: `rows` vectors of `cols` values, each row whole blocks of `type`.
/// For a matrix product y = W x: rows is n_out, cols is n_in (GGUF: ne0 = cols, ne1 = rows).
struct Weight {
  std::string name;  ///< GGUF's, e.g. "blk.3.attn_q.weight"; empty for an absent weight
  DType type = DType::f32;
  int64_t rows = 0;  ///< 1 for a vector
  int64_t cols = 0;
  std::span<const std::byte> bytes;  ///< host memory, little-endian, rows * row_bytes()

  bool present() const { return rows != 0; }
  int64_t row_bytes() const {
    const DTypeInfo& info = dtype_info(type);
    return cols / info.block_values * info.block_bytes;
  }
  std::span<const std::byte> row(int64_t r) const {
    const size_t n = static_cast<size_t>(row_bytes());
    return bytes.subspan(static_cast<size_t>(r) * n, n);
  }
};

}  // namespace kilter
