#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/processors.h"
#include "cli/bench/measure.h"
#include "cli/bench/plot.h"
#include "cli/bench/report.h"
#include "cli/command.h"
#include "cli/json_text.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "engine/backend_choice.h"

namespace kilter::cli {
namespace {

const CommandInfo kInfo = {
    .name = "bench",
    .summary = "Measure how fast a model runs, and what limits it",
    .description =
        "Prefill reads a prompt of random tokens, decode computes one token after the other behind a context "
        "of --depth tokens. Each test runs once to warm up, then --repetitions times; the median counts, and "
        "the spread says how much it is worth.\n\n"
        "Beside the speed stands the truth: the bytes that a token needs (weights as the backend keeps them, "
        "cached keys and values), their part of what memory gives here to as many threads, the "
        "multiply-adds, "
        "and their part of what the instruction set can do at best. Both roofs are measured in the same run. "
        "The mode `accurate` makes two 8-bit multiply-adds of each one of the model, `exact` three; the "
        "share "
        "counts them all. More than 100 % of the memory means that the model stays in the cache.\n\n"
        "Timings of a machine that does other things too are noise: look at min and max, and at the "
        "processor time "
        "that the threads got of what they could use.",
    .examples = {{"kilter bench model.gguf", "a prompt of 512, an answer of 128, all processors"},
                 {"kilter bench model.gguf -p 16,512 -n 32 -d 0,4096 -t 1,2,4", "how it scales"},
                 {"kilter bench model.gguf --mode fast,accurate,exact --plot bench.svg",
                  "what more digits cost, as a picture"},
                 {"kilter bench model.gguf -p 0 -n 64 -r 3 --json", "decode only, for a program"}},
    .exits = {},
};

class BenchCommand : public Command {
 public:
  const CommandInfo& info() const override { return kInfo; }

  std::vector<Option> options() override {
    std::vector<Option> rows = {{.names = "MODEL",
                                 .target = &model_,
                                 .help = "A GGUF file, or a spec that `kilter pull` has fetched.",
                                 .completes = Completes::model}};
    const auto add = [&rows](std::vector<Option> more) { rows.insert(rows.end(), more.begin(), more.end()); };
    add(test_rows());
    add(backend_rows());
    add({{.names = "--plot",
          .value = "FILE",
          .target = &plot_,
          .help = "Writes the result as an SVG picture too.",
          .completes = Completes::file},
         json_option(json_)});
    return rows;
  }

  Result<ExitCode> run(Context& context) override {
    KILTER_ASSIGN(const BenchPlan plan, make_plan());
    KILTER_ASSIGN(const std::string path, find_model(model_, context.environment));
    std::optional<AtomicFile> plot;  // opened before minutes of measuring
    if (plot_) {
      KILTER_ASSIGN(plot, AtomicFile::create(*plot_));
    }
    const auto begin = std::chrono::steady_clock::now();
    KILTER_ASSIGN(const LoadedModel loaded, load_model_and_tokenizer(path));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    KILTER_ASSIGN(BenchReport report, measure(loaded, plan));
    report.model = std::filesystem::path(path).filename().string();
    report.load_seconds += seconds;
    if (plot) {
      KILTER_TRY(plot->write(bench_svg(report)));
      KILTER_TRY(plot->commit());
    }
    say_noise(report);
    context.out.write(json_ ? json_text(bench_json(report)) : bench_text(report));
    return ExitCode::ok;
  }

 private:
  std::vector<Option> test_rows() {
    return {{.names = "-p,--prompt",
             .value = "LIST",
             .target = &prompts_,
             .help = "Tokens of the prompts: 16,512. 0: no prefill."},
            {.names = "-n,--tokens",
             .value = "LIST",
             .target = &answers_,
             .help = "Tokens of the answers. 0: no decode."},
            {.names = "-d,--depth",
             .value = "LIST",
             .target = &depths_,
             .help = "Tokens of context before an answer: 0,4096."},
            {.names = "-r,--repetitions",
             .value = "N",
             .target = &plan_.repetitions,
             .help = "How often each test is measured.",
             .range = {.min = 1, .max = 10000}}};
  }

  std::vector<Option> backend_rows() {
    return {
        {.names = "-t,--threads",
         .value = "LIST",
         .target = &threads_,
         .help = "Numbers of threads: 1,2. If not given: all processors that this process may use."},
        {.names = "--mode",
         .value = "LIST",
         .target = &modes_,
         .help = "Modes of `cpu`: fast,accurate,exact,f32. If not given: accurate."},
        {.names = "--isa",
         .value = "NAME",
         .target = &plan_.load.isa,
         .help = "The instruction set of `cpu`; the fastest one of this processor if not given."},
        {.names = "--kv",
         .value = "NAME",
         .target = &plan_.load.kv,
         .help =
             "How `cpu` keeps keys and values. If not given: f16 in the modes fast and accurate, else f32.",
         .choices = {"f16", "f32"}},
        {.names = "--pin", .target = &plan_.load.pin_threads, .help = "Keeps each thread on one processor."},
        {.names = "--backend",
         .value = "NAME",
         .target = &plan_.load.backend,
         .help = "What computes: `cpu` is fast, `reference` is the judge, plain f64.",
         .choices = {"cpu", "reference"}},
        {.names = "--chunk",
         .value = "N",
         .target = &plan_.chunk,
         .help = "The most tokens in one pass; 0 takes what suits the backend.",
         .range = {.min = 0, .max = 1 << 20}}};
  }

  Result<BenchPlan> make_plan() {
    KILTER_ASSIGN(const auto prompts, parse_numbers("--prompt", prompts_, 0));
    KILTER_ASSIGN(const auto answers, parse_numbers("--tokens", answers_, 0));
    KILTER_ASSIGN(auto depths, parse_numbers("--depth", depths_, 0));
    KILTER_ASSIGN(const auto threads,
                  parse_numbers("--threads", threads_.value_or(std::to_string(usable_processors())), 1));
    BenchPlan plan = plan_;
    plan.tests = make_tests(prompts, answers, std::move(depths));
    if (plan.tests.empty()) {
      return Error{ErrorCode::usage, "bench", "nothing to measure", "give tokens with -p or -n"};
    }
    for (const int64_t n : threads) plan.threads.push_back(static_cast<int>(std::min<int64_t>(n, 1024)));
    plan.modes = parse_names(modes_);
    KILTER_TRY(check_backends(plan));
    return plan;
  }

  // Every name is proved before minutes of measuring: with one thread, that costs nothing.
  static Status check_backends(const BenchPlan& plan) {
    for (const std::string& mode : plan.modes) {
      LoadOptions options = plan.load;
      options.mode = mode;
      options.threads = 1;
      const auto backend = make_backend(options);
      if (!backend.ok()) return backend.error();
    }
    return {};
  }

  static void say_noise(const BenchReport& report) {
    constexpr double kQuiet = 0.8;
    double least = 1;
    for (const BenchRun& run : report.runs) least = std::min(least, run.cpu_share);
    if (least >= kQuiet) return;
    say(fmt::format(
        "a test got {:.0f} % of the processor time that its threads could use: the machine does other "
        "things too, or has fewer processors free",
        100 * least));
  }

  std::string model_;
  std::string prompts_ = "512";
  std::string answers_ = "128";
  std::string depths_ = "0";
  std::optional<std::string> threads_;
  std::string modes_;
  BenchPlan plan_;
  std::optional<std::string> plot_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_bench() { return std::make_unique<BenchCommand>(); }

}  // namespace kilter::cli
