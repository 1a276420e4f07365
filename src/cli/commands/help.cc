#include "cli/help.h"

#include "cli/markdown.h"
#include "cli/output.h"

namespace kilter::cli {
namespace {

class Help : public Command {
 public:
  const CommandInfo& info() const override {
    static const CommandInfo info = {
        .name = "help",
        .summary = "Explain kilter, or one of its commands",
        .description =
            "Without a name: the list of commands and of exit codes. With one: the same as "
            "`kilter NAME --help`.",
        .examples = {{"kilter help", "what there is"}, {"kilter help pull", "how to fetch a model"}},
        .exits = {},
    };
    return info;
  }

  std::vector<Option> options() override {
    return {
        {.names = "NAME",
         .target = &name_,
         .help = "A command.",
         .completes = Completes::command,
         .need = Need::optional},
        {.names = "--markdown", .target = &markdown_, .help = "Print docs/commands.md, all of it."},
    };
  }

  Result<ExitCode> run(Context& context) override {
    if (markdown_) {
      context.out.write(commands_markdown());
    } else if (name_.empty()) {
      context.out.write(program_help());
    } else {
      KILTER_ASSIGN(const auto command, find_command(name_));
      context.out.write(command_help(*command));
    }
    return ExitCode::ok;
  }

 private:
  std::string name_;
  bool markdown_ = false;
};

}  // namespace

std::unique_ptr<Command> make_help() { return std::make_unique<Help>(); }

}  // namespace kilter::cli
