#include <algorithm>
#include <array>

#include "model/architectures/families.h"

namespace kilter {

std::span<const Architecture* const> all_architectures() {
  static const std::array kAll = {&llama_architecture(), &qwen2_architecture(), &qwen3_architecture()};
  return kAll;
}

const Architecture* find_architecture(std::string_view name) {
  const auto all = all_architectures();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Architecture* a) { return a->name == name; });
  return found == all.end() ? nullptr : *found;
}

}  // namespace kilter
