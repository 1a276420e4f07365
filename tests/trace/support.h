// What the tests of traces share: files written byte by byte.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "../base/temporary_folder.h"

namespace kilter {

/// A file with that header and `data_bytes` zero bytes behind it.
inline std::string file_with(std::string_view header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string content(sizeof length, '\0');
  std::memcpy(content.data(), &length, sizeof length);
  return content + std::string(header) + std::string(data_bytes, '\0');
}

}  // namespace kilter
