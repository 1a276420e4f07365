// Paragraphs and columns of plain text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kilter::analysis {

/// Characters of well-formed UTF-8.
size_t character_count(std::string_view text);

/// `text` in lines of at most `width` characters, each with its line end: the first behind `first`, the
/// others behind as many spaces. Words longer than a line stand on one of their own.
std::string paragraph(std::string_view first, std::string_view text, size_t width);

/// Rows as columns, two spaces apart; columns whose title begins with '>' are aligned to the right. A row is
/// marked by `mark` in front of it.
class Columns {
 public:
  explicit Columns(std::vector<std::string> titles) : titles_(std::move(titles)) {}

  enum class Mark { none, here };
  /// As many cells as there are titles.
  void add(std::vector<std::string> cells, Mark mark = Mark::none);
  std::string text() const;

 private:
  std::vector<std::string> titles_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<Mark> marks_;
};

}  // namespace kilter::analysis
