#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "cli/table.h"
#include "cli/units.h"

namespace kilter::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr size_t kUsualColumns = 80;
constexpr size_t kMinBar = 8;
constexpr size_t kMaxBar = 40;
constexpr std::string_view kEraseLine = "\r\x1b[K";

size_t terminal_columns() {
  winsize size = {};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
  return known ? size.ws_col : kUsualColumns;
}

void draw(std::string_view text) {
  // A progress bar that cannot be shown is no error.
  static_cast<void>(!write(STDERR_FILENO, text.data(), text.size()));
}

std::string bar(uint64_t done, uint64_t total, size_t width) {
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<size_t>(share * static_cast<double>(width));
  return "[" + std::string(filled, '#') + std::string(width - filled, '.') + "]";
}

}  // namespace

Progress::Progress(std::string label, uint64_t total, ProgressUnit unit, uint64_t done)
    : label_(std::move(label)),
      total_(total),
      unit_(unit),
      before_(done),
      shown_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (drawn_) draw(kEraseLine);
}

void Progress::update(uint64_t done) {
  if (!shown_ || Clock::now() < next_draw_) return;
  next_draw_ = Clock::now() + kRedraw;
  drawn_ = true;
  draw(std::string(kEraseLine) + line(done, terminal_columns()));
}

std::string Progress::line(uint64_t done, size_t columns) const {
  const auto text = [this](uint64_t n) { return unit_ == ProgressUnit::bytes ? bytes_text(n) : grouped(n); };
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done - std::min(done, before_)) / seconds : 0;
  std::string facts = total_ == 0 ? text(done) : fmt::format("{} of {}", text(done), text(total_));
  if (rate >= 1) facts += fmt::format("  {}/s", text(static_cast<uint64_t>(rate)));
  if (rate >= 1 && total_ > done) {
    facts += fmt::format("  {} left", duration_text(static_cast<double>(total_ - done) / rate));
  }
  // One column stays free: a full last column makes some terminals wrap.
  const size_t room = columns - std::min(columns, display_width(label_) + facts.size() + 7);
  std::string result = label_ + "  ";
  if (total_ != 0 && room >= kMinBar) result += bar(done, total_, std::min(room, kMaxBar)) + "  ";
  result += facts;
  while (display_width(result) >= columns) result.pop_back();
  return result;
}

}  // namespace kilter::cli
