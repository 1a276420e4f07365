#include "cli/interrupt.h"

#include <unistd.h>

#include <csignal>
#include <string_view>

#include "cli/exit_code.h"

namespace kilter::cli {
namespace {

// Signals are the process's, so the flag is too.
volatile std::sig_atomic_t signal_came = 0;

void note_signal(int) { signal_came = 1; }

// A mapped file that is cut short under way has no bytes where they are read. Nobody up the stack expects
// that, so this is the end; only what is safe in a signal handler happens here.
void end_for_lost_file(int) {
  constexpr std::string_view kSentence =
      "kilter: a file changed while it was read, or its disk failed; leave it alone and start again\n";
  static_cast<void>(!write(STDERR_FILENO, kSentence.data(), kSentence.size()));
  _exit(static_cast<int>(ExitCode::unavailable));
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second signal finds the system's own handling
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

void catch_signals() {
  handle(SIGINT, note_signal);
  handle(SIGTERM, note_signal);
  handle(SIGBUS, end_for_lost_file);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

bool interrupted() { return signal_came != 0; }

Error interrupted_error() { return {ErrorCode::interrupted, "", "interrupted", ""}; }

}  // namespace kilter::cli
