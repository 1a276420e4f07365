#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/args.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/prompt.h"
#include "cli/table.h"
#include "kilter/engine.h"

namespace kilter::cli {
namespace {

const CommandInfo kInfo = {
    .name = "run",
    .summary = "Go on from a prompt",
    .description =
        "Streams the text that the model writes after the prompt to standard output, and the timing to "
        "standard "
        "error. The answer is a function of the model, the prompt, the options and the seed: it does not "
        "depend on "
        "threads, chunks, the instruction set or the machine.\n\n"
        "Tokens are chosen in this order: --repeat-penalty, --top-k, --top-p, --min-p, --temp; --temp 0 "
        "takes the "
        "most likely one.\n\n"
        "Ctrl-C stops after the pass at hand, and what was written stays.",
    .examples = {{"kilter run model.gguf -p 'The capital of France is'", "write on"},
                 {"kilter run model.gguf -p 'Once upon a time' -n 64 --temp 0", "64 tokens, always the same"},
                 {"kilter run model.gguf --ids 1,450 -n 1 --temp 0 --logprobs 5",
                  "what comes after these tokens, and how sure the model is"},
                 {"kilter run model.gguf -p - <prompt.txt --stop $'\\n\\n'",
                  "prompt from a file, one paragraph"},
                 {"kilter run model.gguf -p 'Once upon a time' -n 64 --temp 0 --isa generic -t 1 --chunk 1",
                  "the same answer, with plain kernels, on one thread, token by token"}},
    .exits = {{ExitCode::interrupted, "Ctrl-C; what was written so far stands"}},
};

// A token's bytes on one line, in quotes.
std::string quoted(std::string_view piece) {
  return boost::json::serialize(boost::json::string(json_string(piece)));
}

class Run : public Command {
 public:
  const CommandInfo& info() const override { return kInfo; }

  std::vector<Option> options() override {
    std::vector<Option> rows = {{.names = "MODEL",
                                 .target = &model_,
                                 .help = "A GGUF file, or a spec that `kilter pull` has fetched.",
                                 .completes = Completes::model}};
    const auto add = [&rows](std::vector<Option> more) { rows.insert(rows.end(), more.begin(), more.end()); };
    add(prompt_.rows());
    add({{.names = "-n,--max-tokens",
          .value = "N",
          .target = &generate_.max_tokens,
          .help = "The most tokens to write.",
          .range = {.min = 0, .max = 1 << 30}}});
    add(sampling_rows());
    add({{.names = "--stop",
          .value = "TEXT",
          .target = &generate_.stop,
          .help = "Ends the answer before this text; may be given several times."},
         {.names = "--logprobs",
          .value = "K",
          .target = &logprobs_,
          .help = "Prints a line a token, with its log probability and those of the K most likely tokens.",
          .range = {.min = 0, .max = 1000}}});
    add(compute_.rows());
    add({json_option(json_)});
    return rows;
  }

  Result<ExitCode> run(Context& context) override {
    KILTER_ASSIGN(const std::string path, find_model(model_, context.environment));
    KILTER_ASSIGN(engine_, load(path));
    KILTER_ASSIGN(prompt_ids_, prompt_.tokens([&](std::string_view text) {
      return engine_->tokenize(text, Specials::recognise);
    }));
    KILTER_ASSIGN(const auto session,
                  engine_->open_session({.n_ctx = context_length(), .chunk = compute_.chunk}));
    generate_.logprobs = static_cast<int>(logprobs_);
    KILTER_ASSIGN(const Generation generation, generate(*session, context.out));
    if (json_) {
      context.out.write(json_text(report(generation)));
    } else if (logprobs_ == 0) {
      context.out.write("\n");
    }
    context.out.flush();
    say(timing(generation));
    return generation.reason == FinishReason::stopped && interrupted() ? ExitCode::interrupted : ExitCode::ok;
  }

 private:
  Result<std::unique_ptr<Engine>> load(const std::string& path) const {
    LoadOptions options = compute_.load_options();
    const LoadProgress progress(options);
    return Engine::load(path, options);
  }

  std::vector<Option> sampling_rows() {
    SamplingOptions& s = generate_.sampling;
    return {{.names = "--temp",
             .value = "X",
             .target = &s.temperature,
             .help = "Divides the logits: below 1 surer, above 1 wilder. 0: always the most likely token."},
            {.names = "--top-k",
             .value = "N",
             .target = &s.top_k,
             .help = "Chooses among the N most likely tokens. 0: all."},
            {.names = "--top-p",
             .value = "X",
             .target = &s.top_p,
             .help = "Chooses among the fewest tokens whose probabilities add up to X. 1: all."},
            {.names = "--min-p",
             .value = "X",
             .target = &s.min_p,
             .help = "Drops tokens less likely than X times the most likely one. 0: none."},
            {.names = "--repeat-penalty",
             .value = "X",
             .target = &s.repeat_penalty,
             .help = "Makes the last 64 tokens less likely. 1: off."},
            {.names = "--seed",
             .value = "N",
             .target = &s.seed,
             .help = "The draws are a function of the seed and the position."}};
  }

  // Never silently shortened: what the prompt and the answer need, unless the person said otherwise.
  int64_t context_length() const {
    const int64_t needed = static_cast<int64_t>(prompt_ids_.size()) + generate_.max_tokens;
    const int64_t n_ctx = compute_.n_ctx != 0 ? compute_.n_ctx : std::max<int64_t>(needed, 1);
    if (n_ctx > engine_->n_ctx_train()) {
      say(fmt::format(
          "{} positions are more than the {} this model was trained for; later ones may make no sense", n_ctx,
          engine_->n_ctx_train()));
    }
    return n_ctx;
  }

  Result<Generation> generate(Session& session, Output& out) {
    std::optional<Progress> progress;
    progress.emplace("reading the prompt", prompt_ids_.size(), ProgressUnit::steps);
    generate_.on_prompt = [&](int64_t done, int64_t) {
      progress->update(static_cast<uint64_t>(done));
      return interrupted() ? Go::stop : Go::on;
    };
    return session.generate(prompt_ids_, generate_, [&](const TokenEvent& event) {
      progress.reset();
      show(event, out);
      return interrupted() || out.closed() ? Go::stop : Go::on;
    });
  }

  void show(const TokenEvent& event, Output& out) {
    text_ += event.text;
    if (json_) {
      if (event.id >= 0) tokens_.push_back(token_json(event));
      return;
    }
    if (logprobs_ == 0) {
      out.write(event.text);
    } else if (event.id >= 0) {
      out.write(logprob_line(event));
    }
    out.flush();
  }

  std::string piece(int32_t id) const {
    const Result<std::string> bytes = engine_->piece(id);
    return bytes.ok() ? *bytes : std::string();
  }

  std::string logprob_line(const TokenEvent& event) const {
    std::string line =
        fmt::format("{:>7} {:<16} {:9.5f}  ", event.id, quoted(piece(event.id)), event.logprob);
    for (const TokenLogprob& t : event.top)
      line += fmt::format("  {} {} {:.5f}", t.id, quoted(piece(t.id)), t.logprob);
    return line + "\n";
  }

  boost::json::object logprob_json(int32_t id, double logprob) const {
    return {{"id", id}, {"text", json_string(piece(id))}, {"logprob", logprob}};
  }

  boost::json::object token_json(const TokenEvent& event) const {
    if (logprobs_ == 0) return {{"id", event.id}, {"text", json_string(piece(event.id))}};
    boost::json::object token = logprob_json(event.id, event.logprob);
    boost::json::array top;
    for (const TokenLogprob& t : event.top) top.push_back(logprob_json(t.id, t.logprob));
    token["top"] = std::move(top);
    return token;
  }

  boost::json::object report(const Generation& g) const {
    return {{"text", json_string(text_)},
            {"finish_reason", to_string(g.reason)},
            {"prompt_ids", boost::json::value_from(prompt_ids_)},
            {"ids", boost::json::value_from(g.ids)},
            {"tokens", tokens_},
            {"seconds",
             {{"prompt", g.prompt_seconds},
              {"first_token", g.first_token_seconds},
              {"after_first_token", g.generate_seconds}}}};
  }

  std::string timing(const Generation& g) const {
    const auto rate = [](int64_t n, double seconds) {
      return seconds > 0 ? static_cast<double>(n) / seconds : 0.0;
    };
    std::string text = fmt::format("prompt {} tokens in {:.2f} s ({:.1f} a second)", g.prompt_tokens,
                                   g.prompt_seconds, rate(g.prompt_tokens, g.prompt_seconds));
    const auto written = static_cast<int64_t>(g.ids.size());
    if (written > 1) {
      text += fmt::format("; answer {} tokens in {:.2f} s ({:.1f} a second)", written, g.generate_seconds,
                          rate(written - 1, g.generate_seconds));
    }
    return text + fmt::format("; ended by {}", to_string(g.reason));
  }

  std::string model_;
  PromptOptions prompt_;
  ComputeOptions compute_;
  GenerateOptions generate_;
  int64_t logprobs_ = 0;
  bool json_ = false;

  std::unique_ptr<Engine> engine_;
  std::vector<int32_t> prompt_ids_;
  std::string text_;
  boost::json::array tokens_;
};

}  // namespace

std::unique_ptr<Command> make_run() { return std::make_unique<Run>(); }

}  // namespace kilter::cli
