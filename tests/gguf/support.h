// What the tests of gguf/ share: golden files, and files written by hand, field by field.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../base/temporary_folder.h"
#include "gguf/file.h"

namespace kilter::gguf {

using Bytes = std::vector<std::byte>;

inline std::string golden(std::string_view name) {
  return std::string(KILTER_TEST_DATA "/data/") + std::string(name);
}

inline Bytes read_bytes(const std::string& path) {
  const std::string text = read_text(path);
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline void write_bytes(const std::string& path, std::span<const std::byte> bytes) {
  write_text(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

inline std::string subject_of(const Result<File>& file) { return file ? "" : file.error().subject; }
inline std::string sentence_of(const Result<File>& file) { return file ? "" : file.error().sentence; }

/// A little-endian file, field by field: independent of the writer, and able to lie.
class HandMade {
 public:
  HandMade& u8(uint8_t v) { return raw(&v, sizeof v); }
  HandMade& u32(uint32_t v) { return raw(&v, sizeof v); }
  HandMade& u64(uint64_t v) { return raw(&v, sizeof v); }
  HandMade& letters(std::string_view text) { return raw(text.data(), text.size()); }
  HandMade& string(std::string_view text) { return u64(text.size()).letters(text); }
  HandMade& header(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    return letters("GGUF").u32(version).u64(tensors).u64(keys);
  }
  HandMade& tensor(std::string_view name, std::vector<uint64_t> ne, uint32_t type, uint64_t offset) {
    string(name).u32(static_cast<uint32_t>(ne.size()));
    for (const uint64_t extent : ne) u64(extent);
    return u32(type).u64(offset);
  }
  HandMade& zeros_to(size_t size) {
    bytes_.resize(size);
    return *this;
  }
  HandMade& align(size_t unit = 32) { return zeros_to((bytes_.size() + unit - 1) / unit * unit); }
  HandMade& zeros(size_t count) { return zeros_to(bytes_.size() + count); }

  const Bytes& bytes() const { return bytes_; }

 private:
  HandMade& raw(const void* data, size_t size) {
    const auto* begin = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), begin, begin + size);
    return *this;
  }

  Bytes bytes_;
};

}  // namespace kilter::gguf
