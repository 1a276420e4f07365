// GGUF's names of weights, taken apart and put together.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "analysis/bugs/bug.h"

namespace kilter::analysis {

/// "blk.3.attn_q.weight" is {3, "attn_q.weight"}; "output.weight" is {-1, "output.weight"}.
struct TensorName {
  int il = -1;
  std::string_view rest;
};

inline TensorName tensor_name(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  const size_t dot = name.find('.', kPrefix.size());
  if (!name.starts_with(kPrefix) || dot == std::string_view::npos) return {-1, name};
  int il = 0;
  for (const char digit : name.substr(kPrefix.size(), dot - kPrefix.size())) {
    if (digit < '0' || digit > '9' || il > 99999) return {-1, name};
    il = 10 * il + (digit - '0');
  }
  return {il, name.substr(dot + 1)};
}

/// The tensor of that name in layer il, or null.
inline const Weight* layer_weight(const ReplayModel& model, int il, std::string_view rest) {
  return model.weight("blk." + std::to_string(il) + "." + std::string(rest));
}

inline bool same_shape(const Weight& a, const Weight& b) { return a.rows == b.rows && a.cols == b.cols; }

}  // namespace kilter::analysis
