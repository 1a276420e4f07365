#include "gguf/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/checked.h"
#include "gguf/format.h"
#include "gguf/shard.h"
#include "gguf/tensor_shape.h"
#include "quant/codec.h"

namespace kilter::gguf {
namespace {

/// Big-endian data is turned round in pieces of about this size.
constexpr uint64_t kPieceBytes = uint64_t{1} << 20;

Error usage(std::string subject, std::string sentence) {
  return Error{ErrorCode::usage, std::move(subject), std::move(sentence), ""};
}

/// What the reader says about a header is what is wrong with the request.
Status prove_readable(const std::string& path, std::span<const std::byte> header) {
  const auto read = read_header(header, path);
  return read ? Status() : usage(read.error().subject, read.error().sentence);
}

}  // namespace

Result<Writer> Writer::create(const std::string& path, const Metadata& metadata,
                              std::span<const TensorPlan> tensors, WriteOptions options) {
  KILTER_ASSIGN(AtomicFile file, AtomicFile::create(path));
  Writer writer(std::move(file), path);
  writer.options_ = options;
  KILTER_ASSIGN(writer.alignment_, metadata.get_uint_or(kAlignmentKey, kDefaultAlignment));
  if (writer.alignment_ == 0 || writer.alignment_ > kMaxAlignment) {
    return usage(path, fmt::format("{} is {}", kAlignmentKey, writer.alignment_));
  }
  std::vector<TensorEntry> entries;
  KILTER_TRY(writer.plan(tensors, entries));
  const auto header = encode_header(options.version, options.byte_order, metadata, entries);
  KILTER_TRY(prove_readable(path, header));
  KILTER_TRY(writer.file_.write(header));
  if (!writer.pending_.empty()) KILTER_TRY(writer.pad());
  return writer;
}

Status Writer::plan(std::span<const TensorPlan> tensors, std::vector<TensorEntry>& entries) {
  uint64_t end = 0;
  for (const TensorPlan& tensor : tensors) {
    const std::string subject = path_ + ", " + tensor_subject(tensor.name);
    const auto size = stored_bytes(subject, tensor.type, tensor.ne);
    if (!size) return usage(subject, size.error().sentence);
    const auto begin = checked_round_up(end, alignment_);
    const auto next = begin ? checked_add(*begin, *size) : std::nullopt;
    if (!next) return usage(subject, "the tensors up to this one are larger than any file");
    entries.push_back({tensor.name, tensor.type, tensor.ne, *begin});
    pending_.push_back({tensor.name, tensor.type, *size});
    end = *next;
  }
  return {};
}

Status Writer::pad() {
  const uint64_t rest = file_.size() % alignment_;
  return rest == 0 ? Status() : file_.write_zeros(alignment_ - rest);
}

Status Writer::append(std::span<const std::byte> blocks) {
  if (blocks.empty()) return {};
  if (current_ == pending_.size()) return usage(path_, "all planned tensors are written already");
  Pending& tensor = pending_[current_];
  if (blocks.size() > tensor.bytes_left || blocks.size() % dtype_info(tensor.type).block_bytes != 0) {
    return usage(path_ + ", " + tensor_subject(tensor.name),
                 fmt::format("{} bytes are not whole {} blocks of the {} bytes that are still to come",
                             blocks.size(), dtype_info(tensor.type).name, tensor.bytes_left));
  }
  const bool swap = options_.byte_order == ByteOrder::big;
  KILTER_TRY(swap ? append_swapped(tensor.type, blocks) : file_.write(blocks));
  tensor.bytes_left -= blocks.size();
  if (tensor.bytes_left != 0) return {};
  ++current_;
  return current_ == pending_.size() ? Status() : pad();
}

Status Writer::append_swapped(DType type, std::span<const std::byte> blocks) {
  const uint64_t block = dtype_info(type).block_bytes;
  const uint64_t piece = kPieceBytes / block * block;
  for (uint64_t at = 0; at < blocks.size(); at += piece) {
    const auto part = blocks.subspan(at, std::min<uint64_t>(piece, blocks.size() - at));
    std::vector<std::byte> swapped(part.begin(), part.end());
    KILTER_TRY(quant::swap_byte_order(type, swapped));
    KILTER_TRY(file_.write(swapped));
  }
  return {};
}

Status Writer::finish() {
  if (current_ != pending_.size()) {
    return usage(path_ + ", " + tensor_subject(pending_[current_].name),
                 fmt::format("{} bytes of its data were never given", pending_[current_].bytes_left));
  }
  if (options_.tail == Tail::padded) KILTER_TRY(pad());
  return file_.commit();
}

Status write_again(const File& file, size_t shard, const std::string& path) {
  const ShardInfo& info = file.shard(shard);
  std::vector<const TensorInfo*> members;
  std::vector<TensorPlan> plans;
  uint64_t data_end = 0;
  for (const TensorInfo& tensor : file.tensors()) {
    if (tensor.shard != shard) continue;
    members.push_back(&tensor);
    plans.push_back({tensor.name, tensor.type, tensor.ne});
    data_end = std::max<uint64_t>(data_end, tensor.offset + tensor.bytes.size());
  }
  const uint64_t end = members.empty() ? info.header_bytes : info.data_offset + data_end;
  const Tail tail = info.file_bytes == end ? Tail::bare : Tail::padded;
  KILTER_ASSIGN(Writer writer,
                Writer::create(path, info.metadata, plans, {info.version, info.byte_order, tail}));
  for (const TensorInfo* tensor : members) KILTER_TRY(writer.append(tensor->bytes));
  return writer.finish();
}

}  // namespace kilter::gguf
