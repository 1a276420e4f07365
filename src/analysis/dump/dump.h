// What somebody else's engine computed, as far as it was written down, in kilter's names and layout.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kilter/result.h"
#include "ops/graph.h"

namespace kilter::analysis {

/// Elements of one value. `values` has rows.size() * row_size numbers, row after row; where `known` is not
/// empty it says of each whether the dump has it (an element that it lacks is 0).
struct Elements {
  std::vector<float> values;
  std::vector<uint8_t> known;  ///< empty: all of them

  bool complete() const { return known.empty(); }
};

/// In which type the numbers were kept before they were written down, as far as the dump tells.
enum class StoredAs { f32, f16, bf16, text };

/// A number that the other engine printed over all elements of a value, e.g. the `sum` of llama.cpp's
/// eval-callback: a checksum of what was left out.
struct Checksum {
  double sum = 0;
  int64_t first_row = 0;  ///< of Observed::rows
  int64_t rows = 0;
  double quantum = 0;  ///< the printed number is a multiple of this, rounded
};

/// One value of the pass as the other engine has it.
struct Observed {
  At at;
  std::vector<int32_t> rows;  ///< which rows of all tokens of the run, ascending; usually all
  std::vector<int64_t>
      shape;  ///< of one row, slowest axis first: {H, Hk}; the last axis of scores and softmax is
              ///< as long as the run has tokens (-infinity, or 0, where a row may not see)
  StoredAs stored = StoredAs::f32;
  double quantum = 0;  ///< the numbers are multiples of this, rounded from others: printed decimals. Else 0
  bool complete = false;  ///< every element of every row of `rows` is known
  std::string source;     ///< what the dump calls it: "Qcur-0 (ROPE)"
  std::string match;      ///< how it was recognised: "llama.cpp's name", "the only [5, 576] after attn_norm"
  std::vector<Checksum> checksums;
  /// Reads the elements; called whenever they are wanted, so that large files need not be held in memory.
  std::function<Result<Elements>()> load;

  int64_t row_size() const {
    int64_t n = 1;
    for (const int64_t extent : shape) n *= extent;
    return n;
  }
};

/// Rows of a weight as the other engine decoded them.
struct ObservedWeight {
  std::string tensor;  ///< GGUF's name: "blk.0.attn_q.weight"
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t cols = 0;
  double quantum = 0;
  std::string source;
  std::function<Result<Elements>()> load;  ///< [rows, cols]
};

/// One thing of a dump that was not used, and why; or how something was understood.
struct Note {
  std::string subject;   ///< the dump's own name
  std::string sentence;  ///< "has 3 axes, and no value of this model is [5, 7, 2]"
};

/// A whole dump: one run of one sequence of tokens, in one or several passes.
struct Dump {
  std::string path;             ///< of its first file
  std::string producer;         ///< "llama.cpp eval-callback", "safetensors", "kilter 0.4"
  std::vector<int32_t> tokens;  ///< of the whole run; position t is token t. Empty: the dump does not say
  std::vector<int64_t>
      passes;  ///< tokens of each pass, e.g. {5, 1}: a prompt and one decode step. Sums to tokens
  std::map<At, Observed, AtOrder> values;
  std::vector<ObservedWeight> weights;
  std::map<std::string, std::string> metadata;  ///< strings of the file: model_sha256, hyper-parameters ...
  std::vector<Note> unmatched;                  ///< values that nothing was found for
  std::vector<Note> remarks;
};

}  // namespace kilter::analysis
