// numpy's archives: a zip file of arrays.
#include <memory>

#include "analysis/dump/formats/formats.h"
#include "analysis/dump/formats/npy.h"
#include "analysis/dump/formats/zip_file.h"
#include "base/utf8.h"

namespace kilter::analysis {
namespace {

constexpr std::string_view kEnding = ".npy";

Result<RawElements> load(const ZipEntry& entry, const NpyHeader& header) {
  if (entry.method == 0) {  // no copy of what may be large
    return RawElements{numbers(header.value_type(), header.endian,
                               entry.packed.subspan(header.data_offset, header.data_bytes)),
                       {}};
  }
  KILTER_ASSIGN(const std::vector<std::byte> bytes, unpack(entry, entry.bytes));
  return RawElements{numbers(header.value_type(), header.endian,
                             std::span(bytes).subspan(header.data_offset, header.data_bytes)),
                     {}};
}

std::optional<std::vector<int32_t>> entry_ids(const ZipEntry& entry, const NpyHeader& header) {
  constexpr uint64_t kMostBytes = uint64_t{1} << 27;
  if (!is_integer(header.type) || header.data_bytes > kMostBytes) return std::nullopt;
  const auto bytes = unpack(entry, entry.bytes);
  if (!bytes) return std::nullopt;
  return ids(header.type, header.endian, std::span(*bytes).subspan(header.data_offset, header.data_bytes));
}

void read_entry(const SharedMap& map, const ZipEntry& entry, RawPass& pass) {
  std::string name = entry.name;
  if (name.ends_with(kEnding)) name.resize(name.size() - kEnding.size());
  const auto head = unpack(entry, std::min<uint64_t>(entry.bytes, kLongestNpyHeader));
  auto header = head ? read_npy_header(*head, quoted(name)) : Result<NpyHeader>(head.error());
  if (header &&
      (entry.bytes < header->data_offset || entry.bytes - header->data_offset < header->data_bytes)) {
    header = Error{ErrorCode::corrupt, quoted(name), "is shorter than its shape needs", ""};
  }
  if (!header) {
    pass.unmatched.push_back({name, header.error().sentence});
    return;
  }
  if (run_array(name) != RunArray::none && take_run_array(name, entry_ids(entry, *header), pass)) return;
  RawValue value = header->value();
  value.name = name;
  value.load = [map, entry, header = *header] { return load(entry, header); };
  pass.values.push_back(std::move(value));
}

}  // namespace

bool is_zip(std::span<const std::byte> file) {
  const std::string_view text = text_of(file);
  return text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06");
}

Result<std::vector<RawPass>> read_npz(const SharedMap& map) {
  KILTER_ASSIGN(const std::vector<ZipEntry> entries, read_zip_directory(map->bytes(), map->path()));
  RawPass pass;
  pass.path = map->path();
  pass.producer = "numpy";
  for (const ZipEntry& entry : entries) {
    if (entry.name.ends_with("data.pkl")) return *refusal(map->path(), map->bytes());
    if (!entry.name.ends_with('/')) read_entry(map, entry, pass);
  }
  return std::vector{std::move(pass)};
}

}  // namespace kilter::analysis
