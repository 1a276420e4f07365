// Entries that are special by their text, whatever type the file gives them.
#pragma once

#include <span>
#include <string_view>

#include "text/vocabulary.h"

namespace kilter::text {

/// One way for a token to end generation.
struct EndRole {
  std::span<const std::string_view> keys;  ///< metadata that may name the id
  std::span<const std::string_view>
      texts;                    ///< entries that have the role by their text; they are of type control
  bool texts_only_without_key;  ///< the texts count only in files that name no id
};
std::span<const EndRole> end_roles();

/// A type that files often get wrong.
struct TypeCorrection {
  std::string_view text;
  TokenType type;
};
std::span<const TypeCorrection> type_corrections();

/// A text of the roles above that does not end generation in vocabularies that have all the companions too.
struct EndException {
  std::string_view text;
  std::span<const std::string_view> companions;
  TokenType type;  ///< its true type there
};
std::span<const EndException> end_exceptions();

}  // namespace kilter::text
