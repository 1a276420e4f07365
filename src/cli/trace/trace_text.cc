#include "cli/trace/trace_text.h"

#include <fmt/format.h>

#include <cmath>

namespace kilter::cli {
namespace {

std::string end_text(const std::vector<float>& values) {
  return fmt::format("{:.6g}", fmt::join(values, " "));
}

boost::json::value number_or_null(double x) {
  return std::isfinite(x) ? boost::json::value(x) : boost::json::value(nullptr);
}

}  // namespace

std::string value_line(const ValueSummary& v) {
  const Stats& s = v.stats;
  const std::string last = s.last.empty() ? "" : " .. " + end_text(s.last);
  return fmt::format(
      "{:<26} {:<16} [{}{}]  mean {:.6g}  rms {:.6g}  min {:.6g}  max {:.6g}  nan {}  inf {}\n",
      to_string(v.at), to_string(v.shape), end_text(s.first), last, s.mean, s.rms, s.min, s.max, s.n_nan,
      s.n_pos_inf + s.n_neg_inf);
}

boost::json::object value_json(const ValueSummary& v) {
  boost::json::array shape;
  for (int axis = 0; axis < v.shape.rank; ++axis) shape.push_back(v.shape[axis]);
  const auto ends = [](const std::vector<float>& values) {
    boost::json::array array;
    for (const float x : values) array.push_back(number_or_null(double{x}));
    return array;
  };
  const Stats& s = v.stats;
  return {{"name", to_string(v.at)},
          {"shape", std::move(shape)},
          {"first", ends(s.first)},
          {"last", ends(s.last)},
          {"mean", number_or_null(s.mean)},
          {"rms", number_or_null(s.rms)},
          {"min", number_or_null(s.min)},
          {"max", number_or_null(s.max)},
          {"nan", s.n_nan},
          {"positive_infinity", s.n_pos_inf},
          {"negative_infinity", s.n_neg_inf}};
}

}  // namespace kilter::cli
