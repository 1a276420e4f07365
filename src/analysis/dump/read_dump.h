// From the files that an engine wrote to a Dump.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "analysis/dump/dump.h"

namespace kilter::analysis {

/// What is known of the model and the run before the dump is read.
struct DumpContext {
  const Graph* graph =
      nullptr;                  ///< null: names must be kilter's or of a known engine, shapes are not checked
  std::vector<int32_t> tokens;  ///< of the whole run, where the person gave them; else empty
  std::vector<int64_t> passes;  ///< where the person gave them; else empty
  int64_t n_head = 0;           ///< of layer 0; for row orders of Hugging Face's q and k
  int64_t n_head_kv = 0;
  std::string
      name_map;  ///< a file of lines "their name = our name", tried before the built-in maps; may be empty
};

/// Reads one run. Several files are its passes in order (a prompt, then decode steps), unless they hold
/// different values of the same rows. The format is told from the content, never from the file's name.
/// Errors: not_found, io, corrupt, unsupported with the line that converts the file (.pt), usage when token
/// ids are neither in the files nor in the context, mismatch when files contradict each other.
Result<Dump> read_dump(std::span<const std::string> paths, const DumpContext& context);

}  // namespace kilter::analysis
