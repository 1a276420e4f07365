#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <filesystem>

#include "base/thread_pool.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/units.h"
#include "model/random/file_type.h"
#include "model/random/shape.h"
#include "model/random_model.h"

namespace kilter::cli {
namespace {

namespace json = boost::json;

class MakeModel : public Command {
 public:
  const CommandInfo& info() const override;
  std::vector<Option> options() override;
  Result<ExitCode> run(Context& context) override;

 private:
  Result<RandomModelSummary> write(const std::string& path) const;
  std::string report(const std::string& path, const RandomModelSummary& summary) const;

  RandomModelRequest request_;
  std::optional<std::string> path_;
  std::optional<int64_t> threads_;
  bool json_ = false;
};

// Kept for the life of the program: CommandInfo only points at its texts.
const std::string& description() {
  static const std::string text = [] {
    std::string shapes;
    for (const NamedShape& shape : all_shapes()) shapes += fmt::format("{}: {}\n", shape.name, shape.about);
    return fmt::format(
        "The file is a valid GGUF model of the wanted shape, with random weights and a vocabulary that any "
        "text can "
        "be encoded with: for tests, benchmarks and the search for bugs. The same options give the same "
        "bytes on "
        "every machine.\n\n"
        "Weights are scaled so that activations keep their size over the layers; the logits are finite and "
        "look "
        "random. A type such as q4_k_m mixes formats as llama.cpp's quantiser does; --set pure=on uses one "
        "format "
        "for all matrices.\n\n"
        "Shapes:\n{}\n"
        "Measures that --set changes:\n{}.",
        shapes, measures_help());
  }();
  return text;
}

const CommandInfo& MakeModel::info() const {
  static const CommandInfo info = {
      .name = "make-model",
      .summary = "Write a model with random weights",
      .description = description(),
      .examples = {{"kilter make-model -o tiny.gguf", "two layers, 0.9 MB"},
                   {"kilter make-model --shape llama3-8b --type q4_k_m", "4.9 GB, for a benchmark"},
                   {"kilter make-model --type f32 --set n_layer=1 --set n_head_kv=4 -o one.gguf",
                    "one layer, without grouped-query attention, for a numpy check"},
                   {"kilter make-model --shape tiny-yarn --set rope_factor=8 --seed 7", "another YaRN"}},
      .exits = {{ExitCode::usage, "there is no such shape, type or measure, or the measures make no model"},
                {ExitCode::unavailable, "the file cannot be written"}},
  };
  return info;
}

std::vector<Option> MakeModel::options() {
  std::vector<std::string_view> shapes;
  for (const NamedShape& shape : all_shapes()) shapes.push_back(shape.name);
  std::vector<std::string_view> types;
  for (const FileType& type : all_file_types()) types.push_back(type.name);
  return {
      {.names = "-o,--output",
       .value = "FILE",
       .target = &path_,
       .help = "The file to write; one that is there is replaced. Without it: SHAPE-TYPE.gguf.",
       .completes = Completes::file},
      {.names = "--shape",
       .value = "SHAPE",
       .target = &request_.shape,
       .help = "The measures of which model.",
       .choices = std::move(shapes)},
      {.names = "--type",
       .value = "TYPE",
       .target = &request_.type,
       .help = "The format of the weights.",
       .choices = std::move(types)},
      {.names = "--seed", .value = "N", .target = &request_.seed, .help = "Which random weights."},
      {.names = "--set",
       .value = "MEASURE=VALUE",
       .target = &request_.measures,
       .help = "Change a measure of the shape. May be given more than once."},
      {.names = "-t,--threads",
       .value = "N",
       .target = &threads_,
       .help = "Threads; the bytes do not depend on it. Without it: one a processor.",
       .range = {1, 1024}},
      json_option(json_),
  };
}

Result<ExitCode> MakeModel::run(Context& context) {
  const std::string path = path_.value_or(fmt::format("{}-{}.gguf", request_.shape, request_.type));
  KILTER_ASSIGN(const RandomModelSummary summary, write(path));
  context.out.write(report(path, summary));
  return ExitCode::ok;
}

Result<RandomModelSummary> MakeModel::write(const std::string& path) const {
  ThreadPool threads(threads_ ? static_cast<int>(*threads_) : usable_processors());
  std::optional<Progress> progress;
  return write_random_model(request_, path, threads, [&](uint64_t written, uint64_t total) -> Status {
    if (!progress) progress.emplace(path, total, ProgressUnit::bytes);
    progress->update(written);
    return interrupted() ? Status(interrupted_error()) : Status();
  });
}

std::string MakeModel::report(const std::string& path, const RandomModelSummary& summary) const {
  if (json_) {
    return json_text(json::object{{"path", json_string(path)},
                                  {"tensors", summary.n_tensors},
                                  {"weights", summary.n_weights},
                                  {"tensor_bytes", summary.n_bytes}});
  }
  return fmt::format("{}: {} tensors, {} weights, {}\n", path, summary.n_tensors,
                     count_text(summary.n_weights), bytes_text(summary.n_bytes));
}

}  // namespace

std::unique_ptr<Command> make_make_model() { return std::make_unique<MakeModel>(); }

}  // namespace kilter::cli
