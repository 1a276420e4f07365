// What the readers of the formats hand over: names and numbers as the file has them, not yet understood.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analysis/dump/dump.h"
#include "kilter/result.h"

namespace kilter::analysis {

/// Elements in the order of RawValue::shape, the last axis fastest.
struct RawElements {
  std::vector<float> values;
  std::vector<int64_t> index;  ///< empty: all are there; else where each of `values` stands, ascending
};

/// A number printed over all elements of a value.
struct RawSum {
  double sum = 0;
  double quantum = 0;
};

/// How a shape is to be read that is the reverse of what is wanted.
enum class ReversedShape {
  label,       ///< GGML's order, fastest axis first: the memory is as wanted
  transposed,  ///< the axes really lie so
};

/// Where the elements of a small piece stand: in one row, side by side.
struct RowPiece {
  int64_t row = 0;    ///< of the file's tokens; of a weight
  int64_t first = 0;  ///< element of the row
};

/// One array of a file.
struct RawValue {
  std::string name;
  std::string op;                    ///< llama.cpp's texts: what made it, "MUL_MAT"
  std::vector<std::string> sources;  ///< and from what
  std::vector<int64_t> shape;        ///< slowest axis first; empty for a single number
  ReversedShape reversed = ReversedShape::label;
  StoredAs stored = StoredAs::f32;
  double quantum = 0;
  bool integers = false;
  bool partial = false;                      ///< some elements are missing
  std::optional<std::vector<int32_t>> rows;  ///< which of the file's tokens, where it says so
  std::optional<RowPiece> piece;             ///< the elements are part of one row, and `shape` counts them
  bool weight = false;                       ///< the file says that it is one
  std::vector<RawSum> sums;
  std::function<Result<RawElements>()> load;

  /// Product of the shape; the readers have proved that it fits 62 bits.
  int64_t elements() const {
    int64_t n = 1;
    for (const int64_t extent : shape) n *= extent;
    return n;
  }
};

/// What a file holds of one pass, or of several whose rows follow one another.
struct RawPass {
  std::string path;
  std::string producer;
  std::map<std::string, std::string> metadata;
  std::vector<int32_t> tokens;
  std::vector<int64_t> passes;     ///< tokens of each pass, where the file says so
  std::vector<int32_t> positions;  ///< of the rows, counted over the whole run; empty where not said
  int64_t n_tokens = 0;            ///< where known without their ids
  std::vector<RawValue> values;    ///< in the order of the file
  std::vector<Note> unmatched;     ///< parts of the file that cannot be read as numbers
  std::vector<Note> remarks;
};

/// Product of extents, or nothing when one is negative or the product is beyond 2^62.
std::optional<int64_t> checked_elements(const std::vector<int64_t>& shape);
/// "[5, 576]"
std::string shape_text(const std::vector<int64_t>& shape);

}  // namespace kilter::analysis
