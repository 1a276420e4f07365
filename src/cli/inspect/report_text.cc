#include "cli/inspect/report_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/utf8.h"
#include "cli/table.h"
#include "cli/units.h"
#include "ops/kv.h"

namespace kilter::cli {
namespace {

constexpr size_t kIndent = 2;

std::string titled(std::string_view title, const Table& table) {
  return fmt::format("\n{}\n{}", title, table.text(kIndent));
}

std::string ne_text(const gguf::TensorInfo& tensor) {
  return fmt::format("{{{}}}", fmt::join(tensor.ne, ", "));
}

std::string token_text(const text::Tokenizer& tokenizer, int32_t id) {
  return id < 0 ? "none" : fmt::format("{} {}", id, quoted(tokenizer.entry(id)));
}

std::string tokenizer_text(const ModelReport& report) {
  if (report.tokenizer == nullptr) return report.tokenizer_obstacle->message();
  const text::Tokenizer& tokenizer = *report.tokenizer;
  const std::string pre =
      tokenizer.pre().empty() ? "" : fmt::format(", pre-tokenizer {}", quoted(tokenizer.pre()));
  return fmt::format("{}{}, {} tokens, beginning {}, end {}", tokenizer.model(), pre,
                     grouped(static_cast<uint64_t>(tokenizer.size())), token_text(tokenizer, tokenizer.bos()),
                     token_text(tokenizer, tokenizer.eos()));
}

std::string architecture_text(const ModelReport& report) {
  const std::string name = report.architecture.empty() ? "not named" : quoted(report.architecture);
  return name + (report.obstacle ? ", does not run here" : ", runs here");
}

/// A name from the file: as it is where a terminal shows it as it is, else in quotes with escapes.
std::string shown(const std::string& name) {
  std::string safe = quoted(name);
  return safe.size() == name.size() + 2 ? name : safe;
}

/// A rounded number, and all its digits where rounding took some.
std::string exact(const std::string& rounded, uint64_t number, std::string_view unit) {
  const std::string all = grouped(number) + std::string(unit);
  return rounded == all ? rounded : fmt::format("{} ({})", rounded, all);
}

std::string facts(const ModelReport& report) {
  const gguf::File& file = *report.file;
  const std::string_view order =
      file.byte_order() == gguf::ByteOrder::little ? "little-endian" : "big-endian";
  const std::string chat_template = metadata_string(file, "tokenizer.chat_template");
  const std::string name = metadata_string(file, "general.name");
  Table table({{}, {}});
  table.add({"file", file.path()});
  if (!name.empty()) table.add({"name", quoted(name)});
  table.add(
      {"format", fmt::format("GGUF version {}, {}, alignment {}", file.version(), order, file.alignment())});
  table.add(
      {"size", fmt::format("{} in {}", exact(bytes_text(file.file_bytes()), file.file_bytes(), " bytes"),
                           counted(file.shard_count(), "file"))});
  table.add({"architecture", architecture_text(report)});
  if (report.obstacle) table.add({"", report.obstacle->message()});
  table.add({"parameters", exact(count_text(report.parameters), report.parameters, "")});
  table.add({"tokenizer", tokenizer_text(report)});
  table.add({"chat template",
             chat_template.empty() ? "none" : fmt::format("{} bytes", grouped(chat_template.size()))});
  return table.text();
}

std::string metadata_table(const ModelReport& report, const ReportDetail& detail) {
  Table table({{"key"}, {"type"}, {"value"}});
  const auto add = [&table](const gguf::KeyValue& entry) {
    table.add({shown(entry.key), gguf::type_name(entry.value), gguf::to_string(entry.value)});
  };
  if (!detail.metadata) {
    for (const gguf::KeyValue* entry : report.hyper_parameters) add(*entry);
    return report.hyper_parameters.empty() ? "" : titled("Hyper-parameters", table);
  }
  for (const gguf::KeyValue& entry : report.file->metadata().entries) add(entry);
  return titled("Metadata", table);
}

/// "0-29", or "0-3, 5": runs of numbers that follow one another.
std::string layers_text(const TensorGroup& group) {
  std::vector<uint64_t> numbers = group.layers;
  std::sort(numbers.begin(), numbers.end());
  std::string text;
  for (size_t first = 0, last = 0; first < numbers.size(); first = ++last) {
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!text.empty()) text += ", ";
    text += fmt::format("{}", numbers[first]);
    if (last != first) text += fmt::format("-{}", numbers[last]);
  }
  return text;
}

std::string tensor_table(const ModelReport& report, const ReportDetail& detail) {
  if (report.groups.empty()) return "\nTensors\n  none: a vocabulary without weights\n";
  const auto size = [](uint64_t bytes) { return bytes_text(bytes); };
  if (detail.tensors) {
    Table table({{"tensor"}, {"type"}, {"ne, fastest axis first"}, {"size", Align::right}});
    for (const gguf::TensorInfo& tensor : report.file->tensors()) {
      table.add({shown(tensor.name), std::string(dtype_info(tensor.type).name), ne_text(tensor),
                 size(tensor.bytes.size())});
    }
    return titled("Tensors", table);
  }
  Table table({{"tensor"}, {"layers"}, {"type"}, {"ne, fastest axis first"}, {"size", Align::right}});
  for (const TensorGroup& group : report.groups) {
    table.add({shown(group.name), layers_text(group), std::string(dtype_info(group.first->type).name),
               ne_text(*group.first), size(group.bytes)});
  }
  return titled("Tensors", table);
}

std::string type_table(const ModelReport& report) {
  Table table({{"type"},
               {"tensors", Align::right},
               {"values", Align::right},
               {"size", Align::right},
               {"share", Align::right},
               {"bits a weight", Align::right}});
  const auto add = [&](std::string_view name, const TypeShare& share) {
    const double part = 100 * static_cast<double>(share.bytes) / static_cast<double>(report.tensor_bytes);
    table.add({std::string(name), grouped(share.tensors), grouped(share.values), bytes_text(share.bytes),
               fmt::format("{:.1f} %", part), fmt::format("{:.2f}", share.bits_per_value())});
  };
  for (const TypeShare& share : report.types) add(dtype_info(share.type).name, share);
  if (report.types.size() > 1) {
    add("all", {DType::f32, report.file->tensors().size(), report.parameters, report.tensor_bytes});
  }
  return report.types.empty() ? "" : titled("Types", table);
}

/// The formula behind the numbers; layers that differ make a sum that no line holds.
std::string kv_formula(const Config& config) {
  const LayerConfig& first = config.layers[0];
  const bool alike = std::all_of(config.layers.begin(), config.layers.end(), [&](const LayerConfig& layer) {
    return layer.n_head_kv == first.n_head_kv;
  });
  const std::string sum =
      alike ? fmt::format("{} x {}", counted(static_cast<uint64_t>(config.n_layer), "layer"),
                          counted(static_cast<uint64_t>(first.n_head_kv), "head"))
            : "heads of all layers";
  return fmt::format("{} x ({} + {}) = {} values a position, in blocks of {} positions", sum,
                     config.n_embd_head_k, config.n_embd_head_v, grouped(kv_values_per_position(config)),
                     kKvBlock);
}

std::string memory_table(const ModelReport& report) {
  if (!report.config) return "";
  Table table({{"context", Align::right},
               {"keys and values, f16", Align::right},
               {"f32", Align::right},
               {"weights", Align::right},
               {"together, f16", Align::right}});
  for (const MemoryNeed& need : report.memory) {
    table.add({grouped(need.positions), bytes_text(need.kv_bytes_f16()), bytes_text(need.kv_bytes_f32()),
               bytes_text(report.weight_bytes), bytes_text(need.kv_bytes_f16() + report.weight_bytes)});
  }
  return titled("Memory of one sequence", table) + fmt::format(
                                                       "  keys and values: {}\n"
                                                       "  the reference backend keeps an f32 and an f64 of "
                                                       "each, 12 bytes, and reads weights in the file\n",
                                                       kv_formula(*report.config));
}

std::string instruction_set_table(const ModelReport& report) {
  Table table({{"name"}, {"needs"}, {"here"}});
  for (const InstructionSet& set : report.instruction_sets) {
    const std::string_view here = set.chosen ? "runs, chosen" : set.runs_here ? "runs" : "does not run";
    table.add({std::string(set.name), std::string(set.needs), std::string(here)});
  }
  return titled("Instruction sets of backend cpu", table);
}

}  // namespace

std::string report_text(const ModelReport& report, const ReportDetail& detail) {
  return facts(report) + metadata_table(report, detail) + tensor_table(report, detail) + type_table(report) +
         memory_table(report) + instruction_set_table(report);
}

std::string findings_text(std::span<const TensorScan> scans) {
  Table table({{"tensor"}, {"type"}, {"found"}, {"times", Align::right}, {"first block", Align::right}});
  uint64_t values = 0, blocks = 0, broken = 0;
  bool found = false;
  for (const TensorScan& scan : scans) {
    values += scan.scan.values;
    blocks += scan.scan.blocks;
    if (scan.broken()) ++broken;
    for (const FindingKind* kind : scan.findings()) {
      const quant::Sighting& sighting = scan.scan.*kind->sighting;
      found = true;
      table.add({shown(scan.tensor->name), std::string(dtype_info(scan.tensor->type).name),
                 std::string(kind->name), grouped(sighting.count), grouped(*sighting.first_block)});
    }
  }
  const std::string verdict =
      broken == 0 ? "no NaN, no infinity" : fmt::format("NaN or infinity in {}", counted(broken, "tensor"));
  return (found ? titled("Verification", table) : "\nVerification\n") +
         fmt::format("  decoded {} in {} of {}: {}\n", counted(values, "value"), counted(blocks, "block"),
                     counted(scans.size(), "tensor"), verdict);
}

}  // namespace kilter::cli
