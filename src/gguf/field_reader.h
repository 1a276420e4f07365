// The fields of a GGUF file, one after another, each checked against the bytes that are left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gguf/byte_order.h"
#include "kilter/result.h"

namespace kilter::gguf {

/// A position in a file and what is being read there, so that every error can say both.
/// Nothing is allocated for a length that the file claims before that many bytes are known to be there.
class FieldReader {
 public:
  /// `bytes` must outlive the reader. `file` is what errors call them.
  FieldReader(std::span<const std::byte> bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {}

  void set_byte_order(ByteOrder order) { order_ = order; }
  /// Names what the next fields belong to: "key 'general.name'".
  void enter(std::string place);
  /// Names the element of it, where it is an array.
  void enter_element(uint64_t index) { element_ = index; }

  uint64_t offset() const { return offset_; }
  uint64_t left() const { return bytes_.size() - offset_; }

  /// One number. `field` is what the error calls it: "the length of the key".
  template <typename T>
  Result<T> number(std::string_view field) {
    if (left() < sizeof(T)) return ends_early(field, sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return ordered(value, order_);
  }

  /// How many things follow, each of at least `min_bytes`: proved to be possible.
  Result<uint64_t> count(std::string_view field, uint64_t min_bytes);

  /// A string of `min_bytes` to `max_bytes`, proved to be UTF-8; it lies in the file's bytes.
  Result<std::string_view> string(std::string_view field, uint64_t min_bytes, uint64_t max_bytes);

  /// The next `size` bytes, which count() has proved to be there.
  std::span<const std::byte> proved_bytes(uint64_t size);
  ByteOrder byte_order() const { return order_; }

  /// An error at the place that was entered. For errors about a field, read just now or next.
  Error corrupt(std::string sentence, std::string cure = "") const;
  Error unsupported(std::string sentence, std::string cure) const;

 private:
  Error ends_early(std::string_view field, uint64_t needed) const;
  std::string subject() const;

  std::span<const std::byte> bytes_;
  uint64_t offset_ = 0;
  ByteOrder order_ = ByteOrder::little;
  std::string file_;
  std::string place_;
  std::optional<uint64_t> element_;
};

}  // namespace kilter::gguf
