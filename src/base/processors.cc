#include "base/processors.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string_view>

namespace kilter {
namespace {

/// The smallest limit so far, in processors; 0 is none.
void lower(int& limit, double quota, double period) {
  if (quota <= 0 || period <= 0) return;
  const int processors = std::max(1, static_cast<int>(std::min(std::ceil(quota / period), 1e6)));
  limit = limit == 0 ? processors : std::min(limit, processors);
}

/// Version 2 writes "quota period" in microseconds, or "max period".
void read_version_2(const std::string& folder, int& limit) {
  double quota = 0;
  double period = 0;
  if (std::ifstream(folder + "/cpu.max") >> quota >> period) lower(limit, quota, period);
}

/// Version 1 has a file for each, and a quota of -1 is no limit.
void read_version_1(const std::string& folder, int& limit) {
  double quota = 0;
  double period = 0;
  std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
  std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  lower(limit, quota, period);
}

/// Reads the group at `path` and those around it up to the mounted one. A container sees its own group as the
/// mounted one, and may be told a path that exists only outside: folders that are missing set no limit.
template <typename Read>
void read_upwards(const std::string& mount, std::string path, Read read, int& limit) {
  while (true) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    read(mount + path, limit);
    if (path.empty()) return;
    path.erase(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
  }
}

/// Is "cpu" among names separated by commas?
bool has_cpu(std::string_view names) {
  while (!names.empty()) {
    const size_t comma = std::min(names.find(','), names.size());
    if (names.substr(0, comma) == "cpu") return true;
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return false;
}

std::string text_of(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return std::move(text).str();
}

bool affinity_mask(cpu_set_t& mask) {
  CPU_ZERO(&mask);
  return sched_getaffinity(0, sizeof(mask), &mask) == 0;
}

}  // namespace

// Each line is "number:controllers:path"; version 2 has number 0 and no controllers.
int control_group_processors(const std::string& membership, const std::string& root) {
  int limit = 0;
  std::istringstream lines(membership);
  std::string line;
  while (std::getline(lines, line)) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      read_upwards(root, path, read_version_2, limit);
    } else if (has_cpu(controllers)) {
      std::string mount = root;
      mount.append("/").append(controllers);
      read_upwards(mount, path, read_version_1, limit);
      read_upwards(root + "/cpu", path, read_version_1, limit);  // where "cpu,cpuacct" goes by a short name
    }
  }
  return limit;
}

int usable_processors() {
  cpu_set_t mask;
  int n = affinity_mask(mask) ? CPU_COUNT(&mask) : 1;
  if (const int limit = control_group_processors(text_of("/proc/self/cgroup"), "/sys/fs/cgroup"); limit > 0) {
    n = std::min(n, limit);
  }
  return std::max(n, 1);
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    const size_t name = line.find_first_not_of(" \t", std::min(line.find(':'), line.size() - 1) + 1);
    if (line.starts_with("model name") && name != std::string::npos) return line.substr(name);
  }
  return "unknown";
}

void pin_to_processor(pthread_t thread, int i) {
  cpu_set_t mask;
  if (!affinity_mask(mask) || CPU_COUNT(&mask) == 0) return;
  int left = i % CPU_COUNT(&mask);
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &mask) || left-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(thread, sizeof(one), &one);
    return;
  }
}

}  // namespace kilter
