#include "gguf/encode.h"

#include <cstring>
#include <string_view>
#include <type_traits>
#include <variant>

#include "gguf/format.h"

namespace kilter::gguf {
namespace {

class Encoder {
 public:
  explicit Encoder(ByteOrder order) : order_(order) {}

  template <typename T>
  void number(T value) {
    const T stored = ordered(value, order_);
    raw(&stored, sizeof(T));
  }

  void letters(std::string_view text) { raw(text.data(), text.size()); }

  void string(std::string_view text) {
    number<uint64_t>(text.size());
    letters(text);
  }

  void typed_value(const Value& value) {
    number(static_cast<uint32_t>(value.index()));
    std::visit([this](const auto& v) { element(v); }, value);
  }

  std::vector<std::byte> take() && { return std::move(bytes_); }

 private:
  void raw(const void* data, size_t size) {
    const auto* begin = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), begin, begin + size);
  }

  void element(bool value) { number<uint8_t>(value ? 1 : 0); }
  void element(const std::string& value) { string(value); }
  void element(const Array& array) {
    number(static_cast<uint32_t>(array.element_type()));
    number<uint64_t>(array.size());
    std::visit([this](const auto& all) { elements(all); }, array.elements);
  }
  template <typename T>
  void element(T value) requires std::is_arithmetic_v<T> {
    number(value);
  }

  template <typename Elements>
  void elements(const Elements& all) {
    for (const typename Elements::value_type& one : all) element(one);
  }

  ByteOrder order_;
  std::vector<std::byte> bytes_;
};

}  // namespace

std::vector<std::byte> encode_header(uint32_t version, ByteOrder order, const Metadata& metadata,
                                     std::span<const TensorEntry> tensors) {
  Encoder out(order);
  out.letters(kMagic);
  out.number(version);
  out.number<uint64_t>(tensors.size());
  out.number<uint64_t>(metadata.entries.size());
  for (const KeyValue& entry : metadata.entries) {
    out.string(entry.key);
    out.typed_value(entry.value);
  }
  for (const TensorEntry& tensor : tensors) {
    out.string(tensor.name);
    out.number(static_cast<uint32_t>(tensor.ne.size()));
    for (const uint64_t extent : tensor.ne) out.number(extent);
    out.number(static_cast<uint32_t>(tensor.type));
    out.number(tensor.offset);
  }
  return std::move(out).take();
}

}  // namespace kilter::gguf
