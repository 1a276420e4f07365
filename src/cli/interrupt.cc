#include "cli/interrupt.h"

#include <csignal>

namespace kilter::cli {
namespace {

// Signals are the process's, so the flag is too.
volatile std::sig_atomic_t signal_came = 0;

void note_signal(int) { signal_came = 1; }

}  // namespace

void catch_signals() {
  struct sigaction once = {};
  once.sa_handler = note_signal;
  once.sa_flags = static_cast<int>(SA_RESETHAND);  // the second signal finds the system's own handling
  sigemptyset(&once.sa_mask);
  sigaction(SIGINT, &once, nullptr);
  sigaction(SIGTERM, &once, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return signal_came != 0; }

Error interrupted_error() { return {ErrorCode::interrupted, "", "interrupted", ""}; }

}  // namespace kilter::cli
