#include "cli/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "base/utf8.h"

namespace kilter::cli {
namespace {

namespace json = boost::json;

constexpr int kIndent = 2;

std::string quoted_json(std::string_view text) { return json::serialize(json::string(json_string(text))); }

bool plain(const json::value& value) { return !value.is_structured(); }

class Writer {
 public:
  std::string take() { return std::move(text_) + "\n"; }

  void write(const json::value& value) {
    if (const auto* object = value.if_object()) {
      write_object(*object);
    } else if (const auto* array = value.if_array()) {
      write_array(*array);
    } else if (const auto* string = value.if_string()) {
      text_ += quoted_json({string->data(), string->size()});
    } else if (const auto* number = value.if_double()) {
      text_ += std::isfinite(*number) ? fmt::format("{}", *number) : "null";
    } else {
      text_ += json::serialize(value);
    }
  }

 private:
  void new_line() { text_ += "\n" + std::string(static_cast<size_t>(depth_ * kIndent), ' '); }

  void write_object(const json::object& object) {
    if (object.empty()) {
      text_ += "{}";
      return;
    }
    text_ += '{';
    ++depth_;
    for (auto member = object.begin(); member != object.end(); ++member) {
      if (member != object.begin()) text_ += ',';
      new_line();
      text_ += quoted_json({member->key().data(), member->key().size()}) + ": ";
      write(member->value());
    }
    --depth_;
    new_line();
    text_ += '}';
  }

  void write_array(const json::array& array) {
    const bool one_line = std::all_of(array.begin(), array.end(), plain);
    text_ += '[';
    ++depth_;
    for (auto element = array.begin(); element != array.end(); ++element) {
      if (element != array.begin()) text_ += one_line ? ", " : ",";
      if (!one_line) new_line();
      write(*element);
    }
    --depth_;
    if (!one_line) new_line();
    text_ += ']';
  }

  std::string text_;
  int depth_ = 0;
};

}  // namespace

std::string json_text(const json::value& value) {
  Writer writer;
  writer.write(value);
  return writer.take();
}

std::string json_string(std::string_view text) {
  std::string result;
  while (const auto bad = find_invalid_utf8(text)) {
    result.append(text.substr(0, *bad)).append("\xef\xbf\xbd");
    text.remove_prefix(*bad + 1);
  }
  return result.append(text);
}

}  // namespace kilter::cli
