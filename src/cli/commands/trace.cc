#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "cli/args.h"
#include "cli/command.h"
#include "cli/json_text.h"
#include "cli/model_hash.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/trace/positions.h"
#include "cli/trace/trace_prompts.h"
#include "cli/trace/trace_run.h"
#include "cli/trace/trace_text.h"
#include "cli/units.h"
#include "engine/backend_choice.h"
#include "observe/summary_sink.h"

namespace kilter::cli {
namespace {

const CommandInfo kInfo = {
    .name = "trace",
    .summary = "Write every value of a forward pass to a file",
    .description =
        "Runs the prompt through the model and writes every named value to one safetensors file: a row a "
        "token, logits for every row, the token ids as `token_ids`. With --steps the tokens that the model "
        "would go on with are fed too, one a pass, and their rows stand below the prompt's. Python opens the "
        "file with safetensors.numpy.load_file. The names are those of `kilter explain`. No number in it "
        "depends on --chunk, --threads or --isa. The file is written as the run goes on and never held in "
        "memory.\n\n"
        "Its metadata say what was run: producer, model_sha256, architecture, model_name, backend, mode, kv, "
        "isa, stages, token_ids, passes (5,1 is a prompt of 5 and one step), positions (which tokens have "
        "rows; absent: all), self_check.\n\n"
        "Normally the ops run one by one, so that each value can be seen. With --as-run the backend computes "
        "as it does for `kilter run`, several ops in one kernel, and the file has what is left between them: "
        "token_embd, q and k after rotation, v, the cache, attn_mix, the two residuals, logits. Either way "
        "the bits are the same; --as-run is faster and proves it.\n\n"
        "Several prompts give several files: -o t.safetensors becomes t-0.safetensors, t-1.safetensors "
        "...\n\n"
        "--print shows a line a value instead of or beside the file: the debug log that people otherwise add "
        "by hand. --self-check runs the same passes without tracing as well and proves that tracing changes "
        "no bit of the logits.",
    .examples = {{"kilter trace model.gguf -p 'Hello' -o t.safetensors", "everything"},
                 {"kilter trace model.gguf -p 'Hello' --steps 2 -o t.safetensors",
                  "the prompt and two decode steps"},
                 {"kilter trace model.gguf --ids 1,450 --only 'blk\\.0\\.' -o t.safetensors",
                  "layer 0 alone"},
                 {"kilter trace model.gguf -p - --positions 0,last -o t.safetensors <story.txt",
                  "two rows of a long prompt"},
                 {"kilter trace model.gguf --ids 1 --print --only 'attn|logits'", "a line a value, no file"},
                 {"kilter trace model.gguf -p 'Hello' -o t.safetensors --self-check", "with the proof"}},
    .exits = {{ExitCode::negative, "--self-check: tracing changed a bit; no file was written"}},
};

class TraceCommand : public Command {
 public:
  const CommandInfo& info() const override { return kInfo; }

  std::vector<Option> options() override {
    std::vector<Option> rows = {{.names = "MODEL",
                                 .target = &model_,
                                 .help = "A GGUF file, or a spec that `kilter pull` has fetched.",
                                 .completes = Completes::model}};
    const auto add = [&rows](std::vector<Option> more) { rows.insert(rows.end(), more.begin(), more.end()); };
    add(prompts_.rows());
    add({{.names = "--steps",
          .value = "N",
          .target = &steps_,
          .help = "Tokens after the prompt: each the most likely one, in a pass of its own. The end of the "
                  "text does not stop them.",
          .range = {.min = 0, .max = 1 << 20}},
         {.names = "-o,--output",
          .value = "FILE",
          .target = &path_,
          .help = "The safetensors file to write. It appears when it is complete.",
          .completes = Completes::file},
         {.names = "--only",
          .value = "REGEX",
          .target = &only_,
          .help = "Just the values in whose name this regular expression matches somewhere."},
         {.names = "--positions",
          .value = "LIST",
          .target = &positions_,
          .help = "Just the rows of these tokens, counted from 0: 0,5,10-20,last."},
         {.names = "--as-run",
          .target = &as_run_,
          .help = "Computes as without tracing, and shows what can be seen of that."},
         {.names = "--expanded",
          .target = &expanded_,
          .help = "Computes op by op, and shows every value. This is done if neither is given."},
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
    KILTER_TRY(at_most_one(std::array{Flag{"--as-run", as_run_}, Flag{"--expanded", expanded_}}));
    KILTER_ASSIGN(const NameFilter filter, NameFilter::create(only_));
    KILTER_ASSIGN(const std::string path, find_model(model_, context.environment));
    KILTER_ASSIGN(const LoadedModel loaded, load(path));
    KILTER_ASSIGN(const std::vector<TraceRequest> requests, make_requests(loaded, filter));
    KILTER_ASSIGN(const auto ops, make_ops(loaded.model));
    KILTER_ASSIGN(const auto described, metadata(loaded.model));

    boost::json::array runs;
    for (size_t i = 0; i < requests.size(); ++i) {
      std::optional<std::string> file;
      if (path_) file = numbered_path(*path_, i, requests.size());
      if (print_ && !json_ && requests.size() > 1) {
        context.out.write(fmt::format("# {}\n", fmt::join(requests[i].prompt, ",")));
      }
      boost::json::array values;
      SummarySink print(filter, [&](const ValueSummary& v) { show(v, context.out, values); });
      const TraceOutput output{.path = file, .metadata = described, .print = print_ ? &print : nullptr};
      KILTER_ASSIGN(const TraceSummary written, run_trace(requests[i], *ops, output));
      if (json_) runs.push_back(report(written, file, std::move(values)));
      if (!json_) say_summary(loaded.model, written, file);
    }
    if (json_) {
      context.out.write(json_text(boost::json::object{{"self_check", self_check_ ? "passed" : "not run"},
                                                      {"runs", std::move(runs)}}));
    }
    return ExitCode::ok;
  }

 private:
  // Ids need no tokenizer: a model with a vocabulary that nobody here knows can be traced all the same.
  Result<LoadedModel> load(const std::string& path) const {
    if (prompts_.are_text()) return load_model_and_tokenizer(path);
    KILTER_ASSIGN(gguf::File file, gguf::File::open(path));
    KILTER_ASSIGN(Model model, load_model(std::make_shared<const gguf::File>(std::move(file))));
    return LoadedModel{std::move(model), nullptr};
  }

  Result<std::unique_ptr<Ops>> make_ops(const Model& model) const {
    LoadOptions options = compute_.load_options();
    const LoadProgress progress(options);
    KILTER_ASSIGN(std::unique_ptr<Ops> ops, make_backend(options));
    KILTER_TRY(prepare_backend(*ops, model, options));
    return ops;
  }

  Result<std::vector<TraceRequest>> make_requests(const LoadedModel& loaded, const NameFilter& filter) const {
    KILTER_ASSIGN(const auto prompts,
                  prompts_.tokens([&](std::string_view text) { return loaded.tokenizer->encode(text, {}); }));
    constexpr int64_t kChunk = 64;  // every value of a pass is kept at once: more would take much memory
    std::vector<TraceRequest> requests;
    for (const std::vector<int32_t>& ids : prompts) {
      KILTER_TRY(check_ids(loaded.model, ids));
      TraceRequest request{
          .model = loaded.model, .prompt = ids, .steps = steps_, .session = {}, .filter = filter};
      request.stages = as_run_ ? TraceStages::as_run : TraceStages::expanded;
      request.self_check = self_check_ ? SelfCheck::yes : SelfCheck::no;
      request.session.n_ctx = compute_.n_ctx != 0 ? compute_.n_ctx : request.n_tokens();
      request.session.chunk = std::min(compute_.chunk == 0 ? kChunk : compute_.chunk, request.session.n_ctx);
      if (positions_) {
        KILTER_ASSIGN(request.positions, parse_positions(*positions_, request.n_tokens()));
      }
      requests.push_back(std::move(request));
    }
    return requests;
  }

  Result<std::map<std::string, std::string>> metadata(const Model& model) const {
    KILTER_ASSIGN(const BackendNames names, backend_names_of(compute_.load_options()));
    std::map<std::string, std::string> m = {{"producer", std::string("kilter ") + KILTER_VERSION},
                                            {"backend", compute_.backend},
                                            {"mode", names.mode},
                                            {"kv", names.kv},
                                            {"architecture", std::string(model.config.architecture->name)},
                                            {"model_name", model.config.name}};
    if (!names.isa.empty()) m["isa"] = names.isa;
    if (path_) {
      KILTER_ASSIGN(m["model_sha256"], model_hash(*model.file));
    }
    return m;
  }

  void show(const ValueSummary& v, Output& out, boost::json::array& values) const {
    if (json_) return static_cast<void>(values.push_back(value_json(v)));
    out.write(value_line(v));
    out.flush();
  }

  boost::json::object report(const TraceSummary& written, const std::optional<std::string>& file,
                             boost::json::array values) const {
    boost::json::object r = {{"token_ids", boost::json::value_from(written.ids)},
                             {"passes", boost::json::value_from(written.passes)}};
    if (file) r["file"] = {{"path", *file}, {"values", written.values}, {"bytes", written.bytes}};
    if (print_) r["values"] = std::move(values);
    return r;
  }

  void say_summary(const Model& model, const TraceSummary& written,
                   const std::optional<std::string>& file) const {
    if (self_check_) {
      say(fmt::format("self-check passed: {} logits of {} rows have the same bits with tracing and without",
                      grouped(written.ids.size() * static_cast<uint64_t>(model.n_vocab())),
                      written.ids.size()));
    }
    if (file) say(fmt::format("{} values, {}, in {}", written.values, bytes_text(written.bytes), *file));
  }

  std::string model_;
  TracePrompts prompts_;
  ComputeOptions compute_;
  int64_t steps_ = 0;
  std::optional<std::string> path_;
  std::string only_;
  std::optional<std::string> positions_;
  bool as_run_ = false;
  bool expanded_ = false;
  bool print_ = false;
  bool self_check_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_trace() { return std::make_unique<TraceCommand>(); }

}  // namespace kilter::cli
