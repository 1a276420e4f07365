#include "cli/bench/report.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "cli/json_text.h"
#include "cli/table.h"
#include "cli/units.h"

namespace kilter::cli {
namespace {

namespace json = boost::json;

constexpr double kGiga = 1e9;

std::string rate_text(double per_second) {
  const int decimals = per_second >= 100 ? 0 : per_second >= 10 ? 1 : 2;
  return fmt::format("{:.{}f}", per_second, decimals);
}

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

std::string bytes_cell(double bytes) { return bytes_text(static_cast<uint64_t>(bytes)); }

std::string machine_table(const BenchReport& report) {
  Table table(
      {{"threads", Align::right}, {"reads GB/s", Align::right}, {"int8 G multiply-adds/s", Align::right}});
  for (const auto& [threads, read] : report.read_roofs) {
    table.add({fmt::format("{}", threads), rate_text(read / kGiga),
               rate_text(report.int8_roofs.at(threads) / kGiga)});
  }
  return table.text(2);
}

std::string run_table(const BenchReport& report) {
  Table table({{"mode"},
               {"threads", Align::right},
               {"test"},
               {"tokens/s", Align::right},
               {"min", Align::right},
               {"max", Align::right},
               {"got cpu", Align::right},
               {"read/token", Align::right},
               {"GB/s", Align::right},
               {"of memory", Align::right},
               {"G mul-adds/s", Align::right},
               {"of int8", Align::right},
               {"so it is"}});
  for (const BenchRun& run : report.runs) {
    const Spread& rate = run.tokens_per_second;
    table.add({run.mode, fmt::format("{}", run.threads), test_text(run.test), rate_text(rate.median),
               rate_text(rate.min), rate_text(rate.max), percent(run.cpu_share),
               bytes_cell(run.bytes_per_token()), rate_text(run.bytes_per_second() / kGiga),
               percent(run.share_of_read()), rate_text(run.multiply_adds_per_second() / kGiga),
               run.all.int8_multiply_adds == 0 ? "-" : percent(run.share_of_int8()),
               std::string(run.verdict())});
  }
  return table.text(2);
}

std::string stage_table(const BenchReport& report) {
  std::vector<Table::Column> columns = {{"mode"}, {"threads", Align::right}, {"test"}};
  for (int i = 0; i < kStages; ++i) {
    columns.push_back({std::string(to_string(static_cast<Stage>(i))), Align::right});
  }
  Table table(std::move(columns));
  for (const BenchRun& run : report.runs) {
    std::vector<std::string> cells = {run.mode, fmt::format("{}", run.threads), test_text(run.test)};
    for (const Timing& stage : run.stages) cells.push_back(percent(stage.seconds / run.all.seconds));
    table.add(std::move(cells));
  }
  return table.text(2);
}

json::value share_or_null(double amount, double roof) {
  return amount > 0 && roof > 0 ? json::value(amount / roof) : json::value(nullptr);
}

json::object stage_json(const BenchRun& run, Stage name) {
  const Timing& stage = run.stages[static_cast<size_t>(name)];
  const auto bytes = static_cast<double>(stage.cost.weight_bytes + stage.cached_bytes);
  const double int8 = static_cast<double>(stage.int8_multiply_adds) / stage.seconds;
  return {{"stage", to_string(name)},
          {"seconds", stage.seconds},
          {"share", stage.seconds / run.all.seconds},
          {"calls", stage.calls},
          {"weight_bytes", stage.cost.weight_bytes},
          {"cached_bytes", stage.cached_bytes},
          {"multiply_adds", stage.cost.multiply_adds},
          {"gb_s", bytes / stage.seconds / kGiga},
          {"share_of_read", share_or_null(bytes / stage.seconds, run.read_roof)},
          {"share_of_int8", share_or_null(int8, run.int8_roof)}};
}

json::object run_json(const BenchRun& run) {
  json::array stages;
  for (int i = 0; i < kStages; ++i) stages.push_back(stage_json(run, static_cast<Stage>(i)));
  const Spread& rate = run.tokens_per_second;
  return {{"mode", run.mode},
          {"threads", run.threads},
          {"test", to_string(run.test.kind)},
          {"tokens", run.test.tokens},
          {"depth", run.test.depth},
          {"tok_s", {{"median", rate.median}, {"min", rate.min}, {"max", rate.max}}},
          {"cpu_share", run.cpu_share},
          {"bytes_per_token", run.bytes_per_token()},
          {"gb_s", run.bytes_per_second() / kGiga},
          {"share_of_read", run.share_of_read()},
          {"mac_s", run.multiply_adds_per_second()},
          {"share_of_int8",
           run.all.int8_multiply_adds == 0 ? json::value(nullptr) : json::value(run.share_of_int8())},
          {"verdict", run.verdict()},
          {"stages", std::move(stages)}};
}

json::object by_threads(const std::map<int, double>& roofs, double unit) {
  json::object object;
  for (const auto& [threads, rate] : roofs) object[std::to_string(threads)] = rate / unit;
  return object;
}

}  // namespace

std::string test_text(const BenchTest& test) {
  if (test.kind == BenchKind::prefill) return fmt::format("prefill {}", test.tokens);
  return fmt::format("decode {} at {}", test.tokens, test.depth);
}

std::string bench_text(const BenchReport& report) {
  return fmt::format(
      "{}\n{}, {}; loaded in {:.2f} s, {} resident\n\nThis machine, at best:\n{}\nThe model:\n{}\n"
      "Where the time goes:\n{}",
      report.model, report.cpu, report.isa, report.load_seconds, bytes_text(report.resident_bytes),
      machine_table(report), run_table(report), stage_table(report));
}

json::object bench_json(const BenchReport& report) {
  json::array runs;
  for (const BenchRun& run : report.runs) runs.push_back(run_json(run));
  return {{"model", json_string(report.model)},
          {"cpu", json_string(report.cpu)},
          {"isa", report.isa},
          {"read_gb_s", by_threads(report.read_roofs, kGiga)},
          {"int8_mac_s", by_threads(report.int8_roofs, 1)},
          {"load_seconds", report.load_seconds},
          {"resident_bytes", report.resident_bytes},
          {"runs", std::move(runs)}};
}

}  // namespace kilter::cli
