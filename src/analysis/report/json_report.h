// A diagnosis for programs.
#pragma once

#include <boost/json/object.hpp>

#include "analysis/diagnose/diagnosis.h"

namespace kilter::analysis {

/// The schema is in docs/diagnose.md; keys are added to it, never renamed. Infinities and NaN, which JSON
/// cannot write, are the strings "inf", "-inf" and "nan"; a number that was not made is null. Strings are
/// well-formed UTF-8.
boost::json::object diagnosis_json(const Diagnosis& d);

}  // namespace kilter::analysis
