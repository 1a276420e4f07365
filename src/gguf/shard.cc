#include "gguf/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/checked.h"
#include "gguf/field_reader.h"
#include "gguf/format.h"
#include "gguf/magic.h"
#include "gguf/name_index.h"
#include "gguf/read_metadata.h"
#include "gguf/read_tensors.h"
#include "quant/codec.h"

namespace kilter::gguf {
namespace {

Result<uint64_t> read_alignment(const FieldReader& in, const Metadata& metadata) {
  const auto alignment = metadata.get_uint_or(kAlignmentKey, kDefaultAlignment);
  if (!alignment) return in.corrupt(alignment.error().message());
  if (*alignment == 0 || *alignment % kAlignmentUnit != 0 || *alignment > kMaxAlignment) {
    return in.corrupt(fmt::format("{} is {}, where a multiple of {} up to {} is allowed", kAlignmentKey,
                                  *alignment, kAlignmentUnit, kMaxAlignment),
                      "the file is damaged, or its converter is wrong");
  }
  return *alignment;
}

/// Copies the data section and turns the bytes of every number in it round.
Status convert_data(std::span<const std::byte> data, Shard& shard) {
  shard.converted.assign(data.begin(), data.end());
  for (TensorInfo& tensor : shard.tensors) {
    const auto place = std::span(shard.converted).subspan(tensor.offset, tensor.bytes.size());
    KILTER_TRY(quant::swap_byte_order(tensor.type, place));
    tensor.bytes = place;
  }
  return {};
}

}  // namespace

Result<Shard> read_header(std::span<const std::byte> bytes, std::string name) {
  FieldReader in(bytes, name);
  KILTER_ASSIGN(const VersionAndOrder kind, read_magic(in, bytes));
  in.set_byte_order(kind.byte_order);

  KILTER_ASSIGN(const uint64_t n_tensors, in.count("the number of tensors", kMinTensorBytes));
  KILTER_ASSIGN(const uint64_t n_keys, in.count("the number of keys", kMinKeyValueBytes));
  Shard shard;
  KILTER_ASSIGN(shard.info.metadata, read_metadata(in, n_keys));
  KILTER_ASSIGN(shard.info.alignment, read_alignment(in, shard.info.metadata));
  KILTER_ASSIGN(shard.tensors, read_tensors(in, n_tensors));

  if (const auto index = index_by_name(name, shard.tensors); !index) return index.error();

  shard.info.path = std::move(name);
  shard.info.version = kind.version;
  shard.info.byte_order = kind.byte_order;
  shard.info.header_bytes = in.offset();
  shard.info.data_offset = *checked_round_up(in.offset(), shard.info.alignment);  // far below 2^64
  shard.info.file_bytes = bytes.size();
  return shard;
}

Result<Shard> read_shard(std::span<const std::byte> bytes, std::string name) {
  KILTER_ASSIGN(Shard shard, read_header(bytes, std::move(name)));
  const auto data = bytes.subspan(std::min<uint64_t>(shard.info.data_offset, bytes.size()));
  KILTER_TRY(place_tensors(shard.info.path, data, shard.info.alignment, shard.tensors));
  if (shard.info.byte_order == ByteOrder::big) KILTER_TRY(convert_data(data, shard));
  return shard;
}

Result<Shard> open_shard(const std::string& path) {
  KILTER_ASSIGN(FileMap map, FileMap::open(path));
  KILTER_ASSIGN(Shard shard, read_shard(map.bytes(), path));
  shard.map = std::move(map);
  return shard;
}

}  // namespace kilter::gguf
