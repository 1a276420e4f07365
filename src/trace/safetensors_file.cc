#include "trace/safetensors_file.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>
#include <optional>
#include <utility>

#include "base/checked.h"
#include "base/utf8.h"

namespace kilter {
namespace {

namespace json = boost::json;

constexpr uint64_t kLengthBytes = 8;  // the file begins with the header's length
// A hundred thousand tensors need half of it. JSON in memory is some ten times its text, so this also bounds
// what a hostile file can make us allocate.
constexpr uint64_t kLargestHeader = uint64_t{32} << 20;
constexpr size_t kDeepest = 3;  // the header, a tensor, its shape

Error corrupt(std::string_view path, std::string sentence) {
  return {ErrorCode::corrupt, std::string(path), std::move(sentence),
          "the file is cut off, or is no safetensors file"};
}

/// The errors of one file's tensors.
struct Complaint {
  std::string_view path;
  std::string_view tensor;

  Error operator()(std::string sentence) const {
    return corrupt(path, "tensor " + quoted(tensor) + " " + std::move(sentence));
  }
};

std::optional<uint64_t> as_count(const json::value& value) {
  if (const int64_t* number = value.if_int64(); number != nullptr && *number >= 0) {
    return static_cast<uint64_t>(*number);
  }
  return value.if_uint64() == nullptr ? std::nullopt : std::optional(*value.if_uint64());
}

std::optional<std::vector<uint64_t>> as_counts(const json::value* value) {
  if (value == nullptr || !value->is_array()) return std::nullopt;
  std::vector<uint64_t> counts;
  for (const json::value& element : value->get_array()) {
    const auto count = as_count(element);
    if (!count || *count > INT64_MAX) return std::nullopt;
    counts.push_back(*count);
  }
  return counts;
}

Result<ElementType> read_type(const json::object& entry, const Complaint& complaint) {
  const json::value* name = entry.if_contains("dtype");
  if (name == nullptr || !name->is_string()) return complaint("has no \"dtype\" string");
  const std::string_view spelled(name->get_string());
  if (const auto type = element_type_from_name(spelled)) return *type;
  std::string known;
  for (const ElementTypeInfo& info : all_element_types()) {
    known += (known.empty() ? "" : ", ") + std::string(info.name);
  }
  return Error{ErrorCode::unsupported, std::string(complaint.path),
               "tensor " + quoted(complaint.tensor) + " has elements of type " + quoted(spelled),
               "convert it to one of " + known};
}

Result<StoredTensor> read_tensor(std::string_view name, const json::value& value,
                                 std::span<const std::byte> data, const Complaint& complaint) {
  if (!value.is_object()) return complaint("is not described by an object");
  const json::object& entry = value.get_object();
  KILTER_ASSIGN(const ElementType type, read_type(entry, complaint));
  const auto shape = as_counts(entry.if_contains("shape"));
  if (!shape) return complaint("has no \"shape\" of counts");
  const auto offsets = as_counts(entry.if_contains("data_offsets"));
  if (!offsets || offsets->size() != 2) return complaint("has no two \"data_offsets\"");
  const uint64_t begin = (*offsets)[0];
  const uint64_t end = (*offsets)[1];
  if (begin > end || end > data.size()) {
    return complaint("is said to lie at bytes " + std::to_string(begin) + " to " + std::to_string(end) +
                     " of " + std::to_string(data.size()));
  }
  std::optional<uint64_t> bytes = element_type_info(type).bytes;
  for (const uint64_t extent : *shape) bytes = bytes ? checked_mul(*bytes, extent) : bytes;
  if (bytes != end - begin) {
    return complaint("has " + std::to_string(end - begin) +
                     " bytes, which is not what its shape and type need");
  }
  return StoredTensor{std::string(name), type, {shape->begin(), shape->end()}, data.subspan(begin, *bytes)};
}

Status read_metadata(const json::value& value, std::string_view path,
                     std::map<std::string, std::string>& to) {
  if (!value.is_object()) return corrupt(path, "__metadata__ is not an object of strings");
  for (const auto& [key, text] : value.get_object()) {
    if (!text.is_string()) return corrupt(path, "__metadata__ " + quoted(key) + " is not a string");
    to.emplace(std::string(key), std::string(text.get_string()));
  }
  return {};
}

// Sorts the tensors as their data lie, and proves that they fill the file without holes or overlaps.
Status check_layout(std::vector<StoredTensor>& tensors, std::span<const std::byte> data,
                    std::string_view path) {
  const auto range = [](const StoredTensor& t) { return std::pair(t.bytes.data(), t.bytes.size()); };
  std::sort(tensors.begin(), tensors.end(),
            [&](const StoredTensor& a, const StoredTensor& b) { return range(a) < range(b); });
  const std::byte* next = data.data();
  for (const StoredTensor& tensor : tensors) {
    const std::ptrdiff_t gap = tensor.bytes.data() - next;
    if (gap != 0) {
      return Complaint{path, tensor.name}(gap < 0
                                              ? "overlaps the tensor before it"
                                              : "lies behind a hole of " + std::to_string(gap) + " bytes");
    }
    next += tensor.bytes.size();
  }
  const std::ptrdiff_t rest = data.data() + data.size() - next;
  if (rest != 0) return corrupt(path, "the last " + std::to_string(rest) + " bytes belong to no tensor");
  return {};
}

Result<json::object> parse_header(std::span<const std::byte> file, std::string_view path) {
  uint64_t length = 0;
  if (file.size() < kLengthBytes) return corrupt(path, "is shorter than the 8 bytes of a header's length");
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > file.size() - kLengthBytes) {
    return corrupt(path, "announces a header of " + std::to_string(length) + " bytes, and has " +
                             std::to_string(file.size() - kLengthBytes) + " in all");
  }
  if (length > kLargestHeader) {
    return Error{ErrorCode::unsupported, std::string(path),
                 "has a header of " + std::to_string(length) + " bytes, and at most " +
                     std::to_string(kLargestHeader) + " are read",
                 "split the file"};
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes, length);
  json::parse_options options;
  options.max_depth = kDeepest;
  json::error_code error;
  json::value header = json::parse(text, error, {}, options);
  if (error) return corrupt(path, "has a header that is not JSON as the format wants it: " + error.message());
  if (!header.is_object()) return corrupt(path, "has a header that is not an object");
  return std::move(header.get_object());
}

}  // namespace

Result<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  KILTER_ASSIGN(FileMap map, FileMap::open(path));
  SafetensorsFile file(std::move(map));
  const std::span<const std::byte> bytes = file.map_.bytes();
  KILTER_ASSIGN(const json::object header, parse_header(bytes, path));
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  const auto data = bytes.subspan(kLengthBytes + length);
  for (const auto& [key, value] : header) {
    const std::string_view name(key);
    if (name == "__metadata__") {
      KILTER_TRY(read_metadata(value, path, file.metadata_));
      continue;
    }
    KILTER_ASSIGN(StoredTensor tensor, read_tensor(name, value, data, Complaint{path, name}));
    file.tensors_.push_back(std::move(tensor));
  }
  KILTER_TRY(check_layout(file.tensors_, data, path));
  for (size_t i = 0; i < file.tensors_.size(); ++i) file.index_.emplace(file.tensors_[i].name, i);
  return file;
}

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace kilter
