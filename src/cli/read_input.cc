#include "cli/read_input.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "cli/interrupt.h"

namespace kilter::cli {

Result<std::string> read_standard_input() {
  std::string text;
  std::array<char, size_t{64} << 10> piece;
  for (;;) {
    const ssize_t count = read(STDIN_FILENO, piece.data(), piece.size());
    if (interrupted()) return interrupted_error();
    if (count == 0) return text;
    if (count > 0) text.append(piece.data(), static_cast<size_t>(count));
    if (count < 0 && errno != EINTR) {
      return Error{ErrorCode::io, "standard input", std::generic_category().message(errno), ""};
    }
  }
}

}  // namespace kilter::cli
