#include "analysis/dump/names/names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/file_map.h"
#include "base/utf8.h"

namespace kilter::analysis {
namespace {

constexpr int kMostLayers = 100000;

// A layer number at the beginning of `text`, which is cut off.
std::optional<int> take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || number > kMostLayers) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

bool is_separator(char c) { return std::string_view("._/-[]: ").find(c) != std::string_view::npos; }

}  // namespace

std::optional<Point> point_from_name(std::string_view name) {
  for (const PointInfo& info : all_points()) {
    if (info.name == name) return info.point;
  }
  return std::nullopt;
}

std::optional<LayerName> split_layer(std::string_view spelled) {
  std::string lower(spelled);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const std::string_view name = lower;
  static constexpr std::array<std::string_view, 7> kWords = {"layers", "layer", "blocks", "block",
                                                             "blk",    "h",     "l"};
  for (size_t at = 0; at < name.size(); ++at) {
    if (at > 0 && !is_separator(name[at - 1])) continue;
    for (const std::string_view word : kWords) {
      std::string_view rest = name.substr(at);
      if (!rest.starts_with(word)) continue;
      rest.remove_prefix(word.size());
      if (!rest.empty() && is_separator(rest[0])) rest.remove_prefix(1);
      const auto il = take_number(rest);
      if (!il || (!rest.empty() && !is_separator(rest[0]))) continue;
      while (!rest.empty() && is_separator(rest[0])) rest.remove_prefix(1);
      std::string_view prefix = spelled.substr(0, at);
      while (!prefix.empty() && is_separator(prefix.back())) prefix.remove_suffix(1);
      return LayerName{std::string(prefix), *il, std::string(spelled.substr(spelled.size() - rest.size()))};
    }
  }
  return std::nullopt;
}

std::optional<NameMatch> match_kilter(std::string_view name) {
  NameMatch match;
  match.how = "our name";
  if (const auto point = point_from_name(name); point && point_info(*point).scope == PointScope::model) {
    match.at = at(*point);
    return match;
  }
  if (!name.starts_with("blk.")) return std::nullopt;
  name.remove_prefix(4);
  const auto il = take_number(name);
  if (!il || !name.starts_with('.')) return std::nullopt;
  const auto point = point_from_name(name.substr(1));
  if (!point || point_info(*point).scope != PointScope::layer) return std::nullopt;
  match.at = at(*il, *point);
  return match;
}

Result<UserNames> UserNames::read(const std::string& path) {
  KILTER_ASSIGN(const FileMap map, FileMap::open(path));
  std::string_view text(reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size());
  UserNames names;
  const auto trim = [](std::string_view s) {
    const size_t begin = std::min(s.find_first_not_of(" \t\r"), s.size());
    s.remove_prefix(begin);
    return std::string(s.substr(0, s.find_last_not_of(" \t\r") + 1));
  };
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line = line.substr(0, line.find('#'));
    const size_t equals = line.rfind('=');
    if (trim(line).empty()) continue;
    Line entry;
    if (equals != std::string_view::npos)
      entry = {trim(line.substr(0, equals)), trim(line.substr(equals + 1))};
    const auto stars = [](const std::string& s) { return std::count(s.begin(), s.end(), '*'); };
    if (entry.theirs.empty() || entry.ours.empty() || stars(entry.theirs) > 1 ||
        stars(entry.ours) != stars(entry.theirs)) {
      return Error{ErrorCode::usage, path,
                   "line " + std::to_string(number) + " is not `their name = our name`",
                   "one * may stand on both sides, for the layer's number"};
    }
    names.lines_.push_back(std::move(entry));
  }
  return names;
}

std::optional<std::string> UserNames::translate(std::string_view name) const {
  for (const Line& line : lines_) {
    const size_t star = line.theirs.find('*');
    if (star == std::string::npos) {
      if (line.theirs == name) return line.ours;
      continue;
    }
    const std::string_view theirs(line.theirs);
    const std::string_view front = theirs.substr(0, star);
    const std::string_view back = theirs.substr(star + 1);
    if (name.size() <= front.size() + back.size() || !name.starts_with(front) || !name.ends_with(back))
      continue;
    const std::string_view middle = name.substr(front.size(), name.size() - front.size() - back.size());
    if (middle.find_first_not_of("0123456789") != std::string_view::npos) continue;
    std::string ours = line.ours;
    return ours.replace(ours.find('*'), 1, middle);
  }
  return std::nullopt;
}

std::optional<NameMatch> UserNames::match(std::string_view name) const {
  const auto ours = translate(name);
  auto match = ours ? match_kilter(*ours) : std::nullopt;
  if (match) match->how = "the map of names";
  return match;
}

std::optional<std::string> UserNames::match_weight(std::string_view name) const {
  auto ours = translate(name);
  return ours && (ours->ends_with(".weight") || ours->ends_with(".bias")) ? ours : std::nullopt;
}

std::optional<NameMatch> match_name(const RawValue& value, const Graph* graph, const UserNames* user) {
  if (user != nullptr) {
    if (auto match = user->match(value.name)) return match;
  }
  if (auto match = match_kilter(value.name)) return match;
  if (auto match = match_llama_cpp(value, graph)) return match;
  if (auto match = match_hugging_face(value.name, graph)) return match;
  if (auto match = match_transformer_lens(value.name)) return match;
  return match_dotted_path(value.name);
}

}  // namespace kilter::analysis
