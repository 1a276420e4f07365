#include "gguf/field_reader.h"

#include <fmt/format.h>

#include <utility>

#include "base/utf8.h"

namespace kilter::gguf {
namespace {

constexpr std::string_view kInterrupted = "was the download interrupted? Fetch the file again";
constexpr std::string_view kDamaged = "the file is damaged; fetch it again";

}  // namespace

void FieldReader::enter(std::string place) {
  place_ = std::move(place);
  element_.reset();
}

std::string FieldReader::subject() const {
  std::string text = file_;
  if (!place_.empty()) text += ", " + place_;
  if (element_) text += fmt::format(", element {}", *element_);
  return text;
}

Error FieldReader::corrupt(std::string sentence, std::string cure) const {
  return Error{ErrorCode::corrupt, subject(), std::move(sentence), std::move(cure)};
}

Error FieldReader::unsupported(std::string sentence, std::string cure) const {
  return Error{ErrorCode::unsupported, subject(), std::move(sentence), std::move(cure)};
}

Error FieldReader::ends_early(std::string_view field, uint64_t needed) const {
  return corrupt(fmt::format("the file ends inside {}: {} bytes are needed at byte {}, and {} are left",
                             field, needed, offset_, left()),
                 std::string(kInterrupted));
}

Result<uint64_t> FieldReader::count(std::string_view field, uint64_t min_bytes) {
  const uint64_t at = offset_;
  KILTER_ASSIGN(const uint64_t n, number<uint64_t>(field));
  if (n > left() / min_bytes) {
    return corrupt(
        fmt::format("{} is {} (at byte {}), which needs at least {} bytes each, but only {} bytes are left",
                    field, n, at, min_bytes, left()),
        std::string(kInterrupted));
  }
  return n;
}

Result<std::string_view> FieldReader::string(std::string_view field, uint64_t min_bytes, uint64_t max_bytes) {
  const uint64_t at = offset_;
  KILTER_ASSIGN(const uint64_t size, number<uint64_t>(field));
  if (size < min_bytes || size > max_bytes) {
    return corrupt(fmt::format("{} at byte {} is {} bytes long, where {} to {} are allowed", field, at, size,
                               min_bytes, max_bytes),
                   std::string(kDamaged));
  }
  if (size > left()) return ends_early(field, size);
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + offset_, size);
  if (const auto bad = find_invalid_utf8(text)) {
    return corrupt(fmt::format("{} is not UTF-8: byte {:#04x} at byte {} of the file", field,
                               static_cast<uint8_t>(text[*bad]), offset_ + *bad),
                   "the format allows UTF-8 only; if the file is not damaged, its converter should be told");
  }
  offset_ += size;
  return text;
}

std::span<const std::byte> FieldReader::proved_bytes(uint64_t size) {
  const auto piece = bytes_.subspan(offset_, size);
  offset_ += size;
  return piece;
}

}  // namespace kilter::gguf
