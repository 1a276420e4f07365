// The processors that a process may use.
#pragma once

#include <pthread.h>

#include <string>

namespace kilter {

/// How many processors this process may use, at least 1: those of its affinity mask, or what the time limits
/// of its control groups allow if that is less (rounded up).
int usable_processors();

/// Keeps `thread` on the i-th processor of this process's affinity mask, counted from 0 and round again. Does
/// nothing where the system refuses.
void pin_to_processor(pthread_t thread, int i);

/// What the system calls the processor: "Intel(R) Xeon(R) Processor". "unknown" where it does not say.
std::string processor_name();

/// The processors' worth of time that control groups allow, rounded up; 0 where they set no limit.
/// `membership` is the text of /proc/self/cgroup, `root` the folder where the groups are mounted
/// (/sys/fs/cgroup). Limits hold for a group and all groups inside it: version 2 (cpu.max) and version 1
/// (cpu.cfs_quota_us), the smallest counts.
int control_group_processors(const std::string& membership, const std::string& root);

}  // namespace kilter
