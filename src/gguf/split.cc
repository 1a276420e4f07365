#include "gguf/split.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <utility>

namespace kilter::gguf {
namespace {

constexpr std::string_view kCountKey = "split.count";
constexpr std::string_view kNumberKey = "split.no";
constexpr std::string_view kTensorsKey = "split.tensors.count";

/// The five digits of "-00001-of-00003.gguf" at `at`, or nothing.
std::optional<uint32_t> five_digits(std::string_view text, size_t at) {
  uint32_t number = 0;
  const char* begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + 5, number);
  if (error != std::errc() || end != begin + 5) return std::nullopt;
  return number;
}

Error broken_split(const Shard& shard, std::string sentence, std::string cure) {
  return Error{ErrorCode::corrupt, shard.info.path, std::move(sentence), std::move(cure)};
}

/// A required key of the split, with the file in the error.
Result<uint64_t> split_key(const Shard& shard, std::string_view key) {
  auto value = shard.info.metadata.get_uint(key);
  if (!value)
    return broken_split(shard, value.error().message(), "split the model again, or fetch its files again");
  return value;
}

/// The name of a file that says it is number `no` of `count`, or the error when it is called otherwise.
Result<SplitName> prove_name(const Shard& shard, uint64_t no, uint64_t count) {
  const auto name = parse_split_name(shard.info.path);
  if (name && name->count == count && name->number == no + 1) return *name;
  return broken_split(
      shard, fmt::format("is file {} of a model split into {}, but its name does not say so", no + 1, count),
      fmt::format("give the files of the model names that end in -{:05}-of-{:05}.gguf", no + 1, count));
}

Result<Shard> open_member(const SplitName& name, uint32_t number) {
  auto shard = open_shard(split_path(name, number));
  if (shard || shard.error().code != ErrorCode::not_found) return shard;
  Error error = std::move(shard).error();
  error.cure = fmt::format("the model is in {} files; put all of them in one folder", name.count);
  return error;
}

Status prove_member(const Shard& first, const Shard& shard, uint64_t no) {
  for (const std::string_view key : {kCountKey, kTensorsKey}) {
    KILTER_ASSIGN(const uint64_t expected, split_key(first, key));
    KILTER_ASSIGN(const uint64_t actual, split_key(shard, key));
    if (actual != expected) {
      return broken_split(shard,
                          fmt::format("{} is {}, but {} in {}", key, actual, expected, first.info.path),
                          "are these files of one model?");
    }
  }
  KILTER_ASSIGN(const uint64_t number, split_key(shard, kNumberKey));
  if (number != no) {
    return broken_split(shard, fmt::format("{} is {}, and the name says {}", kNumberKey, number, no),
                        "were the files renamed?");
  }
  if (shard.info.version != first.info.version || shard.info.byte_order != first.info.byte_order) {
    return broken_split(shard, "its version or byte order is not that of " + first.info.path,
                        "are these files of one model?");
  }
  return {};
}

Status prove_complete(const std::vector<Shard>& shards) {
  uint64_t tensors = 0;
  for (const Shard& shard : shards) tensors += shard.tensors.size();
  KILTER_ASSIGN(const uint64_t expected, split_key(shards.front(), kTensorsKey));
  if (tensors == expected) return {};
  return broken_split(shards.front(),
                      fmt::format("{} is {}, but the {} files hold {} tensors", kTensorsKey, expected,
                                  shards.size(), tensors),
                      "split the model again, or fetch its files again");
}

}  // namespace

std::optional<SplitName> parse_split_name(const std::string& path) {
  constexpr std::string_view kPattern = "-00001-of-00003.gguf";
  constexpr size_t kNumberAt = 1;
  constexpr size_t kOfAt = 6;
  constexpr size_t kCountAt = 10;
  constexpr size_t kEndAt = 15;
  if (path.size() <= kPattern.size()) return std::nullopt;
  const std::string_view end = std::string_view(path).substr(path.size() - kPattern.size());
  const bool fixed_parts =
      end.front() == '-' && end.substr(kOfAt, 4) == "-of-" && end.substr(kEndAt) == ".gguf";
  const auto number = five_digits(end, kNumberAt);
  const auto count = five_digits(end, kCountAt);
  if (!fixed_parts || !number || !count || *number == 0 || *number > *count) return std::nullopt;
  return SplitName{path.substr(0, path.size() - kPattern.size()), *number, *count};
}

std::string split_path(const SplitName& name, uint32_t number) {
  return fmt::format("{}-{:05}-of-{:05}.gguf", name.prefix, number, name.count);
}

Result<uint64_t> split_count(const Shard& shard) {
  if (shard.info.metadata.find(kCountKey) == nullptr) return uint64_t{1};
  KILTER_ASSIGN(const uint64_t count, split_key(shard, kCountKey));
  if (count == 0) return broken_split(shard, fmt::format("{} is 0", kCountKey), "the file is damaged");
  return count;
}

Result<std::vector<Shard>> open_split(Shard named) {
  KILTER_ASSIGN(const uint64_t count, split_key(named, kCountKey));
  KILTER_ASSIGN(const uint64_t no, split_key(named, kNumberKey));
  KILTER_ASSIGN(const SplitName name, prove_name(named, no, count));
  std::vector<Shard> shards;
  for (uint32_t number = 1; number <= name.count; ++number) {
    if (number == name.number) continue;
    KILTER_ASSIGN(Shard other, open_member(name, number));
    shards.push_back(std::move(other));
  }
  shards.insert(shards.begin() + (name.number - 1), std::move(named));
  for (size_t i = 0; i < shards.size(); ++i) KILTER_TRY(prove_member(shards.front(), shards[i], i));
  KILTER_TRY(prove_complete(shards));
  return shards;
}

}  // namespace kilter::gguf
