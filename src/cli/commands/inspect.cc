#include <algorithm>
#include <memory>

#include "cli/args.h"
#include "cli/command.h"
#include "cli/inspect/report.h"
#include "cli/inspect/report_json.h"
#include "cli/inspect/report_text.h"
#include "cli/inspect/verify.h"
#include "cli/json_text.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "gguf/file.h"

namespace kilter::cli {
namespace {

class Inspect : public Command {
 public:
  const CommandInfo& info() const override;
  std::vector<Option> options() override;
  Result<ExitCode> run(Context& context) override;

 private:
  std::string model_;
  ReportDetail detail_;
  bool verify_ = false;
  bool json_ = false;
};

const CommandInfo& Inspect::info() const {
  static const CommandInfo info = {
      .name = "inspect",
      .summary = "Show what is in a model file",
      .description =
          "Prints the facts of the file, the architecture and its hyper-parameters, the tensors with their "
          "types and "
          "sizes, how much of the model each type holds, the tokenizer, and the memory that contexts of "
          "several "
          "lengths need; and the instruction sets that backend cpu has in this build. Nothing is computed, "
          "so a "
          "model that kilter cannot run is shown as well, with the reason.\n\n"
          "Tensors that differ in their layer only are shown on one line.\n\n"
          "--verify decodes every block. NaN and infinity are damage: the exit code is 1 then. Zero, "
          "subnormal, "
          "negative or very large scales may be right, but a healthy file seldom has them; they are listed "
          "with the "
          "first block that has one (kilter explain --tensor NAME --block N shows it). Negative scales are "
          "not listed "
          "for the types whose encoders write them.",
      .examples = {{"kilter inspect model.gguf", "the report"},
                   {"kilter inspect model.gguf --verify", "look for damage"},
                   {"kilter inspect model.gguf --json | jq .types", "a part of it, for a program"},
                   {"kilter inspect model.gguf --json | jq '.instruction_sets[] | select(.chosen)'",
                    "the kernels that `kilter run` takes"}},
      .exits = {{ExitCode::negative, "--verify found NaN or infinity"},
                {ExitCode::corrupt, "MODEL is no valid GGUF file"}},
  };
  return info;
}

std::vector<Option> Inspect::options() {
  return {
      {.names = "MODEL",
       .target = &model_,
       .help = "A GGUF file (of a split model any of its files), or the spec of a pulled one.",
       .completes = Completes::model},
      {.names = "--tensors", .target = &detail_.tensors, .help = "Show every tensor on a line of its own."},
      {.names = "--metadata", .target = &detail_.metadata, .help = "Show every metadata key."},
      {.names = "--verify", .target = &verify_, .help = "Decode every block, and report what is odd in it."},
      json_option(json_),
  };
}

Result<ExitCode> Inspect::run(Context& context) {
  KILTER_ASSIGN(const std::string path, find_model(model_, context.environment));
  KILTER_ASSIGN(gguf::File file, gguf::File::open(path));
  const ModelReport report = make_report(std::make_shared<const gguf::File>(std::move(file)));
  boost::json::object json;
  if (json_) {
    json = report_json(report, detail_);
  } else {
    context.out.write(report_text(report, detail_));
    context.out.flush();
  }
  ExitCode code = ExitCode::ok;
  if (verify_) {
    KILTER_ASSIGN(const std::vector<TensorScan> scans, scan_tensors(*report.file));
    const bool broken =
        std::any_of(scans.begin(), scans.end(), [](const TensorScan& scan) { return scan.broken(); });
    code = broken ? ExitCode::negative : ExitCode::ok;
    if (json_) json["verification"] = findings_json(scans);
    if (!json_) context.out.write(findings_text(scans));
  }
  if (json_) context.out.write(json_text(json));
  return code;
}

}  // namespace

std::unique_ptr<Command> make_inspect() { return std::make_unique<Inspect>(); }

}  // namespace kilter::cli
