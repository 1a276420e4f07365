#include "cli/table.h"

#include <gtest/gtest.h>

namespace kilter::cli {
namespace {

TEST(Table, AlignsColumns) {
  Table table({{"id", Align::right}, {"name"}, {"size", Align::right}});
  table.add({"7", "a", "1"});
  table.add({"123", "longer", "10"});
  EXPECT_EQ(table.text(),
            " id  name    size\n"
            "  7  a          1\n"
            "123  longer    10\n");
}

TEST(Table, LeavesNoSpacesAtTheEndOfALineAndIndents) {
  Table table({{}, {}});
  table.add({"a", ""});
  table.add({"bb", "c"});
  EXPECT_EQ(table.text(2), "  a\n  bb  c\n");
}

TEST(Table, CountsColumnsOfTheTerminalNotBytes) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("é"), 1u);          // two bytes
  EXPECT_EQ(display_width("日本"), 4u);       // two columns each
  EXPECT_EQ(display_width("e\xcc\x81"), 1u);  // a combining accent takes none
  EXPECT_EQ(display_width("\xff"), 1u);       // no UTF-8
}

}  // namespace
}  // namespace kilter::cli
