#include "trace/safetensors_writer.h"

#include <boost/json.hpp>
#include <cstring>
#include <optional>
#include <utility>

#include "base/checked.h"
#include "base/utf8.h"

namespace kilter {
namespace {

constexpr uint64_t kLengthBytes = 8;  // the file begins with the header's length
constexpr uint64_t kAlignment = 8;

Error unusable(const std::string& name, std::string sentence) {
  return {ErrorCode::usage, quoted(name), std::move(sentence), ""};
}

std::optional<uint64_t> count_elements(const std::vector<int64_t>& shape) {
  std::optional<uint64_t> count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || !count) return std::nullopt;
    count = checked_mul(*count, static_cast<uint64_t>(extent));
  }
  return count;
}

Status check_text(const std::string& text) {
  if (!find_invalid_utf8(text)) return {};
  return unusable(text, "is not UTF-8, which the header of a safetensors file has to be");
}

// Members of the header's JSON object, without its braces: the metadata first.
Result<std::string> metadata_text(const SafetensorsWriter::Metadata& metadata) {
  if (metadata.empty()) return std::string();
  boost::json::object strings;
  for (const auto& [key, value] : metadata) {
    KILTER_TRY(check_text(key));
    KILTER_TRY(check_text(value));
    strings[key] = value;
  }
  return "\"__metadata__\":" + boost::json::serialize(strings);
}

Result<std::string> tensors_text(const std::vector<TensorSpec>& tensors, const std::vector<uint64_t>& ends) {
  boost::json::object header;
  uint64_t begin = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorSpec& spec = tensors[i];
    KILTER_TRY(check_text(spec.name));
    header[spec.name] = {{"dtype", element_type_info(spec.type).name},
                         {"shape", boost::json::array(spec.shape.begin(), spec.shape.end())},
                         {"data_offsets", {begin, ends[i]}}};
    begin = ends[i];
  }
  const std::string text = boost::json::serialize(header);
  return text.substr(1, text.size() - 2);
}

Result<std::string> header_of(const SafetensorsWriter::Metadata& metadata, const std::string& tensors) {
  KILTER_ASSIGN(const std::string strings, metadata_text(metadata));
  return "{" + strings + (strings.empty() || tensors.empty() ? "" : ",") + tensors + "}";
}

}  // namespace

Result<SafetensorsWriter> SafetensorsWriter::create(const std::string& path,
                                                    const std::vector<TensorSpec>& tensors,
                                                    const Metadata& metadata) {
  Entries entries;
  std::vector<uint64_t> ends;
  uint64_t end = 0;
  for (const TensorSpec& spec : tensors) {
    const std::optional<uint64_t> elements = count_elements(spec.shape);
    const auto bytes =
        elements ? checked_mul(*elements, element_type_info(spec.type).bytes) : std::optional<uint64_t>();
    const auto next = bytes ? checked_add(end, *bytes) : std::optional<uint64_t>();
    if (!next) return unusable(spec.name, "has a shape that no file can hold");
    const bool is_new = entries.try_emplace(spec.name, Entry{spec, end, *elements, 0}).second;
    if (!is_new || spec.name == "__metadata__") return unusable(spec.name, "is a name that is taken");
    ends.push_back(end = *next);
  }
  KILTER_ASSIGN(std::string described, tensors_text(tensors, ends));
  KILTER_ASSIGN(const std::string header, header_of(metadata, described));
  const uint64_t header_bytes = (header.size() + kAlignment - 1) / kAlignment * kAlignment;
  const uint64_t data_begin = kLengthBytes + header_bytes;
  for (auto& [name, entry] : entries) entry.offset += data_begin;

  KILTER_ASSIGN(ScatteredFile file, ScatteredFile::create(path, data_begin + end));
  SafetensorsWriter writer(path, std::move(file), std::move(entries));
  writer.tensors_text_ = std::move(described);
  writer.header_bytes_ = header_bytes;
  writer.file_bytes_ = data_begin + end;
  writer.bytes_written_ = data_begin;
  KILTER_TRY(writer.file_.write(0, std::as_bytes(std::span(&header_bytes, 1))));
  KILTER_TRY(writer.write_header(header));
  return writer;
}

Status SafetensorsWriter::write_header(const std::string& text) {
  std::string padded = text;
  padded.resize(header_bytes_, ' ');
  return file_.write(kLengthBytes, std::as_bytes(std::span(padded)));
}

Status SafetensorsWriter::set_metadata(const Metadata& metadata) {
  KILTER_ASSIGN(const std::string header, header_of(metadata, tensors_text_));
  if (header.size() <= header_bytes_) return write_header(header);
  return Error{ErrorCode::usage, path_,
               "its header has room for " + std::to_string(header_bytes_) + " bytes, and " +
                   std::to_string(header.size()) + " came",
               ""};
}

Status SafetensorsWriter::write(std::string_view name, int64_t first, std::span<const float> elements) {
  return write_bytes(name, first, ElementType::f32, std::as_bytes(elements));
}

Status SafetensorsWriter::write(std::string_view name, int64_t first, std::span<const int32_t> elements) {
  return write_bytes(name, first, ElementType::i32, std::as_bytes(elements));
}

const TensorSpec* SafetensorsWriter::find(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second.spec;
}

Status SafetensorsWriter::write_bytes(std::string_view name, int64_t first, ElementType type,
                                      std::span<const std::byte> bytes) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return unusable(std::string(name), "was not announced for this file");
  Entry& entry = found->second;
  const ElementTypeInfo& info = element_type_info(entry.spec.type);
  if (type != entry.spec.type) {
    return unusable(entry.spec.name, "was announced as " + std::string(info.name) + ", and " +
                                         std::string(element_type_info(type).name) + " elements came");
  }
  const uint64_t count = bytes.size() / info.bytes;
  if (first < 0 || static_cast<uint64_t>(first) > entry.elements ||
      count > entry.elements - static_cast<uint64_t>(first)) {
    return unusable(entry.spec.name, "has " + std::to_string(entry.elements) + " elements, and " +
                                         std::to_string(count) + " came for the places from " +
                                         std::to_string(first) + " on");
  }
  KILTER_TRY(file_.write(entry.offset + static_cast<uint64_t>(first) * info.bytes, bytes));
  entry.written += count;
  bytes_written_ += bytes.size();
  return {};
}

Status SafetensorsWriter::commit() {
  for (const auto& [name, entry] : entries_) {
    if (entry.written == entry.elements) continue;
    return Error{ErrorCode::mismatch, path_,
                 quoted(name) + " has " + std::to_string(entry.elements) + " elements, and " +
                     std::to_string(entry.written) + " were written",
                 ""};
  }
  return file_.commit();
}

}  // namespace kilter
