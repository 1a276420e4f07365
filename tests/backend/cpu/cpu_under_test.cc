#include "backend/cpu/cpu_ops.h"
#include "backend/cpu/select_kernels.h"
#include "ops_under_test.h"

namespace kilter {
namespace {

struct Mode {
  const char* name;
  Arithmetic arithmetic;
  CacheNumbers cache;
};
constexpr Mode kModes[] = {{"fast", Arithmetic::fast, CacheNumbers::f16},
                           {"accurate", Arithmetic::accurate, CacheNumbers::f16},
                           {"exact", Arithmetic::exact, CacheNumbers::f32},
                           {"f32", Arithmetic::f32, CacheNumbers::f32}};

}  // namespace

// Every instruction set that this processor runs, in every mode.
std::vector<OpsUnderTest> ops_under_test() {
  std::vector<OpsUnderTest> all;
  for (const cpu::BuiltKernels& built : cpu::runnable_kernels()) {
    for (const Mode& mode : kModes) {
      const cpu::CpuOptions options{
          .kernels = &built.table(),
          .mode = mode.arithmetic,
          .kv = mode.cache == CacheNumbers::f16 ? cpu::KvType::f16 : cpu::KvType::f32,
          .threads = 2};
      all.push_back({std::string(built.name) + "_" + mode.name, mode.arithmetic, mode.cache,
                     [options] { return std::make_unique<cpu::CpuOps>(options); }});
    }
  }
  return all;
}

}  // namespace kilter
