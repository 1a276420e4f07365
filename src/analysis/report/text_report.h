// A diagnosis for somebody who reads it in a terminal.
#pragma once

#include <string>

#include "analysis/diagnose/diagnosis.h"

namespace kilter::analysis {

struct TextOptions {
  size_t width = 100;        ///< columns that sentences keep to, at least 40; tables are as wide as they are
  bool every_value = false;  ///< a row for each value of the dump, and every note
  std::string docs =
      {};  ///< put in front of Finding::page: an address or a folder, with its '/'; may be empty
};

/// The answer in the first line; then each bug with its cause, its fix and the numbers that decide; then what
/// was compared, and what was not. Plain text without escape sequences: foreign names are made printable.
std::string diagnosis_text(const Diagnosis& d, const TextOptions& options);

}  // namespace kilter::analysis
