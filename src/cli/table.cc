#include "cli/table.h"

#include <utf8proc.h>

#include <algorithm>

namespace kilter::cli {

size_t display_width(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    utf8proc_int32_t character = 0;
    const utf8proc_ssize_t length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                     static_cast<utf8proc_ssize_t>(text.size()), &character);
    width += length > 0 ? static_cast<size_t>(utf8proc_charwidth(character)) : 1;
    text.remove_prefix(length > 0 ? static_cast<size_t>(length) : 1);
  }
  return width;
}

std::string Table::text(size_t indent) const {
  std::vector<std::vector<std::string>> lines;
  const bool titled =
      std::any_of(columns_.begin(), columns_.end(), [](const Column& c) { return !c.title.empty(); });
  if (titled) {
    lines.emplace_back();
    for (const Column& column : columns_) lines.back().push_back(column.title);
  }
  lines.insert(lines.end(), rows_.begin(), rows_.end());

  std::vector<size_t> widths(columns_.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], display_width(line[i]));
  }
  std::string result;
  for (const auto& line : lines) {
    std::string row(indent, ' ');
    for (size_t i = 0; i < line.size(); ++i) {
      const std::string fill(widths[i] - display_width(line[i]), ' ');
      if (i != 0) row += "  ";
      row += columns_[i].align == Align::left ? line[i] + fill : fill + line[i];
    }
    row.erase(row.find_last_not_of(' ') + 1);
    result += row + "\n";
  }
  return result;
}

}  // namespace kilter::cli
