// Safetensors files: kilter's own traces, and what hooks in Hugging Face's models write.
#include <memory>

#include "analysis/dump/formats/formats.h"
#include "analysis/dump/formats/stored_values.h"
#include "trace/safetensors_file.h"

namespace kilter::analysis {
namespace {

RawValue raw_value(const std::shared_ptr<const SafetensorsFile>& file, const StoredTensor& tensor) {
  RawValue value;
  value.name = tensor.name;
  value.shape = tensor.shape;
  value.stored = stored_as(tensor.type);
  value.integers = is_integer(tensor.type);
  value.load = [file, &tensor]() -> Result<RawElements> {
    return RawElements{numbers(tensor.type, Endian::little, tensor.bytes), {}};
  };
  return value;
}

}  // namespace

Result<std::vector<RawPass>> read_safetensors(const std::string& path) {
  KILTER_ASSIGN(SafetensorsFile opened, SafetensorsFile::open(path));
  const auto file = std::make_shared<const SafetensorsFile>(std::move(opened));
  RawPass pass;
  pass.path = path;
  pass.metadata = file->metadata();
  const auto engine = pass.metadata.find("engine");
  pass.producer = engine == pass.metadata.end() ? "safetensors" : engine->second;
  take_run_metadata(pass);
  for (const StoredTensor& tensor : file->tensors()) {
    if (take_run_array(tensor.name, ids(tensor.type, Endian::little, tensor.bytes), pass)) continue;
    pass.values.push_back(raw_value(file, tensor));
    // Hugging Face's debugger writes a file a tensor, and the file has its name.
    if (tensor.name == "data" && file->tensors().size() == 1) pass.values.back().name = stem_of(path);
  }
  return std::vector{std::move(pass)};
}

}  // namespace kilter::analysis
