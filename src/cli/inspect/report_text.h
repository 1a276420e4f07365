// The report of `kilter inspect` for a person.
#pragma once

#include <span>
#include <string>

#include "cli/inspect/report.h"
#include "cli/inspect/verify.h"

namespace kilter::cli {

/// Which lists are shown whole.
struct ReportDetail {
  bool tensors = false;   ///< a line a tensor, and not a line for all layers that are alike
  bool metadata = false;  ///< every key, and not those of the architecture only
};

std::string report_text(const ModelReport& report, const ReportDetail& detail);

/// What verify found: a line a finding, and a sentence at the end.
std::string findings_text(std::span<const TensorScan> scans);

}  // namespace kilter::cli
