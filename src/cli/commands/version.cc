#include "cli/command.h"
#include "cli/output.h"

namespace kilter::cli {
namespace {

class Version : public Command {
 public:
  const CommandInfo& info() const override {
    static const CommandInfo info = {
        .name = "version",
        .summary = "Print the version",
        .description = "One line: the program's name and its version. `kilter --version` does the same.",
        .examples = {{"kilter version", "for a bug report"}},
        .exits = {},
    };
    return info;
  }

  std::vector<Option> options() override { return {}; }

  Result<ExitCode> run(Context& context) override {
    context.out.write("kilter " KILTER_VERSION "\n");
    return ExitCode::ok;
  }
};

}  // namespace

std::unique_ptr<Command> make_version() { return std::make_unique<Version>(); }

}  // namespace kilter::cli
