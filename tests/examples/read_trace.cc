// Prints what kilter's reader sees in a trace: a line of metadata each, then a line a value with all its
// numbers.
#include <cstdio>
#include <string>

#include "kilter/trace.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto trace = kilter::Trace::open(argv[1]);
  if (!trace.ok()) {
    std::printf("%s\n", trace.error().message().c_str());
    return 1;
  }
  for (const auto& [key, text] : trace->metadata()) std::printf("%s = %s\n", key.c_str(), text.c_str());
  for (const kilter::TraceValue& value : trace->values()) {
    std::printf("%s %s", value.name.c_str(), value.type.c_str());
    for (const int64_t extent : value.shape) std::printf(" %lld", static_cast<long long>(extent));
    std::printf(" :");
    const auto numbers = trace->read(value.name);
    if (!numbers.ok()) return 1;
    for (const float x : *numbers) std::printf(" %g", static_cast<double>(x));
    std::printf("\n");
  }
  return 0;
}
