#include "text/merge_table.h"

#include <fmt/format.h>

#include <vector>

namespace kilter::text {
namespace {

uint64_t pair_key(int32_t left, int32_t right) {
  return (uint64_t{static_cast<uint32_t>(left)} << 32) | static_cast<uint32_t>(right);
}

}  // namespace

Result<MergeTable> MergeTable::from_metadata(const gguf::Metadata& metadata, const Vocabulary& vocabulary) {
  constexpr std::string_view kKey = "tokenizer.ggml.merges";
  KILTER_ASSIGN(const std::vector<std::string>* lines, metadata.get_strings(kKey));
  MergeTable table;
  table.merges_.reserve(lines->size());
  for (size_t rank = 0; rank < lines->size(); ++rank) {
    const std::string_view line = (*lines)[rank];
    const size_t space = line.find(' ', 1);  // from 1: a left symbol may itself begin with a space
    if (space == std::string_view::npos || space + 1 == line.size()) {
      return Error{
          ErrorCode::corrupt, std::string(kKey),
          fmt::format("expected two symbols and a space between in line {}, the file has \"{}\"", rank, line),
          "convert the model again"};
    }
    const std::string_view left = line.substr(0, space), right = line.substr(space + 1);
    const int32_t result = table.intern(std::string(left) + std::string(right), vocabulary);
    table.merges_.try_emplace(pair_key(table.intern(left, vocabulary), table.intern(right, vocabulary)),
                              Merge{static_cast<double>(rank), result});
  }
  return table;
}

int32_t MergeTable::intern(std::string_view text, const Vocabulary& vocabulary) {
  const int32_t id = vocabulary.find(text);
  if (id != kNoToken) return id;
  const size_t number = static_cast<size_t>(vocabulary.size()) + extras_.size();
  return extras_.try_emplace(std::string(text), static_cast<int32_t>(number)).first->second;
}

int32_t MergeTable::find_extra(std::string_view text) const {
  const auto found = extras_.find(std::string(text));
  return found == extras_.end() ? kNoToken : found->second;
}

std::optional<Merge> MergeTable::find(int32_t left, int32_t right) const {
  if (left == kNoToken || right == kNoToken) return std::nullopt;
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace kilter::text
