#include "gguf/name_index.h"

#include <algorithm>
#include <numeric>

#include "gguf/tensor_shape.h"

namespace kilter::gguf {

Result<std::vector<size_t>> index_by_name(const std::string& file, std::span<const TensorInfo> tensors) {
  std::vector<size_t> index(tensors.size());
  std::iota(index.begin(), index.end(), size_t{0});
  std::sort(index.begin(), index.end(),
            [&](size_t a, size_t b) { return tensors[a].name < tensors[b].name; });
  const auto twice = std::adjacent_find(
      index.begin(), index.end(), [&](size_t a, size_t b) { return tensors[a].name == tensors[b].name; });
  if (twice == index.end()) return index;
  return Error{ErrorCode::corrupt, file + ", " + tensor_subject(tensors[*twice].name),
               "is there twice, and nothing says which one counts",
               "the file is damaged, or its converter is wrong"};
}

}  // namespace kilter::gguf
