// Numbers as a person reads them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kilter::cli {

/// "812 bytes", "95.3 MiB": binary units, three digits.
std::string bytes_text(uint64_t bytes);

/// "134.5 M": decimal units, for counts of parameters.
std::string count_text(uint64_t count);

/// "134,515,008"
std::string grouped(uint64_t number);

/// "1 tensor", "272 tensors"
std::string counted(uint64_t number, std::string_view noun);

/// "2:05", "1:00:09": minutes and seconds.
std::string duration_text(double seconds);

}  // namespace kilter::cli
