// The smallest program of somebody else: includes a public header, links the library, reports an error as a value.
#include <cstdio>

#include "kilter/result.h"

int main() {
  const kilter::Status status = kilter::Error{kilter::ErrorCode::usage, "consumer", "kilter was found", ""};
  std::puts(status.error().message().c_str());
  return status.ok() ? 1 : 0;
}
