// What ops.h demands of a call, proved.
#pragma once

#include "kilter/result.h"
#include "observe/op_call.h"

namespace kilter {

/// Whether the call keeps the rules that stand with its op in ops.h: ranks and extents, the weight
/// there and of the right size, ids, positions, rows and blocks in range, what may share memory and
/// what may not, the scope of the name. Looks at no value. Errors: mismatch, with the value's name and
/// the first rule that is broken.
Status check_rules(const OpCall& c);

}  // namespace kilter
