#include "analysis/report/layout.h"

#include <algorithm>

namespace kilter::analysis {
namespace {

std::string line_of(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                    const std::vector<bool>& right) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string fill(widths[i] - character_count(cells[i]), ' ');
    if (i != 0) line += "  ";
    line += right[i] ? fill + cells[i] : cells[i] + fill;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

size_t character_count(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string paragraph(std::string_view first, std::string_view text, size_t width) {
  const std::string indent(character_count(first), ' ');
  std::string result(first);
  size_t column = indent.size();
  bool fresh = true;  // nothing stands on this line yet
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    const size_t length = character_count(word);
    if (!fresh && column + 1 + length > width) {
      result += "\n" + indent;
      column = indent.size();
      fresh = true;
    }
    if (!fresh) result += ' ';
    result += word;
    column += length + (fresh ? 0 : 1);
    fresh = false;
  }
  return result + "\n";
}

void Columns::add(std::vector<std::string> cells, Mark mark) {
  rows_.push_back(std::move(cells));
  marks_.push_back(mark);
}

std::string Columns::text() const {
  std::vector<std::string> titles;
  std::vector<bool> right;
  for (const std::string& title : titles_) {
    right.push_back(title.starts_with('>'));
    titles.push_back(right.back() ? title.substr(1) : title);
  }
  std::vector<size_t> widths;
  for (size_t i = 0; i < titles.size(); ++i) {
    widths.push_back(character_count(titles[i]));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], character_count(row[i]));
  }
  std::string result = "  " + line_of(titles, widths, right);
  for (size_t i = 0; i < rows_.size(); ++i) {
    result += (marks_[i] == Mark::here ? "> " : "  ") + line_of(rows_[i], widths, right);
  }
  return result;
}

}  // namespace kilter::analysis
