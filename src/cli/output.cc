#include "cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace kilter::cli {
namespace {

constexpr size_t kGatherBytes = size_t{64} << 10;

/// 0, or the errno that ended the writing.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) return errno;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

/// Text that may quote a file's words must not move the cursor: control characters become spaces, except line
/// ends.
std::string for_terminal(std::string_view text) {
  std::string safe(text);
  for (char& c : safe) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f) c = ' ';
  }
  return safe;
}

}  // namespace

void Output::write(std::string_view text) {
  if (closed()) return;
  gathered_ += text;
  if (gathered_.size() >= kGatherBytes) flush();
}

void Output::flush() {
  const int failure = write_all(descriptor_, gathered_);
  gathered_.clear();
  closed_ |= failure == EPIPE;
  if (failure_ == 0 && failure != EPIPE) failure_ = failure;
}

Status Output::finish() {
  flush();
  if (failure_ == 0) return {};
  return Error{ErrorCode::io, "standard output",
               fmt::format("cannot be written to: {}", std::generic_category().message(failure_)),
               "the output is not complete"};
}

void say(std::string_view text) {
  // Nothing is left to tell the person with when this fails.
  static_cast<void>(write_all(STDERR_FILENO, "kilter: " + for_terminal(text) + "\n"));
}

}  // namespace kilter::cli
