// Which backends the op tests judge. Each program links one answer: reference_under_test.cc,
// cpu_under_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "op_bench.h"

namespace kilter {

enum class CacheNumbers { f32, f16 };

struct OpsUnderTest {
  std::string name;  ///< of letters, digits and _
  Arithmetic arithmetic;
  CacheNumbers cache;
  std::function<std::unique_ptr<Ops>()> make;

  bool is_reference() const { return arithmetic == Arithmetic::reference; }
};

inline void PrintTo(const OpsUnderTest& under_test, std::ostream* out) { *out << under_test.name; }

std::vector<OpsUnderTest> ops_under_test();

/// A backend, and the tensors of one test.
class OpsBench : public OpBench {
 public:
  OpsBench(const OpsUnderTest& under_test, uint64_t seed)
      : OpBench(seed), which(under_test), owned_(which.make()), ops(*owned_) {}

  const OpsUnderTest which;

 private:
  std::unique_ptr<Ops> owned_;

 public:
  Ops& ops;
};

}  // namespace kilter
