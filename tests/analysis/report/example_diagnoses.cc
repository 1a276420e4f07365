#include "example_diagnoses.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kilter::analysis {
namespace {

constexpr int kLayers = 22;
constexpr double kNotMade = std::numeric_limits<double>::quiet_NaN();

// A value between 0 and 1, the same for the same numbers.
double spread(uint64_t a, uint64_t b) {
  uint64_t x = a * 0x9E3779B97F4A7C15U + b * 0xC2B2AE3D27D4EB4FU + 0x165667B19E3779F9U;
  x ^= x >> 29;
  x *= 0xBF58476D1CE4E5B9U;
  x ^= x >> 32;
  return static_cast<double>(x >> 11) * 0x1p-53;
}

struct Made {
  Point point;
  std::string_view op;
  std::vector<int64_t> shape;
};

const std::vector<Made>& layer_values() {
  static const std::vector<Made> values = {
      {Point::attn_norm, "rmsnorm", {2048}},        {Point::attn_q, "matmul", {32, 64}},
      {Point::attn_q_rope, "rope", {32, 64}},       {Point::attn_k, "matmul", {4, 64}},
      {Point::attn_k_rope, "rope", {4, 64}},        {Point::attn_v, "matmul", {4, 64}},
      {Point::attn_mix, "attention_mix", {32, 64}}, {Point::attn_output, "matmul", {2048}},
      {Point::attn_residual, "add", {2048}},        {Point::ffn_norm, "rmsnorm", {2048}},
      {Point::ffn_gate, "matmul", {5632}},          {Point::ffn_up, "matmul", {5632}},
      {Point::ffn_gated, "multiply", {5632}},       {Point::ffn_down, "matmul", {2048}},
      {Point::ffn_residual, "add", {2048}}};
  return values;
}

// A value that follows from its inputs at `tokens` tokens.
ValueResult right_value(At at, const Made& made, int32_t tokens) {
  ValueResult v;
  v.at = at;
  v.op = made.op;
  v.source = to_string(at);
  v.match = "kilter's name";
  v.verdict = ValueVerdict::within;
  v.shape = made.shape;
  v.elements = tokens;
  for (const int64_t extent : made.shape) v.elements *= extent;
  const auto seed = static_cast<uint64_t>(at.point) * 64 + static_cast<uint64_t>(at.il + 1);
  for (int32_t t = 0; t < tokens; ++t) {
    v.score.row_margins.push_back(0.05 + 0.4 * spread(seed, static_cast<uint64_t>(t)));
  }
  v.score.compared = v.elements;
  v.score.equal = v.elements / 3;
  v.score.margin = *std::max_element(v.score.row_margins.begin(), v.score.row_margins.end());
  v.score.guaranteed_margin = v.score.margin / 16;
  v.score.nmse = 3e-14;
  const double right = spread(seed, 999) * 2 - 1;
  v.score.worst = {tokens / 2, 17, right + 2e-7 * v.score.margin, right, 2e-7};
  v.histogram = {v.elements / 3, v.elements / 3, v.elements / 3 / 2,
                 v.elements - v.elements / 3 * 2 - v.elements / 3 / 2};
  v.global_nmse = 4e-13;
  v.exact = v.score;
  v.exact_margin = v.exact.margin;
  return v;
}

// Makes the value wrong by `margin` bounds from `token` on; with the explanation it is right.
void spoil(ValueResult& v, ValueVerdict verdict, double margin, int32_t token) {
  v.verdict = verdict;
  for (size_t t = 0; t < v.exact.row_margins.size(); ++t) {
    if (static_cast<int32_t>(t) >= token)
      v.exact.row_margins[t] = margin * (1 - 0.1 * static_cast<double>(t % 3));
  }
  v.exact.margin = v.exact_margin = margin;
  v.exact.beyond = v.elements / 2;
  v.exact.equal = 0;
  v.exact.nmse = std::min(1.9, 1e-4 * margin);
  v.exact.worst = {token, 83, 0.731264, -0.184031, 0.91529 / margin};
  v.histogram = {
      0, 0, v.elements / 16, v.elements / 16, v.elements / 8, v.elements / 4, v.elements / 4, v.elements / 4};
  v.global_nmse = v.exact.nmse;
  if (verdict == ValueVerdict::unexplained) v.score = v.exact;
}

Diagnosis right_run(int32_t tokens) {
  Diagnosis d;
  d.dump_path = "my-engine.safetensors";
  d.producer = "safetensors";
  d.model_path = "tinyllama-1.1b.Q4_K_M.gguf";
  d.model_name = "TinyLlama 1.1B";
  d.tokens = {1};
  for (int32_t t = 1; t < tokens; ++t) d.tokens.push_back(450 + 7 * t);
  d.passes = {tokens};
  d.values.push_back(right_value(at(Point::token_embd), {Point::token_embd, "embed", {2048}}, tokens));
  for (int il = 0; il < kLayers; ++il) {
    for (const Made& made : layer_values()) d.values.push_back(right_value(at(il, made.point), made, tokens));
  }
  d.values.push_back(right_value(at(Point::output_norm), {Point::output_norm, "rmsnorm", {2048}}, 1));
  d.values.push_back(right_value(at(Point::logits), {Point::logits, "matmul", {32000}}, 1));
  for (ValueResult& v : d.values) {
    if (v.at.il < 0 && v.at.point != Point::token_embd) v.rows = {tokens - 1};
    v.score.worst.token = v.exact.worst.token = v.rows.empty() ? tokens / 2 : v.rows[0];
  }
  d.coverage = {.of_model = 421, .seen = 333, .compared = 333, .elements = 0};
  for (const ValueResult& v : d.values) d.coverage.elements += v.score.compared;
  d.their_top = d.right_top = 450;
  d.top_gap = 812.4;
  d.outcome = Outcome::clean;
  return d;
}

ValueResult& value_of(Diagnosis& d, At at) {
  return *std::find_if(d.values.begin(), d.values.end(), [&](const ValueResult& v) { return v.at == at; });
}

void add_rope_bug(Diagnosis& d) {
  Finding f{
      .bug = "rope-pairs",
      .title = "RoPE turns the wrong pairs of elements",
      .cause = "The engine rotates elements (i, i + n_rot/2); this model wants (2i, 2i + 1).",
      .detail = "pairs (i, i + 32) fit all 32 heads of q and all 4 of k",
      .fix = "Rotate elements 2i and 2i + 1 of each head together, i below n_rot/2.",
      .page = "docs/bugs/rope-pairs.md",
      .at = {},
      .weights = {},
      .margin_before = 16031,
      .margin_after = 0.2134,
      .evidence =
          "computed without this bug, blk.0.attn_q_rope is off by 1.6e+04 times what f32 explains (token 1, "
          "element 83: seen 0.731264, expected -0.184031); with it, by 0.213 times",
      .ties = {{"qk-rows", "Rows of Q and K are permuted inside each head", "as Hugging Face keeps them"}},
      .next_measurement = "dump attn_q of layer 0: it is right where RoPE is to blame",
      .pattern = {}};
  for (int il = 0; il < kLayers; ++il) {
    for (const Point point : {Point::attn_q_rope, Point::attn_k_rope}) {
      ValueResult& v = value_of(d, at(il, point));
      spoil(v, ValueVerdict::bug, point == Point::attn_q_rope && il == 0 ? 16031 : 9000 + 40 * il, 1);
      v.explanation = f.bug;
      f.at.push_back(v.at);
    }
  }
  d.findings.push_back(f);
}

void add_activation_bug(Diagnosis& d) {
  Finding f{.bug = "silu-on-up",
            .title = "SiLU is applied to up in place of gate",
            .cause = "The engine multiplies gate by silu(up); this model wants silu(gate) * up.",
            .detail = "",
            .fix = "Apply SiLU to the output of ffn_gate, and multiply it by that of ffn_up.",
            .page = "docs/bugs/silu-on-up.md",
            .at = {},
            .weights = {},
            .margin_before = std::numeric_limits<double>::infinity(),
            .margin_after = 0.31,
            .evidence = "all 22 layers follow with it, none without",
            .ties = {},
            .next_measurement = "",
            .pattern = {}};
  for (int il = 0; il < kLayers; ++il) {
    ValueResult& v = value_of(d, at(il, Point::ffn_gated));
    spoil(v, ValueVerdict::bug, il == 0 ? f.margin_before : 3.2e6, 0);
    v.explanation = f.bug;
    f.at.push_back(v.at);
  }
  d.findings.push_back(f);
}

void add_unknown_error(Diagnosis& d) {
  ValueResult& v = value_of(d, at(3, Point::ffn_down));
  spoil(v, ValueVerdict::unexplained, 42.71, 0);
  d.findings.push_back(
      {.bug = "",
       .title = "A wrong value that no known bug explains",
       .cause = "blk.3.ffn_down does not follow from the values it is made from, and none of 212 known "
                "ways to get it wrong gives these numbers.",
       .detail = "",
       .fix = "Look at the code that makes blk.3.ffn_down: its inputs are right.",
       .page = "",
       .at = {v.at},
       .weights = {},
       .margin_before = 42.71,
       .margin_after = 42.71,
       .evidence = "off by 42.7 times what f32 explains",
       .ties = {},
       .next_measurement = "",
       .pattern = {"elements 1024 to 2047 are wrong, the others are right",
                   "the wrong ones are too large by a factor of 1.0039"}});
}

Diagnosis bug_run(int32_t tokens) {
  Diagnosis d = right_run(tokens);
  d.outcome = Outcome::bug;
  add_rope_bug(d);
  add_activation_bug(d);
  add_unknown_error(d);
  ValueResult& unknown = value_of(d, at(5, Point::attn_mix));
  unknown.verdict = ValueVerdict::cannot_say;
  unknown.score = unknown.exact = {};
  unknown.exact_margin = 0;
  unknown.histogram = {};
  unknown.why = "attn_v of layer 5 is known at 2 of 5 tokens only";
  d.coverage.compared = 332;
  d.coverage.cannot_say = 1;
  d.coverage.unmatched = 12;
  d.their_top = 20780;
  d.right_top = 450;
  d.top_gap = 903.2;
  d.passes = {tokens - 1, 1};
  d.hyper_parameters = {{"rope.freq_base", "500000", "10000", false}, {"block_count", "22", "22", true}};
  d.weights = {{"blk.0.attn_q.weight", 0, 3, true, "", 0, 6144},
               {"output.weight", 5, 1, true, "stored in f16", 0, 2048}};
  d.normal = {{"blk.0.attn_q.weight",
               "block 4 has a scale that is an f16 subnormal; llama.cpp's quantiser writes such"}};
  d.notes = {{"hidden_state_23", "has 2 axes, and no value of this model is [7, 7]"}};
  d.unseen = {
      "A key or value that a decode step leaves out: the dump has one decode step, and none after it."};
  return d;
}

Diagnosis explained_run() {
  Diagnosis d = right_run(5);
  d.outcome = Outcome::explained;
  for (ValueResult& v : d.values) {
    if (v.op != "matmul") continue;
    spoil(v, ValueVerdict::explained, 310 + static_cast<double>(v.at.il), 0);
    if (!v.rows.empty()) v.exact.worst.token = v.rows[0];
    v.explanation = "activations-q8";
  }
  d.explanations = {{"activations-q8",
                     "activations of matrix products rounded to 8 bits, block by block, as llama.cpp does",
                     155}};
  d.producer = "llama.cpp eval-callback";
  return d;
}

Diagnosis undecided_run() {
  Diagnosis d = right_run(5);
  d.outcome = Outcome::undecided;
  ValueResult& v = value_of(d, at(7, Point::attn_output));
  spoil(v, ValueVerdict::doubtful, 1.83, 3);
  v.exact.guaranteed_margin = 0.11;
  v.score = v.exact;
  d.their_top = 3681;
  d.top_gap = 0.41;
  return d;
}

Diagnosis nothing_run() {
  Diagnosis d;
  d.dump_path = "layers.npz";
  d.producer = "npz";
  d.model_path = "tinyllama-1.1b.Q4_K_M.gguf";
  d.coverage = {.of_model = 421, .unmatched = 2};
  d.notes = {{"x", "has 3 axes, and no value of this model is [5, 7, 2]"}, {"y", "holds integers"}};
  d.unseen = {"Everything: no value was recognised. `docs/dump-your-engine.md` has writers to paste."};
  return d;
}

// Logits and ids alone: one value, made by a whole pass.
Diagnosis logits_run() {
  Diagnosis d = right_run(5);
  d.outcome = Outcome::bug;
  d.values.erase(d.values.begin(), d.values.end() - 1);
  ValueResult& v = d.values.front();
  spoil(v, ValueVerdict::bug, 73.2, 0);
  v.exact.worst.token = 4;
  v.explanation = "norm-eps";
  d.findings.push_back({.bug = "norm-eps",
                        .title = "RMSNorm uses another eps",
                        .cause = "The engine adds another number than this model's eps to the mean square.",
                        .detail = "eps 1.000e-06 fits, the file says 1e-05",
                        .fix = "Read attention.layer_norm_rms_epsilon.",
                        .page = "docs/bugs/norm-eps.md",
                        .at = {v.at},
                        .weights = {},
                        .margin_before = 73.2,
                        .margin_after = 0.44,
                        .evidence = "",
                        .ties = {},
                        .next_measurement = "dump attn_norm of layer 0",
                        .pattern = {}});
  d.coverage = {.of_model = 421, .seen = 1, .compared = 1, .elements = 32000};
  d.unseen = {"Where the error is made: the dump has no value in front of the logits."};
  return d;
}

// Values that nothing can be said of.
Diagnosis unknown_run() {
  Diagnosis d = right_run(5);
  d.outcome = Outcome::nothing_compared;
  d.values.resize(4);
  d.values.erase(d.values.begin(), d.values.begin() + 2);
  for (ValueResult& v : d.values) {
    v.verdict = ValueVerdict::cannot_say;
    v.score = v.exact = {};
    v.exact_margin = 0;
    v.histogram = {};
    v.global_nmse = kNotMade;
    v.why = "blk.0.attn_norm is not in the dump";
  }
  d.coverage = {.of_model = 421, .seen = 2, .cannot_say = 2};
  d.their_top = d.right_top = -1;
  return d;
}

}  // namespace

std::vector<ExampleDiagnosis> example_diagnoses() {
  return {{"bug", bug_run(5)},        {"explained", explained_run()},
          {"clean", right_run(5)},    {"undecided", undecided_run()},
          {"nothing", nothing_run()}, {"logits", logits_run()},
          {"unknown", unknown_run()}};
}

Diagnosis long_diagnosis(int32_t tokens) { return bug_run(tokens); }

Diagnosis hostile_diagnosis(const std::string& name) {
  Diagnosis d = bug_run(5);
  d.dump_path = d.producer = d.model_path = d.model_name = name;
  for (ValueResult& v : d.values) v.source = v.match = v.why = name;
  d.values[1].global_nmse = kNotMade;
  d.hyper_parameters.push_back({name, name, name, false});
  d.weights.push_back({name, 0, 1, false, name, 1, 2});
  for (auto* notes : {&d.notes, &d.normal}) notes->push_back({name, name});
  d.unseen.push_back(name);
  d.findings[0].detail = name;
  d.findings[0].weights = {name};
  d.findings[2].pattern.push_back(name);
  return d;
}

}  // namespace kilter::analysis
