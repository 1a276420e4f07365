#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "cli/args.h"
#include "cli/command.h"
#include "cli/json_text.h"
#include "cli/model_hash.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/trace/trace_run.h"
#include "cli/units.h"
#include "engine/backend_choice.h"
#include "observe/summary_sink.h"

namespace kilter::cli {
namespace {

const CommandInfo kInfo = {
    .name = "trace",
    .summary = "Write every value of a forward pass to a file",
    .description =
        "Runs the prompt through the model once and writes every named value to one safetensors file: a row "
        "a token, "
        "logits for every row, the token ids as `token_ids`. Python opens it with "
        "safetensors.numpy.load_file. The "
        "names are those of `kilter explain`. The file does not depend on --chunk, --threads or --isa.\n\n"
        "--print shows a line a value instead of or beside the file: the debug log that people otherwise add "
        "by hand. "
        "--self-check runs the prompt without tracing first and proves that tracing changes no bit of the "
        "logits.",
    .examples = {{"kilter trace model.gguf -p 'Hello' -o t.safetensors", "everything"},
                 {"kilter trace model.gguf --ids 1,450 --only 'blk\\.0\\.' -o t.safetensors",
                  "layer 0 alone"},
                 {"kilter trace model.gguf --ids 1 --print --only 'attn|logits'", "a line a value, no file"},
                 {"kilter trace model.gguf -p 'Hello' -o t.safetensors --self-check", "with the proof"}},
    .exits = {{ExitCode::negative, "--self-check: tracing changed a bit; no file was written"}},
};

std::string end_text(const std::vector<float>& values) {
  return fmt::format("{:.6g}", fmt::join(values, " "));
}

std::string value_line(const ValueSummary& v) {
  const Stats& s = v.stats;
  const std::string last = s.last.empty() ? "" : " .. " + end_text(s.last);
  return fmt::format(
      "{:<26} {:<16} [{}{}]  mean {:.6g}  rms {:.6g}  min {:.6g}  max {:.6g}  nan {}  inf {}\n",
      to_string(v.at), to_string(v.shape), end_text(s.first), last, s.mean, s.rms, s.min, s.max, s.n_nan,
      s.n_pos_inf + s.n_neg_inf);
}

boost::json::value number_or_null(double x) {
  return std::isfinite(x) ? boost::json::value(x) : boost::json::value(nullptr);
}

boost::json::object value_json(const ValueSummary& v) {
  boost::json::array shape;
  for (int axis = 0; axis < v.shape.rank; ++axis) shape.push_back(v.shape[axis]);
  const auto ends = [](const std::vector<float>& values) {
    boost::json::array array;
    for (const float x : values) array.push_back(number_or_null(double{x}));
    return array;
  };
  const Stats& s = v.stats;
  return {{"name", to_string(v.at)},
          {"shape", std::move(shape)},
          {"first", ends(s.first)},
          {"last", ends(s.last)},
          {"mean", number_or_null(s.mean)},
          {"rms", number_or_null(s.rms)},
          {"min", number_or_null(s.min)},
          {"max", number_or_null(s.max)},
          {"nan", s.n_nan},
          {"positive_infinity", s.n_pos_inf},
          {"negative_infinity", s.n_neg_inf}};
}

class TraceCommand : public Command {
 public:
  const CommandInfo& info() const override { return kInfo; }

  std::vector<Option> options() override {
    std::vector<Option> rows = {{.names = "MODEL",
                                 .target = &model_,
                                 .help = "A GGUF file, or a spec that `kilter pull` has fetched.",
                                 .completes = Completes::model}};
    const auto add = [&rows](std::vector<Option> more) { rows.insert(rows.end(), more.begin(), more.end()); };
    add(prompt_.rows());
    add({{.names = "-o,--output",
          .value = "FILE",
          .target = &path_,
          .help = "The safetensors file to write. It appears when it is complete.",
          .completes = Completes::file},
         {.names = "--only",
          .value = "REGEX",
          .target = &only_,
          .help = "Just the values in whose name this regular expression matches somewhere."},
         {.names = "--print",
          .target = &print_,
          .help = "Prints a line a value and pass to standard output."},
         {.names = "--self-check",
          .target = &self_check_,
          .help = "Runs without tracing as well, and fails if a bit of the logits differs."}});
    add(compute_.rows());
    add({json_option(json_)});
    return rows;
  }

  Result<ExitCode> run(Context& context) override {
    if (!path_ && !print_ && !self_check_) {
      return Error{ErrorCode::usage, "trace", "nothing to do",
                   "give a file with -o, or --print, or --self-check"};
    }
    KILTER_ASSIGN(const NameFilter filter, NameFilter::create(only_));
    KILTER_ASSIGN(const std::string path, find_model(model_, context.environment));
    KILTER_ASSIGN(const LoadedModel loaded, load_model_and_tokenizer(path));
    KILTER_ASSIGN(const TraceRequest request, make_request(loaded, filter));
    KILTER_ASSIGN(const auto ops, make_ops(loaded.model));

    boost::json::array values;
    SummarySink print(filter, [&](const ValueSummary& v) {
      if (json_) {
        values.push_back(value_json(v));
      } else {
        context.out.write(value_line(v));
        context.out.flush();
      }
    });
    KILTER_ASSIGN(auto described, metadata(request));
    TraceOutput output{
        .path = path_, .metadata = std::move(described), .print = print_ ? &print : nullptr, .untraced = {}};
    if (self_check_) {
      KILTER_ASSIGN(output.untraced, run_prompt(request, *ops, "running without tracing"));
    }
    KILTER_ASSIGN(const TraceSummary written, run_traced(request, *ops, output));
    if (json_) context.out.write(json_text(report(request, written, std::move(values))));
    if (!json_) say_summary(request, written);
    return ExitCode::ok;
  }

 private:
  Result<std::unique_ptr<Ops>> make_ops(const Model& model) const {
    LoadOptions options = compute_.load_options();
    const LoadProgress progress(options);
    KILTER_ASSIGN(std::unique_ptr<Ops> ops, make_backend(options));
    KILTER_TRY(prepare_backend(*ops, model, options));
    return ops;
  }

  Result<TraceRequest> make_request(const LoadedModel& loaded, const NameFilter& filter) const {
    KILTER_ASSIGN(std::vector<int32_t> ids,
                  prompt_.tokens([&](std::string_view text) { return loaded.tokenizer->encode(text, {}); }));
    if (ids.empty()) {
      return Error{ErrorCode::usage, "prompt", "has no tokens", "give a prompt of at least one token"};
    }
    KILTER_TRY(check_ids(loaded.model, ids));
    const int64_t n_ctx = compute_.n_ctx != 0 ? compute_.n_ctx : static_cast<int64_t>(ids.size());
    constexpr int64_t kChunk = 64;  // every value of a pass is kept at once: more would take much memory
    const SessionOptions session{.n_ctx = n_ctx,
                                 .chunk = std::min(compute_.chunk == 0 ? kChunk : compute_.chunk, n_ctx)};
    return TraceRequest{loaded, std::move(ids), session, filter};
  }

  Result<std::map<std::string, std::string>> metadata(const TraceRequest& request) const {
    const gguf::File& file = *request.loaded.model.file;
    std::map<std::string, std::string> m = {
        {"producer", std::string("kilter ") + KILTER_VERSION},
        {"backend", compute_.backend},
        {"mode", compute_.backend != "cpu" ? "f64"
                 : compute_.mode.empty()   ? "accurate"
                                           : compute_.mode},
        {"architecture", std::string(request.loaded.model.config.architecture->name)},
        {"model_name", request.loaded.model.config.name},
        {"token_ids", fmt::format("{}", fmt::join(request.ids, ","))},
        {"positions", fmt::format("0..{}", request.ids.size() - 1)},
        {"self_check", self_check_ ? "passed" : "not run"}};
    if (path_) {
      KILTER_ASSIGN(m["model_sha256"], model_hash(file));
    }
    return m;
  }

  boost::json::object report(const TraceRequest& request, const TraceSummary& written,
                             boost::json::array values) const {
    boost::json::object r = {{"token_ids", boost::json::value_from(request.ids)},
                             {"self_check", self_check_ ? "passed" : "not run"}};
    if (path_) r["file"] = {{"path", *path_}, {"values", written.values}, {"bytes", written.bytes}};
    if (print_) r["values"] = std::move(values);
    return r;
  }

  void say_summary(const TraceRequest& request, const TraceSummary& written) const {
    if (self_check_) {
      say(fmt::format("self-check passed: {} logits of {} rows have the same bits with tracing and without",
                      grouped(request.ids.size() * static_cast<uint64_t>(request.loaded.model.n_vocab())),
                      request.ids.size()));
    }
    if (path_) say(fmt::format("{} values, {}, in {}", written.values, bytes_text(written.bytes), *path_));
  }

  std::string model_;
  PromptOptions prompt_;
  ComputeOptions compute_;
  std::optional<std::string> path_;
  std::string only_;
  bool print_ = false;
  bool self_check_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_trace() { return std::make_unique<TraceCommand>(); }

}  // namespace kilter::cli
