// A model as the tools that judge other engines need it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "analysis/diagnose/diagnosis.h"
#include "analysis/dump/read_dump.h"
#include "analysis/replay/replay.h"
#include "model/model.h"
#include "text/tokenizer.h"

namespace kilter::cli {

/// The model, its graph, and its tensors by name. Not movable: others point into it.
class AnalysedModel {
 public:
  /// No tokenizer is needed: models without one can be judged. Errors: those of gguf::File::open, load_model
  /// and graph_of.
  static Result<std::unique_ptr<AnalysedModel>> load(const std::string& path);
  AnalysedModel(const AnalysedModel&) = delete;
  AnalysedModel& operator=(const AnalysedModel&) = delete;

  const Model& model() const { return model_; }
  const Graph& graph() const { return *graph_; }
  const std::string& path() const { return path_; }
  analysis::ReplayModel replay_model() const;
  /// Head counts and the graph; the caller adds what the person said.
  analysis::DumpContext dump_context() const;
  /// Errors: those of Tokenizer::from_metadata.
  Result<std::shared_ptr<const text::Tokenizer>> tokenizer() const;

  /// Numbers that the dump's metadata says of the engine beside the file's.
  std::vector<analysis::HyperParameter> compare_numbers(const analysis::Dump& dump) const;

 private:
  AnalysedModel() = default;

  std::string path_;
  Model model_;
  std::unique_ptr<Graph> graph_;
  std::map<std::string, Weight, std::less<>> weights_;
};

}  // namespace kilter::cli
