#include "analysis/dump/formats/side_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

#include "analysis/dump/formats/json_numbers.h"
#include "analysis/dump/formats/stored_values.h"
#include "base/checked.h"
#include "base/file_map.h"
#include "base/utf8.h"

namespace kilter::analysis {
namespace {

namespace json = boost::json;

Error broken(std::string_view name, std::string sentence, std::string cure = "") {
  return {ErrorCode::corrupt, kilter::quoted(name), std::move(sentence), std::move(cure)};
}

std::string string_at(const json::object& entry, std::string_view key) {
  const json::value* value = entry.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<int64_t> count_at(const json::object& entry, std::string_view key) {
  const json::value* value = entry.if_contains(key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  json::error_code error;
  const auto number = value->to_number<int64_t>(error);
  if (error || number < 0 || number > (int64_t{1} << 40)) return std::nullopt;
  return number;
}

struct TypeName {
  std::string_view name;
  ElementType type;
};
constexpr std::array kTypeNames = {
    TypeName{"f32", ElementType::f32},   TypeName{"float32", ElementType::f32},
    TypeName{"f16", ElementType::f16},   TypeName{"float16", ElementType::f16},
    TypeName{"bf16", ElementType::bf16}, TypeName{"bfloat16", ElementType::bf16},
    TypeName{"f64", ElementType::f64},   TypeName{"float64", ElementType::f64},
    TypeName{"i32", ElementType::i32},   TypeName{"int32", ElementType::i32},
    TypeName{"i64", ElementType::i64},   TypeName{"int64", ElementType::i64},
};

// Shape, rows and places, which mean the same for numbers in place and in a file.
Status read_places(const json::object& entry, RawValue& value) {
  if (const json::value* shape = entry.if_contains("shape")) {
    const auto extents = json_extents(shape);
    if (!extents || !checked_elements(*extents))
      return broken(value.name, "has a \"shape\" that is no list of counts");
    value.shape = *extents;
  }
  if (const json::value* rows = entry.if_contains("rows")) {
    value.rows = json_integers(rows);
    if (!value.rows) return broken(value.name, "has \"rows\" that are no list of token numbers");
  }
  const auto row = count_at(entry, "row");
  const auto first = count_at(entry, "first");
  if (entry.if_contains("row") != nullptr && !row)
    return broken(value.name, "has a \"row\" that is no number");
  if (entry.if_contains("first") != nullptr && !first) {
    return broken(value.name, "has a \"first\" that is no number");
  }
  if (row || first) value.piece = RowPiece{row.value_or(0), first.value_or(0)};
  return {};
}

Status read_numbers_in_place(const json::value& data, RawValue& value) {
  KILTER_ASSIGN(JsonNumbers numbers, json_numbers(data, value.name));
  const int64_t there = *checked_elements(numbers.shape);
  if (value.shape.empty() || value.piece) value.shape = numbers.shape;
  if (value.elements() != there) {
    return broken(value.name,
                  "has " + std::to_string(there) + " numbers, and its shape is " + shape_text(value.shape),
                  "give \"row\" and \"first\" for a part of a value");
  }
  value.partial = !numbers.elements.index.empty() || (there > 0 && numbers.elements.values.empty());
  value.quantum = numbers.quantum;
  value.stored = numbers.quantum > 0 ? StoredAs::text : StoredAs::f32;
  value.integers = numbers.integers;
  const auto kept = std::make_shared<const RawElements>(std::move(numbers.elements));
  value.load = [kept]() -> Result<RawElements> { return *kept; };
  return {};
}

// Which bytes of another file a value is.
struct RawBytes {
  std::shared_ptr<const FileMap> map;
  std::span<const std::byte> bytes;
  ElementType type = ElementType::f32;
  Endian endian = Endian::little;
};

Result<RawBytes> find_bytes(const json::object& entry, const RawValue& value, const std::string& path) {
  RawBytes found;
  const std::string type = string_at(entry, "type");
  const auto* known = std::find_if(kTypeNames.begin(), kTypeNames.end(),
                                   [&](const TypeName& t) { return type.empty() || t.name == type; });
  if (known == kTypeNames.end()) {
    return broken(value.name, "has numbers of type " + kilter::quoted(type),
                  "types are f32, f16, bf16, f64, i32, i64");
  }
  found.type = known->type;
  found.endian = string_at(entry, "endian") == "big" ? Endian::big : Endian::little;
  const auto folder = std::filesystem::path(path).parent_path();
  KILTER_ASSIGN(FileMap opened, FileMap::open((folder / string_at(entry, "file")).string()));
  found.map = std::make_shared<const FileMap>(std::move(opened));
  const auto offset = static_cast<uint64_t>(count_at(entry, "offset").value_or(0));
  const auto needed =
      checked_mul(static_cast<uint64_t>(value.elements()), element_type_info(found.type).bytes);
  const uint64_t size = found.map->bytes().size();
  if (!needed || offset > size || *needed > size - offset) {
    return broken(value.name, "needs more bytes than " + kilter::quoted(found.map->path()) + " has (" +
                                  std::to_string(size) + ")");
  }
  found.bytes = found.map->bytes().subspan(offset, *needed);
  return found;
}

Result<RawValue> read_value(const json::value& item, const std::string& path) {
  if (!item.is_object()) return broken(path, "has an entry of \"values\" or \"weights\" that is no object");
  const json::object& entry = item.get_object();
  RawValue value;
  value.name = string_at(entry, "name");
  if (value.name.empty()) return broken(path, "has a value without a \"name\"");
  KILTER_TRY(read_places(entry, value));
  if (const json::value* data = entry.if_contains("data")) {
    KILTER_TRY(read_numbers_in_place(*data, value));
  } else if (!string_at(entry, "file").empty()) {
    if (entry.if_contains("shape") == nullptr) return broken(value.name, "has a \"file\" and no \"shape\"");
    KILTER_ASSIGN(const RawBytes raw, find_bytes(entry, value, path));
    value.stored = stored_as(raw.type);
    value.integers = is_integer(raw.type);
    value.load = [raw]() -> Result<RawElements> {
      return RawElements{numbers(raw.type, raw.endian, raw.bytes), {}};
    };
  } else {
    return broken(value.name, "has neither \"data\" nor a \"file\"");
  }
  if (const json::value* quantum = entry.if_contains("quantum"); quantum != nullptr && quantum->is_number()) {
    json::error_code error;
    value.quantum = quantum->to_number<double>(error);
    if (error || !(value.quantum >= 0)) value.quantum = 0;
    value.stored = StoredAs::text;
  }
  return value;
}

Status read_list(const json::value& list, const std::string& path, bool weights, RawPass& pass) {
  if (!list.is_array()) return broken(path, "has \"values\" or \"weights\" that are no list");
  for (const json::value& item : list.get_array()) {
    KILTER_ASSIGN(RawValue value, read_value(item, path));
    value.weight = weights;
    pass.values.push_back(std::move(value));
  }
  return {};
}

Status read_key(std::string_view key, const json::value& value, RawPass& pass) {
  if (key == "values") return read_list(value, pass.path, false, pass);
  if (key == "weights") return read_list(value, pass.path, true, pass);
  if (value.is_string()) {
    pass.metadata.emplace(key, std::string(value.get_string()));
    return {};
  }
  if (run_array(key) != RunArray::none) {
    const auto integers = json_integers(&value);
    if (integers) {
      take_run_array(key, integers, pass);
      return {};
    }
    // A batch of one: [[1, 450]].
    if (value.is_array() && value.get_array().size() == 1 &&
        take_run_array(key, json_integers(&value.get_array()[0]), pass)) {
      return {};
    }
    return broken(pass.path, kilter::quoted(key) + " is no list of integers");
  }
  if (value.is_array()) {
    RawValue raw;
    raw.name = std::string(key);
    KILTER_TRY(read_numbers_in_place(value, raw));
    pass.values.push_back(std::move(raw));
    return {};
  }
  if (value.is_primitive()) pass.metadata.emplace(key, json::serialize(value));
  return {};
}

}  // namespace

Result<RawPass> read_side_file(const json::object& top, const std::string& path) {
  RawPass pass;
  pass.path = path;
  for (const auto& [key, value] : top) KILTER_TRY(read_key(std::string_view(key), value, pass));
  take_run_metadata(pass);
  const auto engine = pass.metadata.find("engine");
  pass.producer = engine == pass.metadata.end() ? "JSON" : engine->second;
  return pass;
}

}  // namespace kilter::analysis
