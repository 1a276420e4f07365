#include "kilter/trace.h"

#include <utility>

#include "base/utf8.h"
#include "trace/safetensors_file.h"

namespace kilter {
namespace {

Result<const StoredTensor*> find_tensor(const SafetensorsFile& file, std::string_view name) {
  if (const StoredTensor* tensor = file.find(name)) return tensor;
  return Error{ErrorCode::not_found, quoted(name), "is no value of this trace", "list its values first"};
}

std::vector<TraceValue> list_values(const SafetensorsFile& file) {
  std::vector<TraceValue> values;
  for (const StoredTensor& tensor : file.tensors()) {
    values.push_back({tensor.name, std::string(element_type_info(tensor.type).name), tensor.shape});
  }
  return values;
}

std::vector<float> read_elements(const StoredTensor& tensor, int64_t first, int64_t count) {
  const size_t element_bytes = element_type_info(tensor.type).bytes;
  std::vector<float> elements(static_cast<size_t>(count));
  to_f32(tensor.type,
         tensor.bytes.subspan(static_cast<size_t>(first) * element_bytes,
                              static_cast<size_t>(count) * element_bytes),
         elements);
  return elements;
}

}  // namespace

int64_t TraceValue::elements() const {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

Result<Trace> Trace::open(const std::string& path) {
  KILTER_ASSIGN(SafetensorsFile file, SafetensorsFile::open(path));
  return Trace(std::make_shared<const SafetensorsFile>(std::move(file)));
}

Trace::Trace(std::shared_ptr<const SafetensorsFile> file)
    : file_(std::move(file)), values_(std::make_shared<const std::vector<TraceValue>>(list_values(*file_))) {}

const TraceValue* Trace::find(std::string_view name) const {
  const StoredTensor* tensor = file_->find(name);
  return tensor == nullptr ? nullptr : &(*values_)[static_cast<size_t>(tensor - file_->tensors().data())];
}

const std::map<std::string, std::string>& Trace::metadata() const { return file_->metadata(); }

Result<std::vector<float>> Trace::read(std::string_view name) const {
  KILTER_ASSIGN(const StoredTensor* tensor, find_tensor(*file_, name));
  return read_elements(*tensor, 0, tensor->elements());
}

Result<std::vector<float>> Trace::read_rows(std::string_view name, int64_t first, int64_t count) const {
  KILTER_ASSIGN(const StoredTensor* tensor, find_tensor(*file_, name));
  const int64_t rows = tensor->shape.empty() ? 0 : tensor->shape[0];
  if (first < 0 || count < 0 || first > rows || count > rows - first) {
    return Error{ErrorCode::usage, quoted(name),
                 "has " + std::to_string(rows) + " rows, and " + std::to_string(count) +
                     " were asked for from row " + std::to_string(first) + " on",
                 "ask for rows that are there"};
  }
  const int64_t row_size = rows == 0 ? 0 : tensor->elements() / rows;
  return read_elements(*tensor, first * row_size, count * row_size);
}

}  // namespace kilter
