// The files that are understood: one reader a format, chosen by what the file holds.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/dump/raw_dump.h"
#include "analysis/dump/read_dump.h"
#include "base/file_map.h"

namespace kilter::analysis {

/// A file that is kept open as long as one of its values may be loaded.
using SharedMap = std::shared_ptr<const FileMap>;

/// Everything a file holds, in passes: one, except for logs that hold several. Errors: not_found, io,
/// corrupt, unsupported with the cure.
Result<std::vector<RawPass>> read_file(const std::string& path, const DumpContext& context);

/// Source: https://github.com/huggingface/safetensors, "Format".
Result<std::vector<RawPass>> read_safetensors(const std::string& path);

bool is_npy(std::span<const std::byte> file);
/// One array; its name is the file's without ".npy".
Result<std::vector<RawPass>> read_npy(SharedMap map);

bool is_zip(std::span<const std::byte> file);
/// numpy's archives. Errors: unsupported, with the converting line, for PyTorch's, which look alike.
Result<std::vector<RawPass>> read_npz(SharedMap map);

/// A JSON object: a side file of raw numbers, numbers themselves, or Polygraphy's results. The schema of the
/// first two stands in side_file.cc.
Result<std::vector<RawPass>> read_json(SharedMap map);

/// Whether the text has a header line of llama.cpp's eval-callback or llama-debug, of any age.
bool is_eval_text(std::string_view text);
/// A pass for each time the graph ran; a warm-up run is left out, with a remark.
Result<std::vector<RawPass>> read_eval_text(const SharedMap& map, const DumpContext& context);

/// What `llama-debug --save-logits` writes: NAME.bin, NAME.txt, NAME-tokens.bin, NAME-prompt.txt. The ids are
/// looked for beside the logits. Other bare f32 are the value that the file's name means, of as many rows as
/// fill it; text of nothing but numbers is the value of the file's name, a row a line. Errors: unsupported,
/// when it is none of them.
Result<std::vector<RawPass>> read_saved_logits(SharedMap map, const DumpContext& context);

/// The error for files that are known and not read (pickles, GGUF, compressed logits); nothing for others.
std::optional<Error> refusal(std::string_view path, std::span<const std::byte> file);
/// The list of what is understood.
Error not_understood(std::string_view path);

/// The last part of the path, without the ending after its last dot.
std::string stem_of(const std::string& path);
std::string_view text_of(std::span<const std::byte> bytes);

}  // namespace kilter::analysis
