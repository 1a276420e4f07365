#include "cli/diagnose/analysed_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/list_forward.h"

namespace kilter::cli {
namespace {

Weight weight_of(const gguf::TensorInfo& tensor) {
  Weight weight;
  weight.name = tensor.name;
  weight.type = tensor.type;
  weight.cols = static_cast<int64_t>(tensor.extent(0));
  weight.rows = static_cast<int64_t>(tensor.elements() / std::max<uint64_t>(tensor.extent(0), 1));
  weight.bytes = tensor.bytes;
  return weight;
}

// One number of a model, and the names that engines give it.
struct NumberRow {
  std::string_view key;
  std::vector<std::string_view> names;
  double (*value)(const Model& model);
};

const std::vector<NumberRow>& number_rows() {
  static const std::vector<NumberRow> kRows = {
      {"block_count",
       {"n_layer", "n_layers", "num_hidden_layers", "block_count"},
       [](const Model& m) { return static_cast<double>(m.config.n_layer); }},
      {"embedding_length",
       {"n_embd", "hidden_size", "dim", "embedding_length"},
       [](const Model& m) { return static_cast<double>(m.config.n_embd); }},
      {"attention.head_count",
       {"n_head", "n_heads", "num_attention_heads", "head_count"},
       [](const Model& m) { return static_cast<double>(m.config.layers.at(0).n_head); }},
      {"attention.head_count_kv",
       {"n_head_kv", "n_kv_heads", "num_key_value_heads", "head_count_kv"},
       [](const Model& m) { return static_cast<double>(m.config.layers.at(0).n_head_kv); }},
      {"feed_forward_length",
       {"n_ff", "intermediate_size", "hidden_dim", "feed_forward_length"},
       [](const Model& m) { return static_cast<double>(m.config.layers.at(0).n_ff); }},
      {"attention.key_length",
       {"head_dim", "key_length", "n_embd_head"},
       [](const Model& m) { return static_cast<double>(m.config.n_embd_head_k); }},
      {"attention.layer_norm_rms_epsilon",
       {"rms_eps", "rms_norm_eps", "norm_eps", "eps"},
       [](const Model& m) { return m.config.rms_eps; }},
      {"rope.freq_base",
       {"rope_base", "rope_theta", "rope_freq_base", "freq_base"},
       [](const Model& m) { return m.config.rope.freq_base; }},
      {"rope.dimension_count",
       {"n_rot", "rope_dim", "rope_dimension_count"},
       [](const Model& m) { return static_cast<double>(m.config.rope.dimension_count); }},
      {"vocab_size",
       {"n_vocab", "vocab_size"},
       [](const Model& m) { return static_cast<double>(m.n_vocab()); }},
  };
  return kRows;
}

std::optional<double> number_in(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Result<std::unique_ptr<AnalysedModel>> AnalysedModel::load(const std::string& path) {
  auto analysed = std::unique_ptr<AnalysedModel>(new AnalysedModel());
  analysed->path_ = path;
  KILTER_ASSIGN(gguf::File file, gguf::File::open(path));
  KILTER_ASSIGN(analysed->model_, load_model(std::make_shared<const gguf::File>(std::move(file))));
  KILTER_ASSIGN(Graph graph, graph_of(analysed->model_));
  analysed->graph_ = std::make_unique<Graph>(std::move(graph));
  for (const gguf::TensorInfo& tensor : analysed->model_.file->tensors()) {
    analysed->weights_.emplace(tensor.name, weight_of(tensor));
  }
  return analysed;
}

analysis::ReplayModel AnalysedModel::replay_model() const {
  const gguf::File& file = *model_.file;
  std::span<const std::byte> data;
  analysis::FileHeader header;
  if (file.shard_count() == 1 && !file.tensors().empty()) {
    const gguf::TensorInfo& first = file.tensors().front();
    const gguf::ShardInfo& shard = file.shard(0);
    data = {first.bytes.data() - first.offset, static_cast<size_t>(shard.file_bytes - shard.data_offset)};
    header.bytes = {data.data() - shard.data_offset, static_cast<size_t>(shard.data_offset)};
    header.used = static_cast<size_t>(shard.header_bytes);
  }
  return {.graph = graph_.get(),
          .weight =
              [this](std::string_view name) {
                const auto found = weights_.find(name);
                return found == weights_.end() ? nullptr : &found->second;
              },
          .file_data = data,
          .file_header = header};
}

analysis::DumpContext AnalysedModel::dump_context() const {
  analysis::DumpContext context;
  context.graph = graph_.get();
  context.n_head = model_.config.layers.at(0).n_head;
  context.n_head_kv = model_.config.layers.at(0).n_head_kv;
  return context;
}

Result<std::shared_ptr<const text::Tokenizer>> AnalysedModel::tokenizer() const {
  return text::Tokenizer::from_metadata(model_.file->metadata());
}

std::vector<analysis::HyperParameter> AnalysedModel::compare_numbers(const analysis::Dump& dump) const {
  std::vector<analysis::HyperParameter> numbers;
  for (const NumberRow& row : number_rows()) {
    for (const std::string_view name : row.names) {
      const auto found = dump.metadata.find(std::string(name));
      if (found == dump.metadata.end()) continue;
      const std::optional<double> theirs = number_in(found->second);
      const double ours = row.value(model_);
      // Written with six digits by many languages.
      const bool equal = theirs.has_value() && std::abs(*theirs - ours) <= 1e-5 * std::abs(ours);
      numbers.push_back({std::string(row.key), found->second, fmt::format("{:.9g}", ours), equal});
      break;
    }
  }
  return numbers;
}

}  // namespace kilter::cli
