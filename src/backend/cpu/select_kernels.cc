#include "backend/cpu/select_kernels.h"

#include <string>

namespace kilter::cpu {

std::vector<BuiltKernels> runnable_kernels() {
  std::vector<BuiltKernels> runnable;
  for (const BuiltKernels& built : built_kernels()) {
    if (built.runs_here()) runnable.push_back(built);
  }
  return runnable;
}

Result<const KernelTable*> select_kernels(std::string_view name) {
  std::string known;
  for (const BuiltKernels& runnable : runnable_kernels()) {
    if (name.empty() || runnable.name == name) return &runnable.table();
    known += (known.empty() ? "" : ", ") + std::string(runnable.name);
  }
  for (const BuiltKernels& built : built_kernels()) {
    if (built.name != name) continue;
    return Error{
        ErrorCode::unsupported, "--isa",
        "'" + std::string(name) + "' needs " + std::string(built.needs) + ", which this machine lacks",
        "choose one of: " + known};
  }
  return Error{ErrorCode::usage, "--isa", "'" + std::string(name) + "' is no instruction set of this build",
               "choose one of: " + known};
}

}  // namespace kilter::cpu
