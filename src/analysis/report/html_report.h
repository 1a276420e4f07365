// A diagnosis as one page for a browser.
#pragma once

#include <string>

#include "analysis/diagnose/diagnosis.h"

namespace kilter::analysis {

/// A whole HTML document that needs neither a network nor a second file: style, script and the numbers
/// (diagnosis_json, rounded) are in it. Without scripts it shows diagnosis_text. About 1 KB a value; margins
/// of more than 64 tokens are merged, the largest of each group is kept, so that a long prompt adds no more
/// than that. Names out of foreign files never become markup.
std::string diagnosis_html(const Diagnosis& d);

}  // namespace kilter::analysis
