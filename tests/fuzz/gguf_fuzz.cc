// Any bytes as a GGUF file: the answer is an error with a subject and a sentence, or a file that can be used
// and that the writer would write the same way.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "gguf/encode.h"
#include "gguf/file.h"

namespace {

using kilter::gguf::File;

/// libFuzzer keeps the input of a run that aborts.
void require(bool holds) {
  if (!holds) std::abort();
}

/// Reads every byte that an accepted file hands out, for the sanitizers.
void touch(const File& file) {
  for (const auto& entry : file.metadata().entries) require(!to_string(entry.value).empty());
  for (const auto& tensor : file.tensors()) {
    require(file.find(tensor.name) == &tensor);
    require(std::count(tensor.bytes.begin(), tensor.bytes.end(), std::byte{0}) <= std::ssize(tensor.bytes));
  }
}

void require_same_header(const File& file, std::span<const std::byte> input) {
  std::vector<kilter::gguf::TensorEntry> entries;
  for (const auto& t : file.tensors()) entries.push_back({t.name, t.type, t.ne, t.offset});
  const auto header = encode_header(file.version(), file.byte_order(), file.metadata(), entries);
  require(header.size() == file.shard(0).header_bytes);
  require(std::equal(header.begin(), header.end(), input.begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  const auto file = File::parse(input, "input");
  if (file) {
    touch(*file);
    require_same_header(*file, input);
  } else {
    require(!file.error().subject.empty() && !file.error().sentence.empty());
  }
  return 0;
}
