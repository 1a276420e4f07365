// Weights: GGUF's names as they are, Hugging Face's and Meta's through the values that they make.
#include "analysis/dump/names/names.h"

namespace kilter::analysis {

std::optional<WeightMatch> match_weight(std::string_view name, const UserNames* user) {
  if (user != nullptr) {
    if (auto tensor = user->match_weight(name)) return WeightMatch{*tensor};
  }
  const size_t dot = name.rfind('.');
  const std::string_view ending = dot == std::string_view::npos ? std::string_view() : name.substr(dot);
  if (ending != ".weight" && ending != ".bias") return std::nullopt;
  const std::string_view stem = name.substr(0, dot);
  // A value is named after its weight, so the names of values lead to those of weights.
  if (stem == "output") return WeightMatch{std::string(name)};
  if (const auto match = match_kilter(stem)) return WeightMatch{std::string(name)};
  auto match = match_hugging_face(stem, nullptr);
  if (!match) match = match_dotted_path(stem);
  if (!match || match->aspect == Aspect::fused_qkv || match->aspect == Aspect::fused_gate_up)
    return std::nullopt;
  if (match->at.point == Point::logits) return WeightMatch{"output" + std::string(ending)};
  return WeightMatch{to_string(match->at) + std::string(ending), match->order};
}

}  // namespace kilter::analysis
