#include "cli/completion.h"

#include "cli/command.h"
#include "cli/output.h"

namespace kilter::cli {
namespace {

class Completion : public Command {
 public:
  const CommandInfo& info() const override {
    static const CommandInfo info = {
        .name = "completion",
        .summary = "Print a completion script for a shell",
        .description =
            "The script teaches the shell the commands of kilter, their options and what their values "
            "may be. It is made from the same table as the help, so it always fits this program.",
        .examples = {{"source <(kilter completion bash)", "for this bash; put it into ~/.bashrc for all"},
                     {"kilter completion zsh >~/.zfunc/_kilter", "for zsh, with ~/.zfunc in its $fpath"},
                     {"kilter completion fish >~/.config/fish/completions/kilter.fish", "for fish"}},
        .exits = {},
    };
    return info;
  }

  std::vector<Option> options() override {
    return {{.names = "SHELL",
             .target = &shell_,
             .help = "The shell.",
             .choices = {kShells.begin(), kShells.end()}}};
  }

  Result<ExitCode> run(Context& context) override {
    context.out.write(completion_script(shell_));
    return ExitCode::ok;
  }

 private:
  std::string shell_;
};

}  // namespace

std::unique_ptr<Command> make_completion() { return std::make_unique<Completion>(); }

}  // namespace kilter::cli
