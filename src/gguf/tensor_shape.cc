#include "gguf/tensor_shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/checked.h"
#include "base/utf8.h"
#include "gguf/format.h"

namespace kilter::gguf {
namespace {

std::optional<uint64_t> product(std::span<const uint64_t> ne) {
  std::optional<uint64_t> n = 1;
  for (const uint64_t extent : ne) {
    if (n) n = checked_mul(*n, extent);
  }
  return n;
}

}  // namespace

std::string tensor_subject(std::string_view name) { return "tensor " + quoted(name); }

Result<uint64_t> stored_bytes(const std::string& subject, DType type, std::span<const uint64_t> ne) {
  const auto corrupt = [&subject](std::string sentence) {
    return Error{ErrorCode::corrupt, subject, std::move(sentence), ""};
  };
  if (ne.empty() || ne.size() > kMaxRank) {
    return corrupt(fmt::format("has {} axes, where 1 to {} are allowed", ne.size(), kMaxRank));
  }
  if (std::find(ne.begin(), ne.end(), 0) != ne.end()) {
    return corrupt(fmt::format("its shape [{}] holds no values", fmt::join(ne, ", ")));
  }
  const DTypeInfo& info = dtype_info(type);
  if (ne[0] % info.block_values != 0) {
    return corrupt(fmt::format("its rows of {} values are not whole blocks: a {} block holds {}", ne[0],
                               info.name, info.block_values));
  }
  const auto elements = product(ne);
  const auto bytes = elements ? checked_mul(*elements / info.block_values, info.block_bytes) : std::nullopt;
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (!bytes || *bytes > kMost || *elements > kMost) {
    return corrupt(fmt::format("its shape [{}] is larger than any file", fmt::join(ne, ", ")));
  }
  return *bytes;
}

}  // namespace kilter::gguf
