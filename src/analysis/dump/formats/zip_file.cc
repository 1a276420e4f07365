#include "analysis/dump/formats/zip_file.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "base/utf8.h"

namespace kilter::analysis {
namespace {

// Signatures and sizes of the records, and the ids of their extra fields.
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kLocator64Signature = 0x07064b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr size_t kEndBytes = 22;
constexpr size_t kLocator64Bytes = 20;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kCentralBytes = 46;
constexpr size_t kLocalBytes = 30;
constexpr uint16_t kZip64Extra = 1;
constexpr uint16_t kEncrypted = 1;
constexpr uint32_t kIn64 = 0xffffffff;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;
constexpr size_t kMostEntries = 1 << 20;
constexpr uint64_t kMostRatio = 1032;  // deflate cannot pack tighter
constexpr size_t kMostUnpacked = size_t{1} << 36;

template <typename T>
std::optional<T> number_at(std::span<const std::byte> bytes, uint64_t at) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) return std::nullopt;
  T number;
  std::memcpy(&number, bytes.data() + at, sizeof(T));
  return number;
}

Error broken(const std::string& path, std::string sentence) {
  return {ErrorCode::corrupt, path, std::move(sentence), "the archive is cut off or damaged"};
}

// Where the central directory begins, and how many entries it has.
struct Directory {
  uint64_t offset = 0;
  uint64_t entries = 0;
};

std::optional<Directory> find_directory(std::span<const std::byte> archive) {
  if (archive.size() < kEndBytes) return std::nullopt;
  const size_t last = archive.size() - kEndBytes;
  const size_t furthest = std::min(last, size_t{UINT16_MAX});  // behind a comment
  for (size_t back = 0; back <= furthest; ++back) {
    const size_t at = last - back;
    if (number_at<uint32_t>(archive, at) != kEndSignature) continue;
    const uint32_t offset = *number_at<uint32_t>(archive, at + 16);
    const uint16_t entries = *number_at<uint16_t>(archive, at + 10);
    if (offset != kIn64 && entries != UINT16_MAX) return Directory{offset, entries};
    if (at < kLocator64Bytes) return std::nullopt;
    if (number_at<uint32_t>(archive, at - kLocator64Bytes) != kLocator64Signature) return std::nullopt;
    const uint64_t end64 = *number_at<uint64_t>(archive, at - kLocator64Bytes + 8);
    if (number_at<uint32_t>(archive, end64) != kEnd64Signature) return std::nullopt;
    if (archive.size() - end64 < kEnd64Bytes) return std::nullopt;
    return Directory{*number_at<uint64_t>(archive, end64 + 48), *number_at<uint64_t>(archive, end64 + 32)};
  }
  return std::nullopt;
}

// Sizes and place of an entry; those that do not fit 32 bits stand in its extra field, in this order.
struct Place {
  uint64_t bytes;
  uint64_t packed;
  uint64_t offset;
};

bool widen(std::span<const std::byte> extra, Place& place) {
  if (place.bytes != kIn64 && place.packed != kIn64 && place.offset != kIn64) return true;
  uint64_t at = 0;
  while (const auto id = number_at<uint16_t>(extra, at)) {
    const auto size = number_at<uint16_t>(extra, at + 2);
    if (!size) return false;
    at += 4;
    if (*id != kZip64Extra) {
      at += *size;
      continue;
    }
    for (uint64_t* field : {&place.bytes, &place.packed, &place.offset}) {
      if (*field != kIn64) continue;
      const auto wide = number_at<uint64_t>(extra, at);
      if (!wide) return false;
      *field = *wide;
      at += sizeof(uint64_t);
    }
    return true;
  }
  return false;
}

// The bytes of an entry begin behind a header of their own, whose variable parts need not be the directory's.
std::optional<std::span<const std::byte>> packed_bytes(std::span<const std::byte> archive,
                                                       const Place& place) {
  if (number_at<uint32_t>(archive, place.offset) != kLocalSignature) return std::nullopt;
  const auto name = number_at<uint16_t>(archive, place.offset + 26);
  const auto extra = number_at<uint16_t>(archive, place.offset + 28);
  if (!name || !extra) return std::nullopt;
  const uint64_t begin = place.offset + kLocalBytes + *name + *extra;
  if (begin > archive.size() || place.packed > archive.size() - begin) return std::nullopt;
  return archive.subspan(begin, place.packed);
}

}  // namespace

Result<std::vector<ZipEntry>> read_zip_directory(std::span<const std::byte> archive,
                                                 const std::string& path) {
  const auto directory = find_directory(archive);
  if (!directory) return broken(path, "is a zip archive without a table of contents");
  if (directory->entries > kMostEntries)
    return broken(path, "announces more entries than any archive of arrays");
  std::vector<ZipEntry> entries;
  uint64_t at = directory->offset;
  for (uint64_t i = 0; i < directory->entries; ++i) {
    const std::string which = "entry " + std::to_string(i) + " of the table of contents ";
    if (number_at<uint32_t>(archive, at) != kCentralSignature || archive.size() - at < kCentralBytes) {
      return broken(path, which + "is not where it should be");
    }
    const uint64_t name_bytes = *number_at<uint16_t>(archive, at + 28);
    const uint64_t extra_bytes = *number_at<uint16_t>(archive, at + 30);
    const uint64_t comment_bytes = *number_at<uint16_t>(archive, at + 32);
    if (archive.size() - at - kCentralBytes < name_bytes + extra_bytes)
      return broken(path, which + "is cut off");
    ZipEntry entry;
    const auto name = archive.subspan(at + kCentralBytes, name_bytes);
    entry.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
    entry.method = *number_at<uint16_t>(archive, at + 10);
    entry.crc = *number_at<uint32_t>(archive, at + 16);
    Place place{*number_at<uint32_t>(archive, at + 24), *number_at<uint32_t>(archive, at + 20),
                *number_at<uint32_t>(archive, at + 42)};
    const bool encrypted = (*number_at<uint16_t>(archive, at + 8) & kEncrypted) != 0;
    if (encrypted || (entry.method != kStored && entry.method != kDeflated)) {
      return Error{ErrorCode::unsupported, path,
                   quoted(entry.name) + " is encrypted or packed in a way other than deflate",
                   "write the archive with numpy's savez or savez_compressed"};
    }
    const auto extra = archive.subspan(at + kCentralBytes + name_bytes, extra_bytes);
    const auto packed = widen(extra, place) ? packed_bytes(archive, place) : std::nullopt;
    if (!packed || (entry.method == kStored && place.bytes != place.packed)) {
      return broken(path, quoted(entry.name) + " lies beyond the end of the file");
    }
    entry.bytes = place.bytes;
    entry.packed_bytes = place.packed;
    entry.packed = *packed;
    entries.push_back(std::move(entry));
    at += kCentralBytes + name_bytes + extra_bytes + comment_bytes;
  }
  return entries;
}

namespace {

Status inflate_into(const ZipEntry& entry, std::vector<std::byte>& out) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
    return Error{ErrorCode::memory, quoted(entry.name), "no memory to unpack it", ""};
  }
  constexpr uint64_t kStep = std::numeric_limits<uInt>::max();
  uint64_t taken = 0;
  uint64_t made = 0;
  int state = Z_OK;
  while (state == Z_OK && made < out.size()) {
    const uint64_t in = std::min(kStep, entry.packed.size() - taken);
    const uint64_t room = std::min(kStep, out.size() - made);
    // zlib's interface does not say const, and does not write.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(entry.packed.data() + taken));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + made);
    stream.avail_out = static_cast<uInt>(room);
    state = inflate(&stream, Z_NO_FLUSH);
    taken += in - stream.avail_in;
    made += room - stream.avail_out;
  }
  inflateEnd(&stream);
  if (made == out.size()) return {};
  return Error{ErrorCode::corrupt, quoted(entry.name), "cannot be unpacked to the size that is announced",
               "the archive is cut off or damaged"};
}

}  // namespace

Result<std::vector<std::byte>> unpack(const ZipEntry& entry, uint64_t bytes) {
  const bool whole = bytes >= entry.bytes;
  const uint64_t size = std::min(bytes, entry.bytes);
  if (entry.method == kDeflated && size / kMostRatio > entry.packed_bytes + 1) {
    return Error{ErrorCode::corrupt, quoted(entry.name), "announces more bytes than it can be unpacked to",
                 "the archive is damaged"};
  }
  if (size > kMostUnpacked)
    return Error{ErrorCode::memory, quoted(entry.name), "is too large to be unpacked", ""};
  std::vector<std::byte> out(size);
  if (entry.method == kStored) {
    std::copy_n(entry.packed.begin(), size, out.begin());
  } else {
    KILTER_TRY(inflate_into(entry, out));
  }
  if (!whole) return out;
  const auto sum = crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(out.data()), out.size());
  if (sum == entry.crc) return out;
  return Error{ErrorCode::mismatch, quoted(entry.name), "does not have the checksum that the archive gives",
               "the archive is damaged; write it again"};
}

}  // namespace kilter::analysis
