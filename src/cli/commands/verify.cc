#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "cli/args.h"
#include "cli/command.h"
#include "cli/json_text.h"
#include "cli/model_hash.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/verify/report.h"
#include "engine/backend_choice.h"

namespace kilter::cli {
namespace {

// What is taken where no prompt is given: words, a number, punctuation.
constexpr std::string_view kPrompt = "The quick brown fox, 12 of them.";
// Places for each kind of defect in each product.
constexpr int kTrials = 4;

const CommandInfo kInfo = {
    .name = "verify",
    .summary = "Prove that this model is computed right on this machine",
    .description =
        "Runs a prompt, in one pass and one more token, and makes every op a second time: in f64, from the "
        "very "
        "operands that the op had. Each element is judged by the bound that the arithmetic contract gives "
        "it: a "
        "margin above 1 is an error of that op, whatever came before it. A number that is rounded once, like "
        "a "
        "key in a cache of f16, uses nearly all of its bound by nature. `own error` is what the op itself "
        "adds, "
        "`inherited` what its operands bring along, both by root mean square and by the size of the "
        "value.\n\n"
        "Then every block of every weight is decoded by two decoders that share no code, and the logits of "
        "the "
        "prompt, repeated to 70 tokens, are compared to the bit: in passes of several sizes, run again, with "
        "fused stages op by op, with every value recorded, on several numbers of threads, on every "
        "instruction "
        "set that runs here.\n\n"
        "--mutate proves that the judgement sees something: it puts defects into the values of real ops, in "
        "the "
        "first, the middle and the last layer, and shows how many are caught, how small they may be, "
        "and how many of them the usual thresholds (NMSE 5e-4, cosine 0.997) accept.\n\n"
        "The last line says all of it for a bug report. Verdicts: exact; within guarantee; cannot say (no "
        "bound, "
        "or NaN on both sides), which is not a pass; outside expectation (possible, if unlikely roundings "
        "came "
        "together); outside guarantee. Without -p and --ids the prompt is `The quick brown fox, 12 of "
        "them.`; a few dozen tokens are "
        "enough, since time and memory grow with them.",
    .examples = {{"kilter verify model.gguf", "everything, in the default mode"},
                 {"kilter verify model.gguf --mode exact", "another mode; its cache is f32"},
                 {"kilter verify model.gguf --mutate", "with the proof that defects are caught"},
                 {"kilter verify model.gguf --ops 'softmax|blk\\.0\\.' -p 'Hello'", "some ops only"}},
    .exits = {{ExitCode::negative,
               "something is outside its bounds or differs in a bit, or nothing can be said; "
               "--mutate: a kind of defect was caught in less than nine of ten places"}},
};

// The names must outlive the options that point at them.
std::vector<std::string_view> twin_choices() {
  static const std::vector<std::string> names = mode_names();
  return {names.begin(), names.end()};
}

class Verify : public Command {
 public:
  const CommandInfo& info() const override { return kInfo; }
  std::vector<Option> options() override;
  Result<ExitCode> run(Context& context) override;

 private:
  Result<std::vector<int32_t>> tokens(const LoadedModel& loaded) const;
  Result<std::string> computed() const;

  std::string model_;
  PromptOptions prompt_;
  ComputeOptions compute_;
  std::string only_;
  std::optional<std::string> twin_;
  bool mutate_ = false;
  bool json_ = false;
};

std::vector<Option> Verify::options() {
  std::vector<Option> rows = {{.names = "MODEL",
                               .target = &model_,
                               .help = "A GGUF file, or a spec that `kilter pull` has fetched.",
                               .completes = Completes::model}};
  const auto add = [&rows](std::vector<Option> more) { rows.insert(rows.end(), more.begin(), more.end()); };
  add(prompt_.rows());
  add({{.names = "--ops",
        .value = "REGEX",
        .target = &only_,
        .help =
            "Judges just the ops in whose name, or in whose value's name, this regular expression matches "
            "somewhere."},
       {.names = "--mutate",
        .target = &mutate_,
        .help = "Puts defects into real values, which must be caught."},
       {.names = "--twin",
        .value = "MODE",
        .target = &twin_,
        .help = "Also computes each op in this mode of `cpu`, and shows what that one is off: how much of an "
                "error is usual.",
        .choices = twin_choices()}});
  // A check has its own passes, and no timing.
  std::vector<Option> compute = compute_.rows();
  std::erase_if(compute, [](const Option& row) {
    return row.names == "--ctx" || row.names == "--chunk" || row.names == "--pin";
  });
  add(std::move(compute));
  add({json_option(json_)});
  return rows;
}

Result<std::vector<int32_t>> Verify::tokens(const LoadedModel& loaded) const {
  const auto encode = [&](std::string_view text) { return loaded.tokenizer->encode(text, {}); };
  std::vector<int32_t> ids;
  if (prompt_.text || !prompt_.ids.empty()) {
    KILTER_ASSIGN(ids, prompt_.tokens(encode));
  } else {
    ids = encode(kPrompt);
    std::erase_if(ids, [&](int32_t id) { return id >= loaded.model.n_vocab(); });
    if (ids.empty()) ids = {0};  // a vocabulary without letters
  }
  if (ids.empty()) {
    return Error{ErrorCode::usage, "prompt", "has no tokens", "give a prompt of at least one token"};
  }
  KILTER_TRY(check_ids(loaded.model, ids));
  return ids;
}

// "cpu avx512 accurate kv=f16"
Result<std::string> Verify::computed() const {
  KILTER_ASSIGN(const std::unique_ptr<Ops> ops, make_backend(compute_.load_options()));
  const auto sets = instruction_sets();
  const auto chosen =
      std::find_if(sets.begin(), sets.end(), [](const InstructionSet& set) { return set.chosen; });
  const std::string isa = !compute_.isa.empty()  ? compute_.isa
                          : chosen != sets.end() ? std::string(chosen->name)
                                                 : std::string();
  return fmt::format("{} {} {} kv=f{}", compute_.backend, isa,
                     compute_.mode.empty() ? "accurate" : compute_.mode, 8 * ops->device().kv_value_bytes());
}

Result<ExitCode> Verify::run(Context& context) {
  if (compute_.backend == "reference") {
    return Error{ErrorCode::usage, "--backend", "`reference` is what the others are judged by",
                 "leave it out; `./check` proves the reference against transformers"};
  }
  KILTER_ASSIGN(const NameFilter filter, NameFilter::create(only_));
  KILTER_ASSIGN(const std::string path, find_model(model_, context.environment));
  VerifyReport report;
  report.model = path;
  KILTER_ASSIGN(report.computed, computed());
  KILTER_ASSIGN(const LoadedModel loaded, load_model_and_tokenizer(path));
  KILTER_ASSIGN(report.ids, tokens(loaded));
  const VerifyRequest request{.loaded = loaded,
                              .options = compute_.load_options(),
                              .ids = report.ids,
                              .filter = filter,
                              .twin = twin_,
                              .trials = mutate_ ? kTrials : 0};
  report.architecture = loaded.model.config.architecture->name;
  KILTER_ASSIGN(report.ops, check_ops(request));
  KILTER_ASSIGN(report.decoding, check_decoding(*loaded.model.file));
  KILTER_ASSIGN(report.bits, check_bits(request));
  KILTER_ASSIGN(report.sha256, model_hash(*loaded.model.file));
  context.out.write(json_ ? json_text(verify_json(report)) : verify_text(report));
  return passes(report) ? ExitCode::ok : ExitCode::negative;
}

}  // namespace

std::unique_ptr<Command> make_verify() { return std::make_unique<Verify>(); }

}  // namespace kilter::cli
