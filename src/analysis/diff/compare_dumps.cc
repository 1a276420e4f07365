#include "analysis/diff/compare_dumps.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace kilter::analysis {
namespace {

Error other_tokens(const Dump& a, const Dump& b) {
  size_t first = 0;
  while (first < std::min(a.tokens.size(), b.tokens.size()) && a.tokens[first] == b.tokens[first]) ++first;
  const auto text = [first](const Dump& dump) {
    return first < dump.tokens.size() ? fmt::format("{}", dump.tokens[first]) : std::string("no token");
  };
  return {ErrorCode::mismatch, "token ids",
          fmt::format("{} is a run of {} tokens and {} one of {}; at token {} the one has {}, the other {}",
                      a.path, a.tokens.size(), b.path, b.tokens.size(), first, text(a), text(b)),
          "run both on the same ids: different prompts have nothing to compare"};
}

// Sums over the elements that both know.
class Pairing {
 public:
  explicit Pairing(At at) { pair_.at = at; }

  void add(float a, float b, int32_t token, int64_t element) {
    ++pair_.compared;
    if (std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || a == b) ++pair_.equal;
    double off = std::abs(double{a} - double{b});
    if (a == b || (std::isnan(a) && std::isnan(b))) off = 0;
    if (std::isnan(off)) off = std::numeric_limits<double>::infinity();
    if (off > pair_.max_abs || pair_.token < 0) {
      pair_.max_abs = off;
      pair_.token = token;
      pair_.element = element;
      pair_.a = a;
      pair_.b = b;
    }
    if (!std::isfinite(a) || !std::isfinite(b)) return;
    difference_ += off * off;
    a_ += double{a} * double{a};
    b_ += double{b} * double{b};
    product_ += double{a} * double{b};
  }

  PairedValue take() {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    pair_.nmse = a_ > 0 ? difference_ / a_ : (difference_ > 0 ? kInfinity : 0);
    if (!std::isfinite(pair_.max_abs)) pair_.nmse = kInfinity;
    pair_.cosine = a_ > 0 && b_ > 0 ? product_ / std::sqrt(a_ * b_) : (a_ == b_ ? 1 : 0);
    return pair_;
  }

 private:
  PairedValue pair_;
  double difference_ = 0;
  double a_ = 0;
  double b_ = 0;
  double product_ = 0;
};

bool known(const Elements& elements, size_t i) { return elements.known.empty() || elements.known[i] != 0; }

Result<PairedValue> pair_up(const Observed& a, const Observed& b) {
  KILTER_ASSIGN(const Elements of_a, a.load());
  KILTER_ASSIGN(const Elements of_b, b.load());
  const auto width = static_cast<size_t>(a.row_size());
  Pairing pairing(a.at);
  for (size_t row = 0; row < a.rows.size(); ++row) {
    const auto other = std::lower_bound(b.rows.begin(), b.rows.end(), a.rows[row]);
    if (other == b.rows.end() || *other != a.rows[row]) continue;
    const size_t from_a = row * width;
    const size_t from_b = static_cast<size_t>(other - b.rows.begin()) * width;
    if (from_a + width > of_a.values.size() || from_b + width > of_b.values.size()) continue;
    for (size_t i = 0; i < width; ++i) {
      if (!known(of_a, from_a + i) || !known(of_b, from_b + i)) continue;
      pairing.add(of_a.values[from_a + i], of_b.values[from_b + i], a.rows[row], static_cast<int64_t>(i));
    }
  }
  return pairing.take();
}

}  // namespace

const PairedValue* DumpComparison::first_different() const {
  constexpr double kRoundings = 1e-9;
  const auto found = std::find_if(values.begin(), values.end(),
                                  [](const PairedValue& v) { return !(v.nmse <= kRoundings); });
  return found == values.end() ? nullptr : &*found;
}

Result<DumpComparison> compare_dumps(const Dump& a, const Dump& b) {
  if (a.tokens != b.tokens) return other_tokens(a, b);
  DumpComparison comparison;
  for (const auto& [at, observed] : a.values) {
    const auto other = b.values.find(at);
    if (other == b.values.end()) {
      comparison.only_a.push_back(at);
      continue;
    }
    if (observed.row_size() != other->second.row_size()) {
      return Error{ErrorCode::mismatch, to_string(at),
                   fmt::format("{} has rows of {} numbers and {} rows of {}", a.path, observed.row_size(),
                               b.path, other->second.row_size()),
                   "these are dumps of different models, or --model is needed to tell axes apart"};
    }
    KILTER_ASSIGN(PairedValue pair, pair_up(observed, other->second));
    if (pair.compared > 0) comparison.values.push_back(pair);
  }
  for (const auto& [at, observed] : b.values) {
    if (a.values.find(at) == a.values.end()) comparison.only_b.push_back(at);
  }
  return comparison;
}

}  // namespace kilter::analysis
