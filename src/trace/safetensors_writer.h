// Writes safetensors files: every tensor is announced at the start, and its
// elements come when they are there.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kilter/result.h"
#include "trace/element_type.h"
#include "trace/scattered_file.h"

namespace kilter {

/// A tensor that a file will hold.
struct TensorSpec {
  std::string name;
  ElementType type = ElementType::f32;
  std::vector<int64_t> shape;  ///< slowest axis first; empty for a single number
};

/// Streams a file of any size to disk and holds none of it in memory. The data stand in the order of the
/// specs, the header is padded so that they begin at a multiple of 8 bytes.
/// Source   https://github.com/huggingface/safetensors, "Format".
class SafetensorsWriter {
 public:
  using Metadata = std::map<std::string, std::string>;

  /// Writes the header. Errors: usage (a name twice, text that is not UTF-8, a negative extent, a size beyond
  /// 64 bits), io.
  static Result<SafetensorsWriter> create(const std::string& path, const std::vector<TensorSpec>& tensors,
                                          const Metadata& metadata);

  /// Puts other metadata in the place of those of create(), for what is only known in the end. Errors: usage,
  /// when they are longer than the first ones, so that the header has no room for them; io.
  Status set_metadata(const Metadata& metadata);

  /// Puts elements of tensor `name` from element `first` on, counted over all axes. Tensors and parts of them
  /// come in any order, each element once. Errors: usage (no such tensor, another type, beyond its end), io.
  Status write(std::string_view name, int64_t first, std::span<const float> elements);
  Status write(std::string_view name, int64_t first, std::span<const int32_t> elements);

  /// The announced tensor, or null.
  const TensorSpec* find(std::string_view name) const;
  /// How many tensors the file will hold.
  size_t size() const { return entries_.size(); }
  /// Bytes of the whole file.
  uint64_t file_bytes() const { return file_bytes_; }
  /// Those that are there by now, the header's included.
  uint64_t bytes_written() const { return bytes_written_; }

  /// Gives the file its name. At most once; the last call. Errors: mismatch, naming a
  /// tensor that lacks elements; io.
  Status commit();

 private:
  struct Entry {
    TensorSpec spec;
    uint64_t offset = 0;    // in the file
    uint64_t elements = 0;  // in all
    uint64_t written = 0;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  SafetensorsWriter(std::string path, ScatteredFile file, Entries entries)
      : path_(std::move(path)), file_(std::move(file)), entries_(std::move(entries)) {}
  Status write_header(const std::string& text);
  Status write_bytes(std::string_view name, int64_t first, ElementType type,
                     std::span<const std::byte> bytes);

  std::string path_;
  ScatteredFile file_;
  Entries entries_;
  std::string tensors_text_;  // their part of the header
  uint64_t header_bytes_ = 0;
  uint64_t file_bytes_ = 0;
  uint64_t bytes_written_ = 0;
};

}  // namespace kilter
