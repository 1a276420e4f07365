// The lines of llama.cpp's eval-callback and llama-debug, one by one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/dump/raw_dump.h"

namespace kilter::analysis {

/// `<prefix>: <name> = (<type>) <op>(<source>{<ne>}, <source>{<ne>}}) = {<ne>}`. Prefixes of the years:
/// ggml_debug, common_debug_cb_eval. The Python scripts beside llama-debug write
/// `ggml_debug: <name> = (f32)  ... = {torch.Size([1, 5, 576])}`, without op and sources.
struct EvalHeader {
  std::string name;
  std::string type;  ///< "f32"
  std::string op;    ///< "MUL_MAT"; empty in the scripts' lines
  std::vector<std::string> sources;
  std::vector<std::vector<int64_t>> source_ne;
  std::vector<int64_t> shape;  ///< slowest axis first
};

/// The line without colours.
std::string plain_line(std::string_view line);
/// Nothing when the line is no header.
std::optional<EvalHeader> parse_eval_header(std::string_view line);

/// The printed part of one value: nested lists where `...` stands for what is left out.
class EvalBlock {
 public:
  /// Takes a line; false when it does not belong to a block.
  bool take(std::string_view line);

  /// Elements with their places in an array of that shape; the numbers' unit and the sum. Nothing where the
  /// lists do not fit the shape.
  struct Numbers {
    RawElements elements;
    double quantum = 0;
    std::optional<RawSum> sum;
  };
  std::optional<Numbers> numbers(const std::vector<int64_t>& shape) const;
  bool empty() const { return root_.items.empty(); }
  /// Whether nothing need follow: all lists are closed, and the sum was seen.
  bool is_closed() const { return depth_ == 0 && !empty() && sum_.has_value(); }

 private:
  struct Item {
    std::vector<Item> items;  // of a list
    size_t first = 0;         // of a number: where it begins
    size_t length = 0;
    std::optional<size_t> gap;  // how many items stand before the dots
  };
  bool take_sum(std::string_view line);
  Item* open_list();

  std::string text_;  // all numbers, one behind the other
  Item root_;
  size_t depth_ = 0;
  bool broken_ = false;
  std::optional<RawSum> sum_;

  friend class EvalPlacer;
};

}  // namespace kilter::analysis
