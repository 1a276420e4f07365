#include "cli/inspect/report_json.h"

#include <boost/json/array.hpp>
#include <type_traits>

#include "cli/json_text.h"

namespace kilter::cli {
namespace {

namespace json = boost::json;

json::value json_value(const gguf::Value& value);

json::array json_array(const gguf::Array& array) {
  return std::visit(
      [](const auto& elements) {
        json::array result;
        for (size_t i = 0; i < elements.size(); ++i) result.push_back(json_value(gguf::Value(elements[i])));
        return result;
      },
      array.elements);
}

json::value json_value(const gguf::Value& value) {
  return std::visit(
      [](const auto& held) -> json::value {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, gguf::Array>) {
          return json_array(held);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return json::value(json_string(held));
        } else {
          return json::value(held);
        }
      },
      value);
}

json::object metadata_json(const ModelReport& report, const ReportDetail& detail) {
  json::object result;
  if (detail.metadata) {
    for (const gguf::KeyValue& entry : report.file->metadata().entries) {
      result[json_string(entry.key)] = json_value(entry.value);
    }
  } else {
    for (const gguf::KeyValue* entry : report.hyper_parameters) {
      result[json_string(entry->key)] = json_value(entry->value);
    }
  }
  return result;
}

json::object tokenizer_json(const ModelReport& report) {
  if (report.tokenizer == nullptr) return {{"error", json_string(report.tokenizer_obstacle->message())}};
  const text::Tokenizer& tokenizer = *report.tokenizer;
  const auto id = [](int32_t token) { return token < 0 ? json::value() : json::value(token); };
  return {{"model", json_string(tokenizer.model())},
          {"pre_tokenizer", json_string(tokenizer.pre())},
          {"tokens", tokenizer.size()},
          {"bos", id(tokenizer.bos())},
          {"eos", id(tokenizer.eos())}};
}

json::array files_json(const gguf::File& file) {
  json::array files;
  for (size_t i = 0; i < file.shard_count(); ++i) {
    const gguf::ShardInfo& shard = file.shard(i);
    files.push_back(json::object{{"path", json_string(shard.path)}, {"bytes", shard.file_bytes}});
  }
  return files;
}

json::array types_json(const ModelReport& report) {
  json::array types;
  for (const TypeShare& share : report.types) {
    types.push_back(json::object{{"type", dtype_info(share.type).name},
                                 {"tensors", share.tensors},
                                 {"values", share.values},
                                 {"bytes", share.bytes},
                                 {"bits_per_value", share.bits_per_value()}});
  }
  return types;
}

json::array tensors_json(const gguf::File& file) {
  json::array tensors;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    tensors.push_back(json::object{{"name", json_string(tensor.name)},
                                   {"type", dtype_info(tensor.type).name},
                                   {"ne", json::array(tensor.ne.begin(), tensor.ne.end())},
                                   {"bytes", tensor.bytes.size()},
                                   {"file", tensor.shard}});
  }
  return tensors;
}

json::array memory_json(const ModelReport& report) {
  json::array needs;
  for (const MemoryNeed& need : report.memory) {
    needs.push_back(json::object{{"context", need.positions},
                                 {"kv_bytes_f16", need.kv_bytes_f16()},
                                 {"kv_bytes_f32", need.kv_bytes_f32()},
                                 {"weight_bytes", report.weight_bytes}});
  }
  return needs;
}

json::array instruction_sets_json(const ModelReport& report) {
  json::array sets;
  for (const InstructionSet& set : report.instruction_sets) {
    sets.push_back(json::object{
        {"name", set.name}, {"needs", set.needs}, {"runs_here", set.runs_here}, {"chosen", set.chosen}});
  }
  return sets;
}

}  // namespace

json::object report_json(const ModelReport& report, const ReportDetail& detail) {
  const gguf::File& file = *report.file;
  json::object result;
  result["files"] = files_json(file);
  result["bytes"] = file.file_bytes();
  result["version"] = file.version();
  result["byte_order"] = file.byte_order() == gguf::ByteOrder::little ? "little" : "big";
  result["alignment"] = file.alignment();
  result["name"] = json_string(metadata_string(file, "general.name"));
  result["architecture"] = json_string(report.architecture);
  result["runs_here"] = !report.obstacle.has_value();
  result["obstacle"] = report.obstacle ? json::value(json_string(report.obstacle->message())) : json::value();
  result["parameters"] = report.parameters;
  result["tokenizer"] = tokenizer_json(report);
  result["chat_template"] = json_string(metadata_string(file, "tokenizer.chat_template"));
  result[detail.metadata ? "metadata" : "hyper_parameters"] = metadata_json(report, detail);
  result["types"] = types_json(report);
  result["memory"] = memory_json(report);
  result["instruction_sets"] = instruction_sets_json(report);
  result["tensors"] = tensors_json(file);
  return result;
}

json::object findings_json(std::span<const TensorScan> scans) {
  json::array findings;
  bool broken = false;
  for (const TensorScan& scan : scans) {
    broken |= scan.broken();
    for (const FindingKind* kind : scan.findings()) {
      const quant::Sighting& sighting = scan.scan.*kind->sighting;
      findings.push_back(
          json::object{{"tensor", json_string(scan.tensor->name)},
                       {"found", kind->key},
                       {"severity", kind->severity == Severity::broken ? "broken" : "suspicious"},
                       {"count", sighting.count},
                       {"first_block", *sighting.first_block}});
    }
  }
  return {{"sound", !broken}, {"findings", std::move(findings)}};
}

}  // namespace kilter::cli
