// Reads safetensors files, whoever wrote them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_map.h"
#include "kilter/result.h"
#include "trace/element_type.h"

namespace kilter {

/// A tensor of a file. The bytes lie in the file's mapping, at any alignment.
struct StoredTensor {
  std::string name;
  ElementType type = ElementType::f32;
  std::vector<int64_t> shape;  ///< slowest axis first; empty for a single number
  std::span<const std::byte> bytes;

  int64_t elements() const { return static_cast<int64_t>(bytes.size() / element_type_info(type).bytes); }
};

/// A mapped file, proved as a whole when it is opened: every size and every offset, that tensors neither
/// overlap nor leave holes, that names and metadata are UTF-8.
/// Source   https://github.com/huggingface/safetensors, "Format".
class SafetensorsFile {
 public:
  /// Errors: not_found, io; corrupt, naming the tensor where there is one; unsupported for an element type
  /// that this build does not know, and for a header beyond 32 MiB.
  static Result<SafetensorsFile> open(const std::string& path);

  /// In the order of their data.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  /// The tensor of that name, or null.
  const StoredTensor* find(std::string_view name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  explicit SafetensorsFile(FileMap map) : map_(std::move(map)) {}

  FileMap map_;
  std::vector<StoredTensor> tensors_;
  std::map<std::string, size_t, std::less<>> index_;  // of tensors_
  std::map<std::string, std::string> metadata_;
};

}  // namespace kilter
