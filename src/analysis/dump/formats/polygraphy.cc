#include "analysis/dump/formats/polygraphy.h"

#include <array>
#include <memory>

#include "analysis/dump/formats/npy.h"
#include "base/utf8.h"

namespace kilter::analysis {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 2> kMarks = {"polygraphy_class", "polygraphy_serialized_json_type"};

std::string_view class_of(const json::object& object) {
  for (const std::string_view mark : kMarks) {
    const json::value* value = object.if_contains(mark);
    if (value != nullptr && value->is_string()) return std::string_view(value->get_string());
  }
  return {};
}

int digit64(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

// Nothing where a character is none of the 64.
std::optional<std::vector<std::byte>> decode64(std::string_view text) {
  std::vector<std::byte> out;
  out.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  int n_bits = 0;
  for (const char c : text) {
    if (c == '=' || c == '\n') continue;
    const int digit = digit64(c);
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    out.push_back(static_cast<std::byte>(bits >> n_bits & 0xff));
  }
  return out;
}

// The bytes as characters U+0000 to U+00FF, which JSON holds in UTF-8.
std::optional<std::vector<std::byte>> decode_latin1(std::string_view text) {
  std::vector<std::byte> out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      out.push_back(std::byte{c});
    } else if ((c == 0xc2 || c == 0xc3) && i + 1 < text.size()) {
      out.push_back(static_cast<std::byte>((c & 3) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f)));
    } else {
      return std::nullopt;
    }
  }
  return out;
}

// The object that has the array's bytes: the value itself, or what lies inside its LazyArray.
const json::object* array_object(const json::value& value) {
  const json::value* at = &value;
  for (int depth = 0; depth < 3 && at != nullptr && at->is_object(); ++depth) {
    const json::object& object = at->get_object();
    if (object.contains("array") || object.contains("tensor")) return &object;
    at = object.if_contains("values");
  }
  return nullptr;
}

Result<RawValue> read_array(std::string_view name, const json::value& value) {
  const std::string subject = quoted(name);
  const json::object* object = array_object(value);
  const json::value* text = object == nullptr ? nullptr : object->if_contains("array");
  if (object != nullptr && object->contains("tensor")) {
    return Error{ErrorCode::unsupported, subject, "is an array of PyTorch, which only PyTorch reads",
                 "save the results with numpy arrays: tensor.float().cpu().numpy()"};
  }
  if (text == nullptr || !text->is_string()) {
    return Error{ErrorCode::corrupt, subject, "has no array", "write it with polygraphy.json.save_json"};
  }
  const std::string_view packed(text->get_string());
  auto bytes = decode64(packed);
  if (!bytes || !begins_as_npy(*bytes)) bytes = decode_latin1(packed);
  if (!bytes) return Error{ErrorCode::corrupt, subject, "is neither base64 nor latin-1", ""};
  KILTER_ASSIGN(const NpyHeader header, read_npy_header(*bytes, subject));
  if (bytes->size() - header.data_offset < header.data_bytes) {
    return Error{ErrorCode::corrupt, subject, "is shorter than its shape needs", ""};
  }
  RawValue raw = header.value();
  raw.name = std::string(name);
  const auto kept = std::make_shared<const std::vector<std::byte>>(std::move(*bytes));
  raw.load = [kept, header]() -> Result<RawElements> {
    const auto data = std::span(*kept).subspan(header.data_offset, header.data_bytes);
    return RawElements{numbers(header.value_type(), header.endian, data), {}};
  };
  return raw;
}

Result<RawPass> read_map(const json::object& arrays, const std::string& path) {
  RawPass pass;
  pass.path = path;
  pass.producer = "Polygraphy";
  for (const auto& [key, value] : arrays) {
    const std::string_view name(key);
    if (name == kMarks[0] || name == kMarks[1]) continue;
    KILTER_ASSIGN(RawValue raw, read_array(name, value));
    if (raw.integers && run_array(name) != RunArray::none) {
      KILTER_ASSIGN(const RawElements elements, raw.load());
      std::vector<int32_t> integers;
      for (const float number : elements.values) integers.push_back(static_cast<int32_t>(number));
      take_run_array(name, integers, pass);
      continue;
    }
    pass.values.push_back(std::move(raw));
  }
  return pass;
}

Error no_results(const std::string& path) {
  return {ErrorCode::corrupt, path, "has Polygraphy's marks and not its structure",
          "write it with polygraphy's RunResults.save or save_json"};
}

// [runner, [iteration ...]]
Status read_runner(const json::value& runner, const std::string& path, std::vector<RawPass>& passes) {
  if (!runner.is_array() || runner.get_array().size() != 2) return no_results(path);
  const json::value& iterations = runner.get_array()[1];
  if (!iterations.is_array()) return no_results(path);
  for (const json::value& iteration : iterations.get_array()) {
    const json::value* outputs =
        iteration.is_object() ? iteration.get_object().if_contains("outputs") : nullptr;
    if (outputs == nullptr || !outputs->is_object()) return no_results(path);
    const json::object* arrays = &outputs->get_object();
    // An OrderedDict is itself wrapped in older files.
    if (const json::value* inner = arrays->if_contains("lst"); inner != nullptr && inner->is_object()) {
      arrays = &inner->get_object();
    }
    KILTER_ASSIGN(RawPass pass, read_map(*arrays, path));
    passes.push_back(std::move(pass));
  }
  return {};
}

}  // namespace

bool is_polygraphy(const json::value& top) {
  if (top.is_object()) return top.get_object().contains("lst") || !class_of(top.get_object()).empty();
  if (!top.is_array() || top.get_array().empty()) return false;
  const json::value& first = top.get_array()[0];
  return first.is_object() && !first.get_object().empty() &&
         array_object(first.get_object().begin()->value()) != nullptr;
}

Result<std::vector<RawPass>> read_polygraphy(const json::value& top, const std::string& path) {
  std::vector<RawPass> passes;
  if (top.is_array()) {
    for (const json::value& map : top.get_array()) {
      if (!map.is_object()) return no_results(path);
      KILTER_ASSIGN(RawPass pass, read_map(map.get_object(), path));
      passes.push_back(std::move(pass));
    }
    return passes;
  }
  const json::value* runners = top.get_object().if_contains("lst");
  if (runners == nullptr || !runners->is_array() || runners->get_array().empty()) return no_results(path);
  KILTER_TRY(read_runner(runners->get_array()[0], path, passes));
  if (passes.empty()) return no_results(path);
  if (runners->get_array().size() > 1) {
    passes[0].remarks.push_back({path, "holds the results of " + std::to_string(runners->get_array().size()) +
                                           " runners; the first one's are used"});
  }
  return passes;
}

}  // namespace kilter::analysis
