// What a benchmark measures, and the numbers that come out.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kilter/engine.h"
#include "kilter/result.h"
#include "observe/timing_ops.h"

namespace kilter::cli {

enum class BenchKind {
  prefill,  ///< a prompt of `tokens` from an empty context
  decode,   ///< `tokens` one after the other, behind `depth` tokens of context
};
std::string_view to_string(BenchKind kind);

/// One thing to measure.
struct BenchTest {
  BenchKind kind = BenchKind::prefill;
  int64_t tokens = 0;
  int64_t depth = 0;  ///< of a decode
};

/// Everything to measure: each test with each mode and number of threads.
struct BenchPlan {
  LoadOptions load;                ///< all but mode and threads
  std::vector<std::string> modes;  ///< one empty name for a backend without modes
  std::vector<int> threads;
  std::vector<BenchTest> tests;  ///< decodes in ascending depth: the context of one grows into the next one's
  int64_t chunk = 0;
  int64_t repetitions = 5;

  /// Positions that the longest test needs.
  int64_t n_ctx() const;
};

/// "512" or "16,512" as numbers from `least` on. Errors: usage, naming the option.
Result<std::vector<int64_t>> parse_numbers(const std::string& option, std::string_view text, int64_t least);
/// "fast,accurate" as names.
std::vector<std::string> parse_names(std::string_view text);
/// Prefills, then decodes at each depth. A number of tokens of 0 is no test.
std::vector<BenchTest> make_tests(const std::vector<int64_t>& prompts, const std::vector<int64_t>& answers,
                                  std::vector<int64_t> depths);

/// Of an odd or even number of values, at least one.
struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};
Spread spread_of(std::vector<double> values);

/// One measured test.
struct BenchRun {
  std::string mode;
  int threads = 0;
  BenchTest test;
  Spread tokens_per_second;  ///< over the repetitions
  double cpu_share =
      0;  ///< processor time that its threads got of what they could use; below 1 others took it
  std::array<Timing, kStages> stages;  ///< of one more repetition, watched
  Timing all;                          ///< the sum of the stages
  double read_roof = 0;                ///< bytes a second that the memory gives to as many threads
  double int8_roof = 0;                ///< multiply-adds a second; 0: not known
  double own_cache_bytes = 0;          ///< second-level caches of as many processors; 0: not known

  double tokens() const { return static_cast<double>(test.tokens); }
  /// Read of weights and cached keys and values.
  double bytes_per_token() const;
  double bytes_per_second() const { return bytes_per_token() * tokens_per_second.median; }
  /// Of the model, however many 8-bit ones a mode makes of each.
  double multiply_adds_per_second() const;
  /// Parts of the roofs. The second one counts 8-bit multiply-adds; it is 0 where products are not in
  /// integers.
  double share_of_read() const { return read_roof > 0 ? bytes_per_second() / read_roof : 0; }
  double share_of_int8() const;
  /// Whether all that a pass reads fits into the caches that are the threads' own, so memory cannot limit it.
  bool stays_in_cache() const;
  /// "bound by memory": what a person should know at a glance.
  std::string_view verdict() const;
};

struct BenchReport {
  std::string model;
  std::string cpu;
  std::string isa;
  std::map<int, double> read_roofs;  ///< by threads
  std::map<int, double> int8_roofs;
  double load_seconds = 0;      ///< of the first of the backends
  uint64_t resident_bytes = 0;  ///< after its tests
  std::vector<BenchRun> runs;
};

}  // namespace kilter::cli
