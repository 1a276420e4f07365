// Which format a file has, told from its bytes.
#include <cstring>
#include <filesystem>

#include "analysis/dump/formats/formats.h"
#include "analysis/dump/formats/json_numbers.h"
#include "analysis/dump/formats/polygraphy.h"
#include "analysis/dump/formats/side_file.h"

namespace kilter::analysis {
namespace {

constexpr std::string_view kKnown =
    "dumps are safetensors, npz, npy, JSON (numbers, or a description of raw files; Polygraphy's results), "
    "the text of llama.cpp's eval-callback or llama-debug, what llama-debug --save-logits writes, or bare "
    "f32 "
    "or text of numbers in a file that has the value's name";

// The first byte that is no blank.
char first_letter(std::string_view text) {
  const size_t at = text.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? '\0' : text[at];
}

// A header of JSON behind a length that fits the file.
bool is_safetensors(std::span<const std::byte> file) {
  uint64_t length = 0;
  if (file.size() < sizeof(length) + 2) return false;
  std::memcpy(&length, file.data(), sizeof(length));
  return length <= file.size() - sizeof(length) && file[sizeof(length)] == std::byte{'{'};
}

}  // namespace

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string stem_of(const std::string& path) { return std::filesystem::path(path).stem().string(); }

std::optional<Error> refusal(std::string_view path, std::span<const std::byte> file) {
  const std::string_view text = text_of(file);
  const bool pickle = text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5;
  if (pickle || is_zip(file)) {
    const std::string name(path);
    return Error{ErrorCode::unsupported, name, "is a Python pickle, which could run anything when it is read",
                 "convert it: python3 -c \"import torch, safetensors.torch as s; d = torch.load('" + name +
                     "', map_location='cpu'); d = d if isinstance(d, dict) else {'data': d}; "
                     "s.save_file({k: v.contiguous() for k, v in d.items() if torch.is_tensor(v)}, '" +
                     name + ".safetensors')\""};
  }
  if (text.starts_with("GGUF")) {
    const std::string name(path);
    return Error{ErrorCode::unsupported, name, "is a GGUF file, and dumps are not read from those",
                 "convert it: python3 -c \"import gguf, numpy; numpy.savez('" + name +
                     ".npz', **{t.name: t.data for t in gguf.GGUFReader('" + name + "').tensors})\""};
  }
  if (text.starts_with("_logits_")) {
    return Error{
        ErrorCode::unsupported, std::string(path),
        "holds llama.cpp's log-probabilities in 16 bits, known up to a constant and cut off below: no value "
        "of the pass can be judged by them",
        "use llama-debug --save-logits"};
  }
  return std::nullopt;
}

Error not_understood(std::string_view path) {
  return {ErrorCode::unsupported, std::string(path), "is in no format that is understood",
          std::string(kKnown)};
}

Result<std::vector<RawPass>> read_json(SharedMap map) {
  KILTER_ASSIGN(const boost::json::value top, parse_json(text_of(map->bytes()), map->path()));
  if (is_polygraphy(top)) return read_polygraphy(top, map->path());
  if (!top.is_object()) return not_understood(map->path());
  KILTER_ASSIGN(RawPass pass, read_side_file(top.get_object(), map->path()));
  return std::vector{std::move(pass)};
}

Result<std::vector<RawPass>> read_file(const std::string& path, const DumpContext& context) {
  KILTER_ASSIGN(FileMap opened, FileMap::open(path));
  const auto map = std::make_shared<const FileMap>(std::move(opened));
  const auto bytes = map->bytes();
  if (is_npy(bytes)) return read_npy(map);
  if (is_zip(bytes)) return read_npz(map);
  if (auto refused = refusal(path, bytes)) return std::move(*refused);
  if (is_safetensors(bytes)) return read_safetensors(path);
  if (is_eval_text(text_of(bytes))) return read_eval_text(map, context);
  const char first = first_letter(text_of(bytes).substr(0, 4096));
  const bool is_list = first == '[' && text_of(bytes).find("polygraphy") != std::string_view::npos;
  if (first == '{' || is_list) return read_json(map);
  return read_saved_logits(map, context);
}

}  // namespace kilter::analysis
