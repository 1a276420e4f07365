// The numbers of the GGUF format that reader and writer share.
// Source: ggml/docs/gguf.md; kMax... where it sets no limit are ours, far above any real file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kilter::gguf {

constexpr std::string_view kMagic = "GGUF";
constexpr uint32_t kOldestVersion = 2;
constexpr uint32_t kNewestVersion = 3;

constexpr std::string_view kAlignmentKey = "general.alignment";
constexpr uint64_t kDefaultAlignment = 32;
constexpr uint64_t kAlignmentUnit = 8;                 ///< every alignment is a multiple of it
constexpr uint64_t kMaxAlignment = uint64_t{1} << 24;  ///< ours

constexpr uint64_t kMaxKeyBytes = 65535;
constexpr uint64_t kMaxTensorNameBytes = 64;
constexpr uint32_t kMaxRank = 4;
constexpr int kMaxArrayDepth = 8;  ///< ours: an array in an array in ...

// The fewest bytes that can stand for one thing: a count above (bytes left / this) is a lie.
constexpr uint64_t kMinStringBytes = 8;                ///< its length
constexpr uint64_t kMinArrayBytes = 4 + 8;             ///< element type, count
constexpr uint64_t kMinKeyValueBytes = 8 + 1 + 4 + 1;  ///< key of one letter, type, a one-byte value
/// Name of one letter, rank, one extent, type, offset.
constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

}  // namespace kilter::gguf
