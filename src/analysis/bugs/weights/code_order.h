// Readings that put the right bits together for the wrong elements.
#pragma once

#include <functional>
#include <string>

#include "analysis/bugs/weights/bits.h"
#include "analysis/bugs/weights/reading.h"

namespace kilter::analysis {

/// Element i has the low four bits of `nibble(i)`; its high bits, scale and minimum are right.
Reading nibbles_from(DType type, std::string detail, const std::function<Nibble(size_t i)>& nibble);
/// Element i has the high bits of element source(i); its low bits, scale and minimum are right.
Reading high_bits_from(DType type, std::string detail, const std::function<size_t(size_t i)>& source);
/// Element i has the whole code of element source(i), under its own scale.
Reading codes_from(DType type, std::string detail, const std::function<size_t(size_t i)>& source);
/// Element i is the value of element source(i), scale and all.
Reading values_from(DType type, std::string detail, const std::function<size_t(size_t i)>& source);
/// The high bits add `high` of the block's bytes instead.
Reading high_bits_read(DType type, std::string detail,
                       std::function<int(const std::byte* block, size_t i)> high);

}  // namespace kilter::analysis
