// The report of `kilter inspect` for a program.
#pragma once

#include <boost/json/object.hpp>
#include <span>

#include "cli/inspect/report.h"
#include "cli/inspect/report_text.h"
#include "cli/inspect/verify.h"

namespace kilter::cli {

/// Has every tensor; every metadata key, with whole arrays, when `detail` asks for them.
boost::json::object report_json(const ModelReport& report, const ReportDetail& detail);

boost::json::object findings_json(std::span<const TensorScan> scans);

}  // namespace kilter::cli
