// Columns of text, aligned.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kilter::cli {

enum class Align { left, right };

/// Rows that are printed as columns, two spaces apart.
class Table {
 public:
  struct Column {
    std::string title;  ///< all titles empty: no line of titles
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  /// The lines, each behind `indent` spaces.
  std::string text(size_t indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Columns that `text` takes on a terminal; wide characters take two.
size_t display_width(std::string_view text);

}  // namespace kilter::cli
