#include "analysis/dump/formats/eval_lines.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "analysis/dump/formats/printed_numbers.h"
#include "analysis/dump/formats/stored_values.h"

namespace kilter::analysis {
namespace {

constexpr size_t kMostAxes = 4;  // GGML's
constexpr size_t kDeepest = 4;   // the outer list of every i3, and three axes

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// "32, 9, 1, 1" or "torch.Size([1, 9, 32])" as counts.
std::optional<std::vector<int64_t>> counts(std::string_view text) {
  const auto numbers = number_list(text);
  if (!numbers || numbers->empty()) return std::nullopt;
  if (std::any_of(numbers->begin(), numbers->end(), [](int32_t n) { return n < 0; })) return std::nullopt;
  return std::vector<int64_t>(numbers->begin(), numbers->end());
}

// "<backend>#<name>#<n>" is a copy that the scheduler made of <name>.
std::string_view without_copy(std::string_view name) {
  const size_t first = name.find('#');
  const size_t last = name.rfind('#');
  if (first == std::string_view::npos || last == first) return name;
  return name.substr(first + 1, last - first - 1);
}

// `<name>{<ne>}` up to the end of `text`, again and again.
void parse_sources(std::string_view text, EvalHeader& header) {
  while (!text.empty()) {
    const size_t open = text.find('{');
    const size_t close = text.find('}', open == std::string_view::npos ? 0 : open);
    if (open == std::string_view::npos || close == std::string_view::npos) return;
    header.sources.emplace_back(without_copy(trimmed(text.substr(0, open))));
    header.source_ne.push_back(
        counts(text.substr(open + 1, close - open - 1)).value_or(std::vector<int64_t>{}));
    text.remove_prefix(close + 1);
    text.remove_prefix(std::min(text.find_first_not_of(", }"), text.size()));
  }
}

// The scripts flatten what is behind the second axis.
std::vector<int64_t> script_shape(const std::vector<int64_t>& torch) {
  std::vector<int64_t> shape(torch.begin(), torch.end());
  while (shape.size() > 3) {
    shape[shape.size() - 2] *= shape.back();
    shape.pop_back();
  }
  return shape;
}

}  // namespace

std::string plain_line(std::string_view line) {
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\r') continue;
    if (line[i] != '\x1b') {
      out += line[i];
      continue;
    }
    // ESC [ parameters letter
    if (i + 1 < line.size() && line[i + 1] == '[') ++i;
    while (i + 1 < line.size() && (line[i + 1] == ';' || (line[i + 1] >= '0' && line[i + 1] <= '9'))) ++i;
    if (i + 1 < line.size()) ++i;
  }
  return out;
}

std::optional<EvalHeader> parse_eval_header(std::string_view line) {
  const size_t prefix = line.find("_debug");
  const size_t colon = prefix == std::string_view::npos ? prefix : line.find(": ", prefix);
  const size_t equals = colon == std::string_view::npos ? colon : line.find(" = (", colon);
  const size_t last = line.rfind("= {");
  if (equals == std::string_view::npos || last == std::string_view::npos || last < equals + 4)
    return std::nullopt;
  EvalHeader header;
  header.name = trimmed(line.substr(colon + 1, equals - colon - 1));
  std::string_view middle = line.substr(equals + 4, last - equals - 4);
  const size_t type_end = middle.find(')');
  const std::string_view extents = line.substr(last + 3);
  const size_t close = extents.rfind('}');
  if (header.name.empty() || type_end == std::string_view::npos || close == std::string_view::npos)
    return std::nullopt;
  header.type = middle.substr(0, type_end);
  middle = trimmed(middle.substr(type_end + 1));
  std::string_view numbers = extents.substr(0, close);
  const bool script = middle == "...";
  if (numbers.starts_with("torch.Size(")) numbers.remove_prefix(std::string_view("torch.Size(").size());
  const auto ne = counts(numbers);
  if (!ne || !checked_elements(*ne)) return std::nullopt;
  if (script) {
    header.shape = script_shape(*ne);
    return header;
  }
  if (ne->size() > kMostAxes) return std::nullopt;
  header.shape.assign(ne->rbegin(), ne->rend());
  const size_t open = middle.find('(');
  if (open == std::string_view::npos) return std::nullopt;
  header.op = trimmed(middle.substr(0, open));
  parse_sources(middle.substr(open + 1), header);
  return header;
}

bool EvalBlock::take_sum(std::string_view line) {
  if (!line.starts_with("sum")) return false;
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view text = trimmed(line.substr(equals + 1));
  const auto number = parse_number(text);
  if (!number) return false;
  if (line.starts_with("sum_sq")) return true;
  PrintedNumbers digits;
  digits.add(text);
  const size_t point = text.find('.');
  const double unit =
      point == std::string_view::npos ? 1 : std::pow(10.0, -static_cast<double>(text.size() - point - 1));
  if (!sum_) sum_ = RawSum{*number, unit};
  return true;
}

EvalBlock::Item* EvalBlock::open_list() {
  Item* at = &root_;
  for (size_t i = 0; i < depth_; ++i) {
    if (at->items.empty()) return nullptr;
    at = &at->items.back();
  }
  return at;
}

bool EvalBlock::take(std::string_view raw) {
  std::string_view line = trimmed(raw);
  if (line.empty()) return false;
  if (take_sum(line)) return true;
  if (line[0] != '[' && line[0] != ']' && line[0] != '.') return false;
  if (line[0] == '.' && depth_ == 0) return false;  // the dots of a loader's progress
  while (!line.empty()) {
    const char c = line[0];
    Item* list = open_list();
    if (list == nullptr) broken_ = true;
    if (broken_) return true;
    if (c == '[') {
      list->items.emplace_back();
      broken_ = ++depth_ > kDeepest;
      line.remove_prefix(1);
    } else if (c == ']') {
      broken_ = depth_ == 0;
      depth_ -= depth_ > 0 ? 1 : 0;
      line.remove_prefix(1);
    } else if (line.starts_with("...")) {
      broken_ = list->gap.has_value();
      list->gap = list->items.size();
      line.remove_prefix(3);
    } else if (c == ',' || c == ' ' || c == '\t') {
      line.remove_prefix(1);
    } else {
      const std::string_view number = line.substr(0, std::min(line.find_first_of(", ]\t"), line.size()));
      broken_ = !parse_number(number);
      Item item;
      item.first = text_.size();
      item.length = number.size();
      text_ += number;
      list->items.push_back(std::move(item));
      line.remove_prefix(number.size());
    }
  }
  return true;
}

/// Walks the lists beside the shape.
class EvalPlacer {
 public:
  EvalPlacer(const EvalBlock& block, const std::vector<int64_t>& extents)
      : block_(block), extents_(extents) {}

  bool walk(const EvalBlock::Item& list, size_t axis, int64_t base) {
    const int64_t extent = extents_[axis];
    const auto n = static_cast<int64_t>(list.items.size());
    const int64_t before = list.gap ? static_cast<int64_t>(*list.gap) : n;
    const int64_t after = n - before;
    if (before > extent || after > extent || (!list.gap && n != extent)) return false;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t place = i < before ? i : extent - n + i;
      const EvalBlock::Item& item = list.items[static_cast<size_t>(i)];
      if (i >= before && place < before) continue;  // a short axis, of which both ends overlap
      const int64_t index = base * extent + place;
      if (axis + 1 < extents_.size()) {
        if (item.length > 0 || !walk(item, axis + 1, index)) return false;
      } else {
        if (item.length == 0) return false;
        const std::string_view text = std::string_view(block_.text_).substr(item.first, item.length);
        out.digits.add(text);
        out.elements.values.push_back(static_cast<float>(parse_number(text).value_or(0)));
        out.elements.index.push_back(index);
      }
    }
    return true;
  }

  struct {
    RawElements elements;
    PrintedNumbers digits;
  } out;

 private:
  const EvalBlock& block_;
  const std::vector<int64_t>& extents_;
};

std::optional<EvalBlock::Numbers> EvalBlock::numbers(const std::vector<int64_t>& shape) const {
  if (broken_ || depth_ != 0 || shape.size() > kMostAxes) return std::nullopt;
  std::vector<int64_t> extents(kMostAxes - shape.size(), 1);
  extents.insert(extents.end(), shape.begin(), shape.end());
  EvalPlacer placer(*this, extents);
  if (!placer.walk(root_, 0, 0)) return std::nullopt;
  Numbers numbers;
  numbers.elements = std::move(placer.out.elements);
  numbers.quantum = placer.out.digits.quantum();
  numbers.sum = sum_;
  return numbers;
}

}  // namespace kilter::analysis
