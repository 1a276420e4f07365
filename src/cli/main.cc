// The program: reads the command line, runs the command, and says how it went.
#include <fcntl.h>
#include <unistd.h>

#include <exception>
#include <new>
#include <string>
#include <vector>

#include "cli/args.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/output.h"

namespace kilter::cli {
namespace {

/// A program started with closed standard streams would get their numbers for its own files, and talk into
/// those. In their place stand files that refuse to be used the wrong way round.
void occupy_standard_streams() {
  if (fcntl(STDIN_FILENO, F_GETFD) < 0) open("/dev/null", O_WRONLY);
  if (fcntl(STDOUT_FILENO, F_GETFD) < 0) open("/dev/null", O_RDONLY);
  if (fcntl(STDERR_FILENO, F_GETFD) < 0) open("/dev/null", O_RDONLY);
}

ExitCode report(const Error& error) {
  say(error.message());
  return exit_code_for(error.code);
}

Result<ExitCode> run_command(const std::vector<std::string>& args, Output& out) {
  KILTER_ASSIGN(const Invocation invocation, parse_command_line(args));
  if (invocation.wish == Invocation::Wish::help) {
    out.write(command_help(*invocation.command));
    return ExitCode::ok;
  }
  const Environment environment = read_environment();
  Context context{out, environment};
  return invocation.command->run(context);
}

/// Results that were computed before an error are written before its sentence.
ExitCode run_program(const std::vector<std::string>& args) {
  Output out(STDOUT_FILENO);
  const Result<ExitCode> result = run_command(args, out);
  const Status written = out.finish();
  if (!result.ok()) return report(result.error());
  if (!written.ok()) return report(written.error());
  return *result;
}

}  // namespace
}  // namespace kilter::cli

int main(int argc, char** argv) {
  using namespace kilter::cli;
  ExitCode code = ExitCode::ok;
  try {
    occupy_standard_streams();
    catch_signals();
    code = run_program({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::bad_alloc&) {
    say("out of memory; close other programs, or use a smaller model or context");
    code = ExitCode::memory;
  } catch (const std::exception& e) {
    say(std::string("this is a defect of kilter, please report it: ") + e.what());
    code = ExitCode::unsupported;
  }
  return static_cast<int>(code);
}
