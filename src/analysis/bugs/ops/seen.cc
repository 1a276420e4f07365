#include "analysis/bugs/ops/seen.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "quant/codec.h"

namespace kilter::analysis {

int64_t seen_row(const Suspect& suspect, int32_t token) {
  const auto found = std::find(suspect.rows.begin(), suspect.rows.end(), token);
  return found == suspect.rows.end() ? -1 : found - suspect.rows.begin();
}

bool is_known(const Suspect& suspect, int64_t row, int64_t element) {
  if (suspect.seen->complete()) return true;
  const auto width = static_cast<int64_t>(suspect.seen->values.size() / suspect.rows.size());
  return suspect.seen->known[static_cast<size_t>(row * width + element)] != 0;
}

std::vector<SeenPair> pair_up(const Suspect& suspect, std::span<const float> of) {
  std::vector<SeenPair> pairs;
  const std::span<const int32_t> tokens = suspect.view->rows(suspect.node->at);
  if (suspect.seen == nullptr || suspect.rows.empty() || tokens.empty()) return pairs;
  const size_t width = of.size() / tokens.size();
  if (width * suspect.rows.size() != suspect.seen->values.size()) return pairs;
  for (size_t r = 0; r < suspect.rows.size(); ++r) {
    const auto place = std::find(tokens.begin(), tokens.end(), suspect.rows[r]);
    if (place == tokens.end()) continue;
    const size_t row = static_cast<size_t>(place - tokens.begin());
    for (size_t i = 0; i < width; ++i) {
      if (!is_known(suspect, static_cast<int64_t>(r), static_cast<int64_t>(i))) continue;
      const double seen = double{suspect.seen->values[r * width + i]};
      const double right = double{of[row * width + i]};
      if (!std::isfinite(seen) || !std::isfinite(right)) continue;
      pairs.push_back({suspect.rows[r], static_cast<int64_t>(i), seen, right});
    }
  }
  return pairs;
}

std::vector<SeenPair> seen_and_right(const Suspect& suspect) {
  const Result<Numbers> right = suspect.view->run(*suspect.node);
  return right.ok() ? pair_up(suspect, *right) : std::vector<SeenPair>{};
}

std::optional<double> fit_factor(std::span<const SeenPair> pairs, double relative) {
  double both = 0;
  double squares = 0;
  double seen_squares = 0;
  for (const SeenPair& p : pairs) {
    both += p.seen * p.right;
    squares += p.right * p.right;
    seen_squares += p.seen * p.seen;
  }
  if (pairs.size() < 4 || squares == 0 || seen_squares == 0) return std::nullopt;
  const double factor = both / squares;
  const double residual = seen_squares - factor * both;  // sum (seen - factor * right)^2
  if (!(residual <= relative * relative * seen_squares)) return std::nullopt;
  return factor;
}

std::optional<double> fit_soft_cap(std::span<const SeenPair> pairs) {
  if (pairs.size() < 4) return std::nullopt;
  const auto& top = *std::max_element(pairs.begin(), pairs.end(), [](const SeenPair& a, const SeenPair& b) {
    return std::abs(a.right) < std::abs(b.right);
  });
  const double x = std::abs(top.right);
  const double y = top.right < 0 ? -top.seen : top.seen;
  if (!(y > 0) || !(y < x * (1 - 1e-5))) return std::nullopt;
  double low = y * (1 + 1e-12);  // tanh < 1: the cap is above what was seen
  double high = x * 1e4;
  for (int step = 0; step < 200; ++step) {  // c * tanh(x / c) grows with c
    const double c = std::sqrt(low * high);
    (c * std::tanh(x / c) < y ? low : high) = c;
  }
  const double cap = std::sqrt(low * high);
  double residual = 0;
  double size = 0;
  for (const SeenPair& p : pairs) {
    const double error = p.seen - cap * std::tanh(p.right / cap);
    residual += error * error;
    size += p.seen * p.seen;
  }
  if (!(residual <= 1e-4 * size)) return std::nullopt;
  return cap;
}

Result<Numbers> decoded(const Weight& w, int64_t first_row, int64_t rows) {
  Numbers values(static_cast<size_t>(rows * w.cols));
  const auto bytes = static_cast<size_t>(w.row_bytes());
  KILTER_TRY(quant::decode(
      w.type, w.bytes.subspan(static_cast<size_t>(first_row) * bytes, static_cast<size_t>(rows) * bytes),
      values));
  return values;
}

Result<Numbers> product(std::span<const float> x, const Weight& w) {
  const auto n_in = static_cast<size_t>(w.cols);
  const auto n_out = static_cast<size_t>(w.rows);
  if (n_in == 0 || x.size() % n_in != 0) {
    return Error{ErrorCode::usage, w.name, "the weight has another shape than the values", ""};
  }
  const size_t tokens = x.size() / n_in;
  Numbers y(tokens * n_out);
  for (size_t o = 0; o < n_out; ++o) {
    KILTER_ASSIGN(const Numbers row, decoded(w, static_cast<int64_t>(o), 1));
    for (size_t t = 0; t < tokens; ++t) {
      double sum = 0;
      for (size_t i = 0; i < n_in; ++i) sum += double{row[i]} * double{x[t * n_in + i]};
      y[t * n_out + o] = static_cast<float>(sum);
    }
  }
  return y;
}

Result<Numbers> normed(std::span<const float> x, const Weight& w, const NormScale& scale) {
  KILTER_ASSIGN(const Numbers weight, decoded(w, 0, 1));
  const size_t n = weight.size();
  if (n == 0 || x.size() % n != 0) {
    return Error{ErrorCode::usage, w.name, "the weight is not as wide as the values", ""};
  }
  Numbers y(x.size());
  for (size_t from = 0; from < x.size(); from += n) {
    const double s = scale(x.subspan(from, n));
    for (size_t i = 0; i < n; ++i)
      y[from + i] = static_cast<float>(double{x[from + i]} * double{weight[i]} * s);
  }
  return y;
}

double mean_square(std::span<const float> vector) {
  double sum = 0;
  for (const float x : vector) sum += double{x} * double{x};
  return sum / static_cast<double>(vector.size());
}

std::string short_number(double value) { return fmt::format("{:.6g}", value); }

}  // namespace kilter::analysis
