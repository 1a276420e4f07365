#include "cli/bench/measure.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "base/free_memory.h"
#include "base/philox.h"
#include "base/processors.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "engine/backend_choice.h"
#include "engine/read_bandwidth.h"
#include "engine/sequence.h"

namespace kilter::cli {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Of all threads together.
double processor_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

std::vector<int32_t> random_ids(int64_t n, int64_t n_vocab) {
  std::vector<int32_t> ids(static_cast<size_t>(n));
  constexpr uint64_t kSeed = 1;
  uint64_t drawn = 0;
  for (int32_t& id : ids) {
    id = static_cast<int32_t>(philox_uniform(kSeed, drawn++) * static_cast<double>(n_vocab));
  }
  return ids;
}

/// One backend with one sequence on it.
class Bench {
 public:
  Bench(const Model& model, const BenchPlan& plan, TimingOps& ops, Sequence& sequence, Progress& progress,
        uint64_t& done)
      : plan_(plan),
        ops_(ops),
        sequence_(sequence),
        ids_(random_ids(plan.n_ctx(), model.n_vocab())),
        progress_(progress),
        done_(done) {}

  Result<BenchRun> run(const BenchTest& test, int threads) {
    BenchRun result;
    result.test = test;
    result.threads = threads;
    ops_.watch(TimingOps::Watch::off);
    KILTER_TRY(fill(test.depth));
    KILTER_TRY(repeat(test));
    std::vector<double> rates;
    const double used = processor_seconds();
    double seconds = 0;
    for (int64_t i = 0; i < plan_.repetitions; ++i) {
      const auto begin = Clock::now();
      KILTER_TRY(repeat(test));
      const double taken = seconds_since(begin);
      rates.push_back(static_cast<double>(test.tokens) / taken);
      seconds += taken;
      step();
    }
    result.cpu_share = (processor_seconds() - used) / (seconds * threads);
    result.tokens_per_second = spread_of(std::move(rates));
    ops_.clear();
    ops_.watch(TimingOps::Watch::on);
    KILTER_TRY(repeat(test));
    result.stages = ops_.stage_timings();
    result.all = ops_.all_stages();
    step();
    return result;
  }

 private:
  void step() { progress_.update(++done_); }

  /// The context of the test: what an earlier one left there stays.
  Status fill(int64_t depth) {
    const auto have = static_cast<int64_t>(sequence_.tokens().size());
    if (have >= depth) {
      sequence_.rewind(depth);
      return {};
    }
    return feed(have, depth - have);
  }

  Status repeat(const BenchTest& test) {
    sequence_.rewind(test.depth);
    if (test.kind == BenchKind::prefill) return feed(0, test.tokens);
    for (int64_t i = 0; i < test.tokens; ++i) KILTER_TRY(feed(test.depth + i, 1));
    return {};
  }

  Status feed(int64_t first, int64_t n) {
    FeedOptions options;
    options.progress = [](int64_t) { return interrupted() ? Go::stop : Go::on; };
    KILTER_TRY(
        sequence_.feed(std::span(ids_).subspan(static_cast<size_t>(first), static_cast<size_t>(n)), options));
    if (interrupted()) return interrupted_error();
    return {};
  }

  const BenchPlan& plan_;
  TimingOps& ops_;
  Sequence& sequence_;
  std::vector<int32_t> ids_;
  Progress& progress_;
  uint64_t& done_;
};

/// Load options of one mode and number of threads.
LoadOptions options_of(const BenchPlan& plan, const std::string& mode, int threads) {
  LoadOptions options = plan.load;
  options.mode = mode;
  options.threads = threads;
  return options;
}

std::string mode_text(const BenchPlan& plan, const std::string& mode) {
  if (plan.load.backend != "cpu") return "f64";
  return mode.empty() ? "accurate" : mode;
}

Status measure_roofs(const BenchPlan& plan, Progress& progress, BenchReport& report) {
  uint64_t done = 0;
  for (const int threads : plan.threads) {
    if (interrupted()) return interrupted_error();
    KILTER_ASSIGN(report.read_roofs[threads], measured_read_bandwidth(threads));
    progress.update(++done);
    KILTER_ASSIGN(report.int8_roofs[threads], measured_int8_peak(plan.load, threads));
    progress.update(++done);
  }
  return {};
}

/// All tests of one mode and number of threads.
Status measure_one(const Model& model, const BenchPlan& plan, const LoadOptions& wanted, Progress& progress,
                   uint64_t& done, BenchReport& report) {
  LoadOptions options = wanted;
  options.on_load = [](int64_t, int64_t) { return interrupted() ? Go::stop : Go::on; };
  const auto begin = Clock::now();
  KILTER_ASSIGN(const auto backend, make_backend(options));
  KILTER_TRY(prepare_backend(*backend, model, options));
  if (report.runs.empty()) report.load_seconds += seconds_since(begin);
  KILTER_ASSIGN(WeightUseOf weight_use, weight_use_of(options));
  TimingOps ops(*backend, std::move(weight_use));
  KILTER_ASSIGN(Sequence sequence,
                Sequence::create(model, ops, {.n_ctx = plan.n_ctx(), .chunk = plan.chunk}));
  Bench bench(model, plan, ops, sequence, progress, done);
  for (const BenchTest& test : plan.tests) {
    KILTER_ASSIGN(BenchRun run, bench.run(test, options.threads));
    run.mode = mode_text(plan, options.mode);
    run.read_roof = report.read_roofs[run.threads];
    run.int8_roof = report.int8_roofs[run.threads];
    run.own_cache_bytes = static_cast<double>(std::max(0L, sysconf(_SC_LEVEL2_CACHE_SIZE)) * run.threads);
    report.runs.push_back(std::move(run));
  }
  if (report.resident_bytes == 0) report.resident_bytes = resident_memory().value_or(0);
  return {};
}

}  // namespace

Result<BenchReport> measure(const LoadedModel& loaded, const BenchPlan& plan) {
  BenchReport report;
  report.cpu = processor_name();
  report.isa = plan.load.backend != "cpu" ? plan.load.backend
               : plan.load.isa.empty()    ? isa_names().front()
                                          : plan.load.isa;
  {
    Progress progress("measuring the machine", 2 * plan.threads.size(), ProgressUnit::steps);
    KILTER_TRY(measure_roofs(plan, progress, report));
  }
  const auto repetitions = static_cast<uint64_t>(plan.repetitions) + 1;
  Progress progress("measuring the model",
                    plan.modes.size() * plan.threads.size() * plan.tests.size() * repetitions,
                    ProgressUnit::steps);
  uint64_t done = 0;
  for (const std::string& mode : plan.modes) {
    for (const int threads : plan.threads) {
      KILTER_TRY(measure_one(loaded.model, plan, options_of(plan, mode, threads), progress, done, report));
    }
  }
  return report;
}

}  // namespace kilter::cli
