#include "analysis/diagnose/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kilter::analysis {
namespace {

// "0, 3 and 5 to 9" of the indices that are set.
std::string ranges_of(const std::vector<bool>& set) {
  std::string text;
  for (size_t i = 0; i < set.size(); ++i) {
    if (!set[i]) continue;
    size_t end = i;
    while (end + 1 < set.size() && set[end + 1]) ++end;
    if (!text.empty()) text += ", ";
    text += end == i ? fmt::format("{}", i) : fmt::format("{} to {}", i, end);
    i = end;
  }
  return text;
}

bool known(const SeenValue& seen, size_t i) {
  return seen.elements.known.empty() || seen.elements.known[i] != 0;
}

class Patterns {
 public:
  Patterns(const SeenValue& seen, std::span<const float> expected, const Score& score)
      : seen_(seen),
        expected_(expected),
        score_(score),
        width_(static_cast<size_t>(seen.observed->row_size())) {}

  std::vector<std::string> find() {
    tokens();
    heads();
    not_numbers();
    ratio();
    other_order();
    return std::move(sentences_);
  }

 private:
  size_t rows() const { return seen_.observed->rows.size(); }
  float got(size_t i) const { return seen_.elements.values[i]; }

  void tokens() {
    std::vector<bool> wrong;
    for (size_t r = 0; r < rows(); ++r) {
      const auto token = static_cast<size_t>(seen_.observed->rows[r]);
      if (wrong.size() <= token) wrong.resize(token + 1);
      wrong[token] = score_.row_margins[r] > 1;
    }
    const auto bad = static_cast<size_t>(std::count(wrong.begin(), wrong.end(), true));
    if (rows() > 1 && bad < rows()) {
      sentences_.push_back(fmt::format("wrong for {} of {} tokens: {}", bad, rows(), ranges_of(wrong)));
    }
  }

  void heads() {
    const std::vector<int64_t>& shape = seen_.observed->shape;
    if (shape.size() != 2 || shape[0] < 2) return;
    std::vector<bool> wrong(static_cast<size_t>(shape[0]));
    const auto head = static_cast<size_t>(shape[1]);
    const double most = 1e-3 * rms_of(expected_);
    for (size_t i = 0; i < expected_.size(); ++i) {
      if (known(seen_, i) && !(std::abs(got(i) - expected_[i]) <= most)) wrong[i % width_ / head] = true;
    }
    const auto bad = static_cast<int64_t>(std::count(wrong.begin(), wrong.end(), true));
    if (bad > 0 && bad < shape[0]) {
      sentences_.push_back(fmt::format("{} of {} heads are wrong: {}", bad, shape[0], ranges_of(wrong)));
    }
  }

  void not_numbers() {
    int64_t nan = 0;
    int64_t infinite = 0;
    int64_t zero = 0;
    int64_t all = 0;
    for (size_t i = 0; i < expected_.size(); ++i) {
      if (!known(seen_, i)) continue;
      ++all;
      nan += std::isnan(got(i)) ? 1 : 0;
      infinite += std::isinf(got(i)) && std::isfinite(expected_[i]) ? 1 : 0;
      zero += got(i) == 0 && expected_[i] != 0 ? 1 : 0;
    }
    if (nan > 0) sentences_.push_back(fmt::format("{} of {} numbers are NaN", nan, all));
    if (infinite > 0) sentences_.push_back(fmt::format("{} of {} numbers are infinite", infinite, all));
    if (zero * 100 > all)
      sentences_.push_back(fmt::format("{} of {} numbers are zero and should not be", zero, all));
  }

  // One factor for all elements, by least squares, where little is left.
  void ratio() {
    double product = 0;
    double squares = 0;
    double seen_squares = 0;
    for (size_t i = 0; i < expected_.size(); ++i) {
      if (!known(seen_, i) || !std::isfinite(expected_[i]) || !std::isfinite(got(i))) continue;
      product += double{got(i)} * double{expected_[i]};
      squares += double{expected_[i]} * double{expected_[i]};
      seen_squares += double{got(i)} * double{got(i)};
    }
    if (squares == 0 || seen_squares == 0) return;
    const double factor = product / squares;
    const double left = seen_squares - factor * product;
    near_ = left < 1e-6 * seen_squares && std::abs(factor - 1) < 1e-3;
    if (near_) {
      sentences_.push_back("all numbers are nearly right");
    } else if (left < 1e-6 * seen_squares) {
      sentences_.push_back(fmt::format("every number is {:.6g} times the right one", factor));
    } else {
      sentences_.push_back(fmt::format("cosine with the right numbers {:.4f}, size {:.4g} times theirs",
                                       product / std::sqrt(squares * seen_squares),
                                       std::sqrt(seen_squares / squares)));
    }
  }

  void other_order() {
    if (near_ || !seen_.elements.complete() || rows() == 0) return;
    for (size_t r = 0; r < rows(); ++r) {
      const auto begin = static_cast<std::ptrdiff_t>(r * width_);
      const auto end = begin + static_cast<std::ptrdiff_t>(width_);
      std::vector<float> theirs(seen_.elements.values.begin() + begin, seen_.elements.values.begin() + end);
      std::vector<float> right(expected_.begin() + begin, expected_.begin() + end);
      const auto is_nan = [](float x) { return std::isnan(x); };
      if (std::any_of(theirs.begin(), theirs.end(), is_nan)) return;
      if (std::any_of(right.begin(), right.end(), is_nan)) return;
      std::sort(theirs.begin(), theirs.end());
      std::sort(right.begin(), right.end());
      const double most = 1e-4 * rms_of(right);
      for (size_t i = 0; i < width_; ++i) {
        if (std::abs(theirs[i] - right[i]) > most) return;
      }
    }
    sentences_.push_back("each row holds the right numbers in another order");
  }

  static double rms_of(std::span<const float> x) {
    double squares = 0;
    for (const float v : x) squares += std::isfinite(v) ? double{v} * double{v} : 0;
    return std::sqrt(squares / static_cast<double>(std::max<size_t>(x.size(), 1)));
  }

  const SeenValue& seen_;
  std::span<const float> expected_;
  const Score& score_;
  size_t width_;
  bool near_ = false;
  std::vector<std::string> sentences_;
};

}  // namespace

std::vector<std::string> error_patterns(const SeenValue& seen, std::span<const float> expected,
                                        const Score& score) {
  if (expected.size() != seen.elements.values.size() ||
      score.row_margins.size() != seen.observed->rows.size()) {
    return {};
  }
  return Patterns(seen, expected, score).find();
}

}  // namespace kilter::analysis
