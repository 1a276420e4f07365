// Loops that end too early: zeros where numbers should be.
#include <algorithm>

#include "analysis/bugs/weights/bits.h"
#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {
namespace {

// Within each block only the elements for which `written` holds are not 0.
Reading written_in_block(size_t block_values, std::string detail, std::function<bool(size_t i)> written) {
  return by_values(std::move(detail), [=, written = std::move(written)](std::span<float> row) {
    for (size_t i = 0; i < row.size(); ++i) {
      if (!written(i % block_values)) row[i] = 0;
    }
  });
}

// Of the whole tensor only the first `count` elements are not 0.
Reading first_elements(std::string detail, int64_t count) {
  const auto decode_row = [count](const Weight& w, int64_t row, std::span<float> out) -> Status {
    KILTER_TRY(decode_right(w, row, out));
    const int64_t left = std::clamp<int64_t>(count - row * w.cols, 0, w.cols);
    std::fill(out.begin() + left, out.end(), 0.0F);
    return {};
  };
  return {.detail = std::move(detail),
          .decode_row = decode_row,
          .decode_all = {},
          .fitted = 0,
          .of_numbers = true};
}

std::vector<Reading> partial_blocks(const Weight& w, const ReplayModel&) {
  if (!is_quantised(w.type)) return {};
  const size_t n = dtype_info(w.type).block_values;
  std::vector<Reading> found;
  const auto within = [&](const char* detail, std::function<bool(size_t i)> written) {
    found.push_back(written_in_block(n, detail, std::move(written)));
  };
  if (n == 256) {
    within("only the first 32 of each 128 elements written", [](size_t i) { return i % 128 < 32; });
    within("only the first 64 of each 256 elements written", [](size_t i) { return i < 64; });
    within("only the first 128 of each 256 elements written", [](size_t i) { return i < 128; });
  }
  if (const size_t run = nibble_run(w.type); run != 0) {
    within("only the elements of the low nibbles written", [run](size_t i) { return i / run % 2 == 0; });
  }
  const auto block = static_cast<int64_t>(n);
  if (w.cols > block) {
    found.push_back(by_values("only the first block of each row decoded", [n](std::span<float> row) {
      std::fill(row.begin() + static_cast<std::ptrdiff_t>(n), row.end(), 0.0F);
    }));
  }
  if (w.rows * w.cols > block)
    found.push_back(first_elements("only the first block of the tensor decoded", block));
  return found;
}

std::vector<Reading> tails(const Weight& w, const ReplayModel&) {
  if (!is_matrix(w)) return {};
  std::vector<Reading> found;
  for (const int64_t step : {256, 128, 64, 32, 16, 8}) {
    const int64_t kept = w.cols / step * step;
    if (kept == w.cols || kept == 0) continue;
    found.push_back(
        by_values("columns beyond the last multiple of " + std::to_string(step) + " left out",
                  [kept](std::span<float> row) { std::fill(row.begin() + kept, row.end(), 0.0F); }));
  }
  for (const int64_t step : {256, 128, 64, 32, 16, 8}) {
    const int64_t kept = w.rows / step * step;
    if (kept == w.rows || kept == 0) continue;
    found.push_back(first_elements("rows beyond the last multiple of " + std::to_string(step) + " left out",
                                   kept * w.cols));
  }
  return found;
}

constexpr BugInfo kPartial{
    .id = "partial-block",
    .title = "Only a part of each block or tensor is decoded",
    .cause = "A loop ends too early or writes to the same place again: many weights are exactly 0.",
    .fix =
        "Fill the output with NaN before decoding and check that none is left; count elements, not bytes, in "
        "the loop.",
    .rank = 8,
    .next_measurement = "dump one decoded row of the weight and count zeros by index modulo the block size"};

constexpr BugInfo kTail{
    .id = "dropped-tail",
    .title = "The last rows or columns of a matrix are left out",
    .cause =
        "A kernel works in steps (of a vector, a tile, a block) and does not finish a matrix whose size is "
        "no multiple "
        "of the step.",
    .fix = "Handle the rest after the last full step, or check sizes before choosing the kernel.",
    .rank = 31,
    .next_measurement = "dump all elements of the product, not the first ten"};

}  // namespace

std::span<const Bug* const> unfinished_bugs() {
  static const WeightBugEntry partial(kPartial, partial_blocks);
  static const WeightBugEntry tail(kTail, tails, Reach::model, is_matmul);
  static const Bug* const all[] = {&partial, &tail};
  return all;
}

}  // namespace kilter::analysis
