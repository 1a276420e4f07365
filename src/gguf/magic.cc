#include "gguf/magic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/utf8.h"
#include "gguf/format.h"

namespace kilter::gguf {
namespace {

constexpr std::string_view kConvert = "convert the original model to GGUF with a current converter";
constexpr std::string_view kFetch = "fetch the model itself";

/// Files that are taken for GGUF, by how they start.
struct Lookalike {
  size_t at;
  std::string_view bytes;
  std::string_view what;
  std::string_view cure;
};

constexpr std::array kLookalikes = {
    Lookalike{0, "lmgg", "is a GGML file, from before GGUF", kConvert},
    Lookalike{0, "fmgg", "is a GGMF file, from before GGUF", kConvert},
    Lookalike{0, "tjgg", "is a GGJT file, from before GGUF", kConvert},
    Lookalike{0, "algg", "is a GGLA adapter, from before GGUF", kConvert},
    Lookalike{0, "FUGG", "has the four letters GGUF in reverse",
              "write the letters in reading order for both byte orders"},
    Lookalike{8, "{\"", "is a safetensors file", kConvert},
    Lookalike{0, "PK\x03\x04", "is a zip archive, or a PyTorch checkpoint", kConvert},
    Lookalike{0, "version https://git-lfs", "is a Git LFS pointer, not the model", kFetch},
    Lookalike{0, "<!DOCTYPE", "is a web page", kFetch},
    Lookalike{0, "<!doctype", "is a web page", kFetch},
    Lookalike{0, "<html", "is a web page", kFetch},
};

Error not_gguf(const FieldReader& in, std::string_view file) {
  if (file.empty())
    return in.corrupt("the file is empty", "was the download interrupted? Fetch the file again");
  for (const Lookalike& other : kLookalikes) {
    const bool same = file.size() > other.at && file.substr(other.at).starts_with(other.bytes);
    if (same) return in.unsupported(std::string(other.what), std::string(other.cure));
  }
  const std::string_view start = file.substr(0, kMagic.size());
  return in.corrupt(
      fmt::format("a GGUF file starts with the letters GGUF, and this one with {}", quoted(start)),
      "is it the right file?");
}

Error wrong_version(const FieldReader& in, uint32_t version) {
  if (version == 1) {
    return in.unsupported("is GGUF version 1, which counts in 32 bits and was replaced within weeks, in 2023",
                          std::string(kConvert));
  }
  return in.unsupported(fmt::format("is GGUF version {}, and this build reads {} and {}", version,
                                    kOldestVersion, kNewestVersion),
                        "the file is damaged, or newer than this build");
}

}  // namespace

Result<VersionAndOrder> read_magic(FieldReader& in, std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  in.enter("header");
  if (!text.starts_with(kMagic)) return not_gguf(in, text);
  KILTER_TRY(in.number<uint32_t>("the magic"));
  KILTER_ASSIGN(const uint32_t version, in.number<uint32_t>("the version"));
  // A version fits 16 bits; with its bytes the wrong way round the low 16 bits are 0.
  const bool reversed = version != 0 && (version & 0xffff) == 0;
  const ByteOrder order = reversed ? ByteOrder::big : ByteOrder::little;
  const uint32_t number = ordered(version, order);
  if (number < kOldestVersion || number > kNewestVersion) return wrong_version(in, number);
  return VersionAndOrder{number, order};
}

}  // namespace kilter::gguf
