// What `kilter verify` found, for a person, for a program, and in one line for a bug report.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "cli/verify/bit_check.h"
#include "cli/verify/decode_check.h"
#include "cli/verify/op_check.h"

namespace kilter::cli {

struct VerifyReport {
  std::string model;         ///< path
  std::string architecture;  ///< "llama"
  std::string sha256;
  std::string computed;  ///< "cpu avx512 accurate kv=f16"
  std::vector<int32_t> ids;
  OpCheck ops;
  DecodeCheck decoding;
  BitChecks bits;
};

/// Whether everything that was looked at is as it should be: ops within their bounds, decoders and bits the
/// same, and of the defects each kind that could be injected caught.
bool passes(const VerifyReport& report);

/// "kilter 0.4.0 verify: cpu avx512 accurate kv=f16, llama 3f2a9c01d4e5, ..."
std::string one_line(const VerifyReport& report);
std::string verify_text(const VerifyReport& report);
boost::json::object verify_json(const VerifyReport& report);

}  // namespace kilter::cli
