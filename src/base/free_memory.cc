#include "base/free_memory.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace kilter {
namespace {

constexpr uint64_t kKilo = 1024;

/// The number behind `name` in a file of lines "name number", in the file's unit.
std::optional<uint64_t> number_behind(const char* path, std::string_view name) {
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    uint64_t number = 0;
    if (word == name && file >> number) return number;
  }
  return std::nullopt;
}

std::optional<uint64_t> left_by_system() {
  constexpr const char* kPath = "/proc/meminfo";
  const auto available = number_behind(kPath, "MemAvailable:");
  if (!available) return std::nullopt;
  return (*available + number_behind(kPath, "SwapFree:").value_or(0)) * kKilo;
}

/// Control group version 2: its limit, less the memory that cannot be dropped. Mapped model files can.
std::optional<uint64_t> left_by_control_group() {
  uint64_t limit = 0;
  if (!(std::ifstream("/sys/fs/cgroup/memory.max") >> limit)) return std::nullopt;  // "max": no limit
  const uint64_t held = number_behind("/sys/fs/cgroup/memory.stat", "anon").value_or(0);
  return limit - std::min(limit, held);
}

}  // namespace

std::optional<uint64_t> free_memory() {
  const auto system = left_by_system();
  const auto group = left_by_control_group();
  if (system && group) return std::min(*system, *group);
  return system ? system : group;
}

std::optional<uint64_t> resident_memory() {
  const auto kilobytes = number_behind("/proc/self/status", "VmRSS:");
  if (!kilobytes) return std::nullopt;
  return *kilobytes * kKilo;
}

}  // namespace kilter
