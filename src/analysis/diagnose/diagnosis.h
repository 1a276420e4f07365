// What was found out about an engine from its dump: the content of every report.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analysis/dump/dump.h"
#include "analysis/judge/score.h"

namespace kilter::analysis {

/// What is said of one value, judged by its own op from the engine's own inputs.
enum class ValueVerdict {
  exact,        ///< the same bits everywhere
  within,       ///< follows from its inputs, as exactly as f32 allows
  explained,    ///< follows under a benign rounding
  bug,          ///< does not follow; a bug of the catalogue makes it follow: an error is injected here
  unexplained,  ///< does not follow, and nothing of the catalogue fits: an error is injected here
  doubtful,     ///< beyond the expected errors of f32, within what f32 can do at worst
  cannot_say,   ///< what it is made from is not known well enough
};
/// As JSON has it: "cannot_say".
std::string_view to_string(ValueVerdict verdict);

/// One value of the dump.
struct ValueResult {
  At at;
  std::string op;      ///< that makes it
  std::string source;  ///< what the dump calls it, and how it was recognised
  std::string match;
  ValueVerdict verdict = ValueVerdict::cannot_say;
  Score score;              ///< under what explains it; under the exact computation where nothing does
  double exact_margin = 0;  ///< under the exact computation
  Score exact;              ///< under the exact computation, whatever explains the value: what a report shows
                            ///< of it. Nothing compared: `score` is taken in its place
  std::vector<int32_t> rows;   ///< tokens of the rows of both scores; empty: 0, 1, 2 ..
  std::vector<int64_t> shape;  ///< of one row, {H, Hk}; may be empty
  std::string explanation;     ///< id of the benign rounding or of the bug; else empty
  std::string why;             ///< of cannot_say
  /// Elements by their margin under the exact computation: up to 1e-3, 1e-2, .. 1e6, and above.
  std::array<int64_t, 11> histogram{};
  /// How far the value is from the one of a correct run, whoever is to blame. NaN where that run was not
  /// made.
  double global_nmse = 0;
  int64_t elements = 0;  ///< of the whole value: score.compared of them were seen
  double seen_rms = 0;   ///< root mean square of the numbers that were seen
};

/// Another entry of the catalogue that the dump cannot tell from the named one.
struct Tie {
  std::string bug;  ///< its id
  std::string title;
  std::string detail;
};

/// One bug, in the order in which the pass meets them.
struct Finding {
  std::string bug;     ///< id in the catalogue; empty: located, and nothing of the catalogue fits
  std::string title;   ///< "RoPE turns the wrong pairs of elements"
  std::string cause;   ///< one sentence
  std::string detail;  ///< what was measured or fitted; may be empty
  std::string fix;
  std::string page;                  ///< "docs/bugs/rope-pairs.md", or empty
  std::vector<At> at;                ///< values where it was seen, the first wrong one first
  std::vector<std::string> weights;  ///< tensors whose dumped rows show it
  double margin_before = 0;          ///< of the first value: without the bug
  double margin_after = 0;           ///< and with it
  std::string evidence;              ///< a sentence with the numbers that decide
  std::vector<Tie> ties;
  std::string next_measurement;      ///< what to dump to know more; may be empty
  std::vector<std::string> pattern;  ///< where nothing fits: what the errors have in common, a sentence each
};

/// A benign rounding that was met.
struct Explanation {
  std::string id;
  std::string sentence;
  int64_t values = 0;
};

/// Decoded rows of weights that the dump shows.
struct WeightResult {
  std::string tensor;
  int64_t first_row = 0;
  int64_t rows = 0;
  bool equal = false;       ///< as the format defines them
  std::string explanation;  ///< "stored in f16", or the id of a bug
  int64_t wrong = 0;        ///< elements
  int64_t elements = 0;
};

/// A number that the engine reports of itself, beside the file's.
struct HyperParameter {
  std::string key;  ///< GGUF's, without the architecture's prefix
  std::string theirs;
  std::string ours;
  bool equal = false;
};

enum class Outcome {
  clean,             ///< everything that was compared follows
  explained,         ///< it does, with benign roundings
  bug,               ///< at least one finding
  undecided,         ///< nothing is wrong beyond doubt, and something is not right
  nothing_compared,  ///< the dump holds nothing that could be judged
};
/// As JSON has it: "nothing_compared".
std::string_view to_string(Outcome outcome);

struct Coverage {
  int64_t of_model = 0;  ///< values that this model has
  int64_t seen = 0;      ///< of them in the dump, at least in part
  int64_t compared = 0;
  int64_t cannot_say = 0;
  int64_t unmatched = 0;  ///< names of the dump that are no value of this model
  int64_t elements = 0;   ///< numbers that were compared
};

struct Diagnosis {
  std::string dump_path;
  std::string producer;
  std::string model_path;
  std::string model_name;
  std::vector<int32_t> tokens;
  std::vector<int64_t> passes;
  Outcome outcome = Outcome::nothing_compared;
  Coverage coverage;
  std::vector<HyperParameter> hyper_parameters;
  std::vector<WeightResult> weights;
  std::vector<ValueResult> values;  ///< in the order of the pass
  std::vector<Finding> findings;
  std::vector<Explanation> explanations;
  std::vector<Note> normal;         ///< things that look wrong and are not
  std::vector<Note> notes;          ///< of the dump's reader: what was not matched, what was assumed
  std::vector<std::string> unseen;  ///< what this dump could not show, a sentence each
  /// Largest token of the last row, as the engine has it and as it should be; -1 where logits are not known.
  int32_t their_top = -1;
  int32_t right_top = -1;
  double top_gap = 0;  ///< right logit of right_top less that of their_top, in bounds of the difference
};

}  // namespace kilter::analysis
