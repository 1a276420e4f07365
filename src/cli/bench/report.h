// What `kilter bench` prints.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "cli/bench/plan.h"

namespace kilter::cli {

/// Tables for a person: the machine, a line a run with what limits it, and where the time goes.
std::string bench_text(const BenchReport& report);

/// The same and more for a program; rates in units of one a second but *_gb_s, which are 10^9 bytes a second.
boost::json::object bench_json(const BenchReport& report);

/// "decode 128 at 4096", "prefill 512"
std::string test_text(const BenchTest& test);

}  // namespace kilter::cli
