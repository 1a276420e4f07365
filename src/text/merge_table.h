// The ranked merges of a byte-pair vocabulary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gguf/metadata.h"
#include "kilter/result.h"
#include "text/pair_merger.h"
#include "text/vocabulary.h"

namespace kilter::text {

/// Which neighbours may be merged, by number. A symbol that is an entry has its id as number; a symbol that
/// appears in merges alone has a number past the end of the vocabulary. Immutable.
class MergeTable {
 public:
  /// Reads tokenizer.ggml.merges: "Ġt he", rank 0 first; of equal pairs the first counts.
  /// Errors: not_found, corrupt, naming the key and the line.
  static Result<MergeTable> from_metadata(const gguf::Metadata& metadata, const Vocabulary& vocabulary);

  /// The number of a symbol that is no entry, or kNoToken.
  int32_t find_extra(std::string_view text) const;
  /// What the two symbols become; nothing when they are not merged, or are unknown (kNoToken).
  std::optional<Merge> find(int32_t left, int32_t right) const;

 private:
  int32_t intern(std::string_view text, const Vocabulary& vocabulary);

  std::unordered_map<uint64_t, Merge> merges_;
  std::unordered_map<std::string, int32_t> extras_;
};

}  // namespace kilter::text
