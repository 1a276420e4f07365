// A progress bar on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace kilter::cli {

enum class ProgressUnit { bytes, steps };

/// One line that is redrawn at most ten times a second: what, how far, how fast, how long still.
/// Where standard error is not a terminal, nothing is ever shown. The line is gone when the object is.
class Progress {
 public:
  /// `total` 0: not known. `done` counts as there before the start: it does not count for the rate.
  Progress(std::string label, uint64_t total, ProgressUnit unit, uint64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(uint64_t done);

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(uint64_t done, size_t columns) const;

  std::string label_;
  uint64_t total_;
  ProgressUnit unit_;
  uint64_t before_;
  bool shown_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_draw_ = start_;
};

}  // namespace kilter::cli
