#include "cli/inspect/report.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "model/model.h"
#include "ops/kv.h"

namespace kilter::cli {
namespace {

constexpr uint64_t kFirstContext = 512;
constexpr uint64_t kContextStep = 4;
constexpr std::string_view kLayerPrefix = "blk.";

/// A tensor's name without the number of its layer, which is apart.
struct LayerName {
  std::string
      name;  ///< "blk.*.attn_q.weight" for "blk.3.attn_q.weight"; of a tensor outside the layers, its name
  std::optional<uint64_t> layer;
};

LayerName split_layer(const std::string& name) {
  if (!name.starts_with(kLayerPrefix)) return {name, {}};
  uint64_t layer = 0;
  const auto number = std::from_chars(name.data() + kLayerPrefix.size(), name.data() + name.size(), layer);
  const std::string rest(number.ptr, name.data() + name.size());
  if (number.ec != std::errc() || !rest.starts_with('.')) return {name, {}};
  return {std::string(kLayerPrefix) + "*" + rest, layer};
}

std::vector<TypeShare> shares(const gguf::File& file) {
  std::map<DType, TypeShare> by_type;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    TypeShare& share = by_type.try_emplace(tensor.type, TypeShare{tensor.type}).first->second;
    ++share.tensors;
    share.values += tensor.elements();
    share.bytes += tensor.bytes.size();
  }
  std::vector<TypeShare> result;
  for (const auto& [type, share] : by_type) result.push_back(share);
  std::stable_sort(result.begin(), result.end(),
                   [](const TypeShare& a, const TypeShare& b) { return a.bytes > b.bytes; });
  return result;
}

std::vector<TensorGroup> group_tensors(const gguf::File& file) {
  std::vector<TensorGroup> groups;
  std::map<std::tuple<std::string, DType, std::vector<uint64_t>>, size_t> known;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    const auto [name, layer] = split_layer(tensor.name);
    const auto [place, is_new] = known.try_emplace({name, tensor.type, tensor.ne}, groups.size());
    if (is_new) groups.push_back({.name = name, .first = &tensor});
    TensorGroup& group = groups[place->second];
    group.bytes += tensor.bytes.size();
    ++group.count;
    if (layer) group.layers.push_back(*layer);
  }
  return groups;
}

std::vector<const gguf::KeyValue*> keys_of(const gguf::File& file, const std::string& architecture) {
  std::vector<const gguf::KeyValue*> keys;
  for (const gguf::KeyValue& entry : file.metadata().entries) {
    if (!architecture.empty() && entry.key.starts_with(architecture + ".")) keys.push_back(&entry);
  }
  return keys;
}

/// Lengths from short to what the model was trained for.
std::vector<MemoryNeed> memory_needs(const Config& config) {
  const auto longest = static_cast<uint64_t>(config.n_ctx_train);
  const uint64_t per_position = kv_values_per_position(config);
  std::vector<MemoryNeed> needs;
  const auto add = [&](uint64_t positions) {
    const uint64_t blocks = (positions + kKvBlock - 1) / kKvBlock;
    needs.push_back({positions, blocks * kKvBlock * per_position});
  };
  for (uint64_t positions = kFirstContext; positions < longest; positions *= kContextStep) add(positions);
  add(longest);
  return needs;
}

}  // namespace

uint64_t kv_values_per_position(const Config& config) {
  const int64_t width = config.n_embd_head_k + config.n_embd_head_v;
  uint64_t values = 0;
  for (const LayerConfig& layer : config.layers) values += static_cast<uint64_t>(layer.n_head_kv * width);
  return values;
}

std::string metadata_string(const gguf::File& file, std::string_view key) {
  const gguf::Value* value = file.metadata().find(key);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? "" : *text;
}

ModelReport make_report(const std::shared_ptr<const gguf::File>& file) {
  ModelReport report;
  report.file = file;
  report.architecture = metadata_string(*file, "general.architecture");
  report.hyper_parameters = keys_of(*file, report.architecture);
  report.types = shares(*file);
  report.groups = group_tensors(*file);
  for (const TypeShare& share : report.types) {
    report.parameters += share.values;
    report.tensor_bytes += share.bytes;
  }
  auto tokenizer = text::Tokenizer::from_metadata(file->metadata());
  if (tokenizer.ok()) {
    report.tokenizer = *tokenizer;
  } else {
    report.tokenizer_obstacle = tokenizer.error();
  }
  auto config = read_config(file->metadata());
  if (config.ok()) {
    report.memory = memory_needs(*config);
    report.config = std::move(config).value();
  }
  const auto model = load_model(file);
  if (!model.ok()) report.obstacle = model.error();
  report.weight_bytes = model.ok() ? static_cast<uint64_t>(prepared_bytes(*model)) : report.tensor_bytes;
  report.instruction_sets = instruction_sets();
  return report;
}

}  // namespace kilter::cli
