#include "analysis/judge/score.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kilter::analysis {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Masks that engines write in place of -infinity.
constexpr float kMasked = -1e4F;

// Sums that a cosine and an NMSE are made of.
struct Sums {
  double difference = 0;
  double expected = 0;
  double seen = 0;
  double product = 0;
  double count = 0;
  double margins = 0;

  void add(double s, double e) {
    difference += (s - e) * (s - e);
    expected += e * e;
    seen += s * s;
    product += s * e;
    ++count;
  }
  double nmse() const { return expected > 0 ? difference / expected : (difference > 0 ? kInfinity : 0); }
  double cosine() const {
    if (seen == 0 && expected == 0) return 1;
    return seen == 0 || expected == 0 ? 0 : product / std::sqrt(seen * expected);
  }
};

double margin_of(double seen, double expected, double bound) {
  if (seen == expected || (std::isnan(seen) && std::isnan(expected))) return 0;
  const double error = std::abs(seen - expected);
  if (std::isnan(error)) return kInfinity;
  return bound > 0 ? error / bound : kInfinity;
}

constexpr int kLeastBin = -3;

size_t bin_of(double margin) {
  constexpr int kBins = 11;
  if (!(margin > 0)) return margin == 0 ? 0 : kBins - 1;
  if (!std::isfinite(margin)) return kBins - 1;
  return static_cast<size_t>(
      std::clamp(static_cast<int>(std::ceil(std::log10(margin))) - kLeastBin, 0, kBins - 1));
}

// The rows of a comparison, one at a time.
class Scorer {
 public:
  explicit Scorer(const Comparison& c) : c_(c), width_(static_cast<size_t>(c.seen.row_size())) {}

  Score run() {
    for (size_t r = 0; r < c_.seen.rows.size(); ++r) row(r);
    score_.nmse = sums_.nmse();
    score_.cosine = sums_.cosine();
    score_.rms_margin = sums_.count > 0 ? std::sqrt(sums_.margins / sums_.count) : 0;
    score_.spread = spread();
    score_.seen_rms = sums_.count > 0 ? std::sqrt(sums_.seen / sums_.count) : 0;
    for (const Checksum& sum : c_.seen.checksums) check(sum);
    return std::move(score_);
  }

 private:
  double spread() const {
    constexpr double kSmall = 1.0 / 30;
    const auto large = std::count_if(margins_.begin(), margins_.end(),
                                     [&](double margin) { return margin > kSmall * score_.rms_margin; });
    return margins_.empty() ? 0 : static_cast<double>(large) / static_cast<double>(margins_.size());
  }

  // Where the row of a token begins among the expected ones.
  size_t place_of(int32_t token) const {
    return static_cast<size_t>(std::lower_bound(c_.rows.begin(), c_.rows.end(), token) - c_.rows.begin()) *
           width_;
  }

  void row(size_t r) {
    const size_t at = place_of(c_.seen.rows[r]);
    double largest = 0;
    for (size_t i = 0; i < width_; ++i) {
      const size_t e = r * width_ + i;
      if (!c_.elements.known.empty() && c_.elements.known[e] == 0) continue;
      const double margin = element(c_.elements.values[e], at + i);
      if (!(margin <= score_.margin)) {
        score_.margin = margin;
        score_.worst = {c_.seen.rows[r], static_cast<int64_t>(i), c_.elements.values[e], c_.expected[at + i],
                        c_.bounds.expected[at + i] + c_.seen.quantum / 2};
      }
      largest = std::max(largest, margin);
    }
    score_.row_margins.push_back(largest);
  }

  double element(float seen, size_t i) {
    const float expected = c_.expected[i];
    if (expected == -std::numeric_limits<float>::infinity()) {
      // What a row may not see: engines write a large negative number, or mask later.
      if (seen > kMasked || seen != seen) {
        ++score_.incomparable;
      } else {
        ++score_.compared;
        ++score_.equal;
      }
      return 0;
    }
    ++score_.compared;
    if (seen == expected) ++score_.equal;
    sums_.add(seen, expected);
    const double half = c_.seen.quantum / 2;
    const double margin = margin_of(seen, expected, c_.bounds.expected[i] + half);
    if (margin > 1) ++score_.beyond;
    if (std::isfinite(margin)) sums_.margins += margin * margin;
    margins_.push_back(margin);
    ++score_.histogram[bin_of(margin)];
    score_.guaranteed_margin =
        std::max(score_.guaranteed_margin, margin_of(seen, expected, c_.bounds.guaranteed[i] + half));
    return margin;
  }

  void check(const Checksum& sum) {
    double total = 0;
    double bound = sum.quantum / 2;
    double size = 0;
    for (int64_t r = sum.first_row; r < sum.first_row + sum.rows; ++r) {
      if (r < 0 || static_cast<size_t>(r) >= c_.seen.rows.size()) return;
      const size_t at = place_of(c_.seen.rows[static_cast<size_t>(r)]);
      for (size_t i = at; i < at + width_; ++i) {
        if (!std::isfinite(c_.expected[i])) return;
        total += double{c_.expected[i]};
        size += std::abs(double{c_.expected[i]});
        bound += c_.bounds.expected[i];
      }
    }
    // The engine adds in f32, in an order that nobody knows.
    bound += kLambda * std::sqrt(static_cast<double>(sum.rows) * static_cast<double>(width_)) * kUnit * size;
    const double margin = margin_of(sum.sum, total, bound);
    score_.checksum_margin = std::max(score_.checksum_margin, margin);
    if (!(margin <= score_.margin)) {
      score_.margin = margin;
      score_.worst = {-1, -1, sum.sum, total, bound};
    }
    ++score_.compared;
  }

  const Comparison& c_;
  size_t width_;
  Sums sums_;
  std::vector<double> margins_;  // one of each element that has a bound
  Score score_;
};

}  // namespace

Score score_of(const Comparison& c) {
  const auto width = static_cast<size_t>(c.seen.row_size());
  const size_t elements = c.seen.rows.size() * width;
  const bool covered = std::includes(c.rows.begin(), c.rows.end(), c.seen.rows.begin(), c.seen.rows.end()) &&
                       c.expected.size() == c.rows.size() * width && c.elements.values.size() == elements &&
                       (c.elements.known.empty() || c.elements.known.size() == elements);
  if (covered) return Scorer(c).run();
  Score none;
  none.margin = kInfinity;
  return none;
}

}  // namespace kilter::analysis
