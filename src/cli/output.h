// Where words go: results to standard output, talk to standard error.
#pragma once

#include <string>
#include <string_view>

#include "kilter/result.h"

namespace kilter::cli {

/// Standard output, gathered into large writes. Failures are kept until finish(), so that commands can write
/// freely.
class Output {
 public:
  explicit Output(int descriptor) : descriptor_(descriptor) {}

  void write(std::string_view text);
  /// Brings what was written so far to the reader: for text that streams.
  void flush();

  /// Nothing arrives any more, because nobody reads (`| head` has enough) or a write failed: work whose only
  /// end is output may stop.
  bool closed() const { return closed_ || failure_ != 0; }

  /// Flushes. Errors: io, the first write that failed for another reason than that nobody reads.
  Status finish();

 private:
  int descriptor_;
  std::string gathered_;
  bool closed_ = false;
  int failure_ = 0;  // errno of the first failed write
};

/// "kilter: text" and a line end to standard error; control characters become spaces.
void say(std::string_view text);

}  // namespace kilter::cli
