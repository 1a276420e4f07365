// The table of contents of a zip archive, and its entries' bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kilter/result.h"

namespace kilter::analysis {

/// One file of an archive.
struct ZipEntry {
  std::string name;
  uint16_t method = 0;  ///< 0 stored, 8 deflated
  uint32_t crc = 0;
  uint64_t packed_bytes = 0;
  uint64_t bytes = 0;                   ///< as the archive says; proved when it is unpacked
  std::span<const std::byte> packed{};  ///< in the archive
};

/// Entries in the order of the central directory. Zip64 is understood, parts and encryption are not.
/// Errors: corrupt, unsupported; they name `path`.
/// Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
Result<std::vector<ZipEntry>> read_zip_directory(std::span<const std::byte> archive, const std::string& path);

/// The first `bytes` of an entry, fewer where it is shorter. Never more is unpacked, whatever the archive
/// holds. The checksum is proved when the whole entry is asked for (`bytes` is at least entry.bytes).
/// Errors: corrupt, mismatch; memory.
Result<std::vector<std::byte>> unpack(const ZipEntry& entry, uint64_t bytes);

}  // namespace kilter::analysis
