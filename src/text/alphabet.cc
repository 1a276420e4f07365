#include "text/alphabet.h"

#include <fmt/format.h>

#include <unordered_map>
#include <utility>

#include "text/unicode.h"

namespace kilter::text {
namespace {

constexpr char32_t kCodePoints = 0x110000;
constexpr char32_t kAsciiEnd = 0x80;
constexpr size_t kClassLimit = 256;

/// Numbers the explicit range lists of a set and of the sets that it is cut with.
void mark_ranges(const CodePointSet& set, std::vector<uint64_t>& marks, int& list) {
  if (!set.ranges.empty()) {
    for (const CodePointSet::Range& range : set.ranges) {
      for (char32_t c = range.first; c <= range.last && c < kCodePoints; ++c) marks[c] |= uint64_t{1} << list;
    }
    ++list;
  }
  for (const CodePointSet& other : set.also_in) mark_ranges(other, marks, list);
}

int count_range_lists(const CodePointSet& set) {
  int count = set.ranges.empty() ? 0 : 1;
  for (const CodePointSet& other : set.also_in) count += count_range_lists(other);
  return count;
}

Error too_many_classes() {
  return {ErrorCode::unsupported, "pre-tokenizer patterns", "they tell too many kinds of characters apart",
          ""};
}

}  // namespace

Result<Alphabet> Alphabet::create(const std::vector<const CodePointSet*>& sets) {
  constexpr int kCategoryBits = 5;
  constexpr int kRangeListLimit = 64 - kCategoryBits;
  int lists = 0;
  for (const CodePointSet* set : sets) lists += count_range_lists(*set);
  if (lists > kRangeListLimit) return too_many_classes();
  std::vector<uint64_t> marks(kCodePoints, 0);
  int list = 0;
  for (const CodePointSet* set : sets) mark_ranges(*set, marks, list);

  Alphabet alphabet;
  alphabet.class_of_.resize(kCodePoints);
  for (char32_t c = 0; c < kAsciiEnd; ++c) {
    alphabet.class_of_[c] = static_cast<uint8_t>(c);
    alphabet.representative_.push_back(c);
  }
  std::unordered_map<uint64_t, uint8_t> class_of_signature;
  uint64_t last_signature = ~uint64_t{0};
  for (char32_t c = kAsciiEnd; c < kCodePoints; ++c) {
    const uint64_t signature = (marks[c] << kCategoryBits) | general_category(c);
    if (signature == last_signature) {  // neighbours are mostly alike
      alphabet.class_of_[c] = alphabet.class_of_[c - 1];
      continue;
    }
    last_signature = signature;
    const auto [found, is_new] =
        class_of_signature.try_emplace(signature, static_cast<uint8_t>(alphabet.representative_.size()));
    if (is_new) {
      if (alphabet.representative_.size() == kClassLimit) return too_many_classes();
      alphabet.representative_.push_back(c);
    }
    alphabet.class_of_[c] = found->second;
  }
  return alphabet;
}

ClassText Alphabet::classify(std::string_view text) const {
  ClassText result;
  result.classes.reserve(text.size());
  result.byte_ends.reserve(text.size());
  for (size_t offset = 0; offset < text.size();) {
    const Utf8Step step = read_utf8(text, offset);
    offset += step.well_formed ? step.length : 1;
    result.classes.push_back(static_cast<char>(class_of_[step.code_point]));
    result.byte_ends.push_back(offset);
  }
  return result;
}

std::string Alphabet::spell(const CodePointSet& set) const {
  std::string spelled = "[";
  for (size_t first = 0; first < representative_.size(); ++first) {
    if (!set.contains(representative_[first])) continue;
    size_t last = first;
    while (last + 1 < representative_.size() && set.contains(representative_[last + 1])) ++last;
    spelled += fmt::format("\\x{:02x}-\\x{:02x}", first, last);
    first = last;
  }
  constexpr std::string_view kNever = "(?!)";
  return spelled == "[" ? std::string(kNever) : spelled + "]";
}

}  // namespace kilter::text
