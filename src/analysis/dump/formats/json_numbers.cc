#include "analysis/dump/formats/json_numbers.h"

#include <cmath>
#include <utility>

#include "analysis/dump/formats/printed_numbers.h"
#include "base/utf8.h"

namespace kilter::analysis {
namespace {

namespace json = boost::json;

constexpr size_t kLargestText = size_t{512} << 20;  // as JSON in memory it takes some ten times as much
constexpr size_t kDeepest = 24;

// `text` with the words that are no JSON between quotes.
std::string quote_bare_words(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      out += c;
      out += text[++i];
      continue;
    }
    if (c == '"') in_string = !in_string;
    const std::string_view rest = text.substr(i);
    std::string_view word;
    if (!in_string && c != '"') {
      for (const std::string_view bare : {"NaN", "Infinity", "-Infinity", "-NaN"}) {
        if (rest.starts_with(bare)) word = bare;
      }
    }
    if (word.empty()) {
      out += c;
      continue;
    }
    out.append("\"").append(word).append("\"");
    i += word.size() - 1;
  }
  return out;
}

// Flattens depth first.
class Flattener {
 public:
  Flattener(std::string_view subject, JsonNumbers& to) : subject_(subject), to_(to) {}

  Status walk(const json::value& value, size_t axis) {
    if (!value.is_array()) return take(value, axis);
    const json::array& list = value.get_array();
    if (axis == to_.shape.size()) {
      if (seen_ > 0 || leaf_axis_) return ragged();
      to_.shape.push_back(static_cast<int64_t>(list.size()));
    } else if (to_.shape[axis] != static_cast<int64_t>(list.size())) {
      return ragged();
    }
    for (const json::value& element : list) KILTER_TRY(walk(element, axis + 1));
    return {};
  }

  void finish() {
    to_.quantum = digits_.quantum();
    to_.integers = integers_ && seen_ > 0;
    if (to_.elements.index.size() == static_cast<size_t>(seen_)) to_.elements.index.clear();
  }

 private:
  Status take(const json::value& value, size_t axis) {
    if (leaf_axis_ && *leaf_axis_ != axis) return ragged();
    leaf_axis_ = axis;
    const int64_t place = seen_++;
    if (value.is_null()) return {};
    double number = 0;
    if (value.is_string()) {
      const auto word = parse_number(std::string_view(value.get_string()));
      if (!word) return no_number();
      number = *word;
    } else if (value.is_number()) {
      json::error_code error;
      number = value.to_number<double>(error);
      if (error) return no_number();
    } else {
      return no_number();
    }
    integers_ = integers_ && !value.is_double() && !value.is_string();
    digits_.add(number);
    to_.elements.values.push_back(static_cast<float>(number));
    to_.elements.index.push_back(place);
    return {};
  }

  Error ragged() const {
    return {ErrorCode::corrupt, quoted(subject_), "holds lists of different lengths",
            "give the numbers as one flat list, and a \"shape\""};
  }
  Error no_number() const {
    return {ErrorCode::corrupt, quoted(subject_), "holds something that is no number",
            "write numbers, \"nan\", \"inf\", \"-inf\", or null for one that is not known"};
  }

  std::string_view subject_;
  JsonNumbers& to_;
  PrintedNumbers digits_;
  std::optional<size_t> leaf_axis_;
  int64_t seen_ = 0;
  bool integers_ = true;
};

}  // namespace

Result<json::value> parse_json(std::string_view text, const std::string& path) {
  if (text.size() > kLargestText) {
    return Error{ErrorCode::unsupported, path, "is JSON of more than 512 MiB",
                 "keep large arrays in raw files beside it, or write npz or safetensors"};
  }
  std::string mended;
  if (text.find("NaN") != std::string_view::npos || text.find("Infinity") != std::string_view::npos) {
    mended = quote_bare_words(text);
    text = mended;
  }
  json::parse_options options;
  options.max_depth = kDeepest;
  json::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error) {
    return Error{ErrorCode::corrupt, path, "is not JSON: " + error.message(), "look where the file ends"};
  }
  return value;
}

Result<JsonNumbers> json_numbers(const json::value& nested, std::string_view subject) {
  JsonNumbers numbers;
  Flattener flattener(subject, numbers);
  KILTER_TRY(flattener.walk(nested, 0));
  flattener.finish();
  return numbers;
}

std::optional<std::vector<int64_t>> json_extents(const json::value* list) {
  if (list == nullptr || !list->is_array()) return std::nullopt;
  std::vector<int64_t> out;
  for (const json::value& element : list->get_array()) {
    json::error_code error;
    if (!element.is_number()) return std::nullopt;
    out.push_back(element.to_number<int64_t>(error));
    if (error) return std::nullopt;
  }
  return out;
}

std::optional<std::vector<int32_t>> json_integers(const json::value* list) {
  const auto wide = json_extents(list);
  if (!wide) return std::nullopt;
  std::vector<int32_t> out;
  for (const int64_t number : *wide) {
    if (!std::in_range<int32_t>(number)) return std::nullopt;
    out.push_back(static_cast<int32_t>(number));
  }
  return out;
}

}  // namespace kilter::analysis
