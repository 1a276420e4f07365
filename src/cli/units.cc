#include "cli/units.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace kilter::cli {
namespace {

/// `value` below `step`, with the unit that makes it so, three digits.
template <size_t N>
std::string scaled(double value, double step, const std::array<std::string_view, N>& units) {
  size_t unit = 0;
  while (value >= step - 0.5 && unit + 1 < N) {
    value /= step;
    ++unit;
  }
  const int decimals = value >= 99.95 ? 0 : 1;
  return fmt::format("{:.{}f} {}", value, decimals, units[unit]);
}

}  // namespace

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  return scaled(static_cast<double>(bytes) / 1024, 1024, kUnits);
}

std::string count_text(uint64_t count) {
  if (count < 1000) return fmt::format("{}", count);
  constexpr std::array<std::string_view, 6> kUnits = {"k", "M", "G", "T", "P", "E"};
  return scaled(static_cast<double>(count) / 1000, 1000, kUnits);
}

std::string grouped(uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string counted(uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(number), noun, number == 1 ? "" : "s");
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<uint64_t>(seconds < 0 ? 0 : seconds + 0.5);
  const uint64_t hours = whole / 3600, minutes = whole / 60 % 60, rest = whole % 60;
  if (hours != 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, rest);
  return fmt::format("{}:{:02}", minutes, rest);
}

}  // namespace kilter::cli
