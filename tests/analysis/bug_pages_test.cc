// docs/bugs: a page for each entry of the catalogue, and an index of them.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "analysis/bugs/bug.h"

namespace kilter::analysis {
namespace {

std::string text_of(const std::string& name) {
  std::ifstream file(std::string(KILTER_TEST_DATA) + "/../../docs/bugs/" + name);
  EXPECT_TRUE(file) << "docs/bugs/" << name << " is missing";
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(BugPages, EachEntryHasOneWithItsTitleAndTheFourParts) {
  for (const Bug* bug : all_bugs()) {
    const std::string id(bug->info().id);
    const std::string page = text_of(id + ".md");
    EXPECT_TRUE(page.starts_with("# " + std::string(bug->info().title) + "\n")) << id << ": another title";
    size_t at = 0;
    for (const char* part :
         {"\n## How it looks\n", "\n## Who had it\n", "\n## How to confirm\n", "\n## The fix\n"}) {
      at = page.find(part, at);
      EXPECT_NE(at, std::string::npos) << id << " lacks" << part;
      if (at == std::string::npos) break;
    }
  }
}

// | [id](id.md) | title | first wrong value | rank |
TEST(BugPages, TheIndexHasARowForEachByRank) {
  std::vector<std::string> rows;
  std::istringstream index(text_of("README.md"));
  for (std::string line; std::getline(index, line);) {
    if (line.starts_with("| [")) rows.push_back(line);
  }
  EXPECT_EQ(rows.size(), all_bugs().size());
  for (size_t i = 0; i < all_bugs().size(); ++i) {
    const BugInfo& info = all_bugs()[i]->info();
    const std::string id(info.id);
    const std::string begin = "| [" + id + "](" + id + ".md) | " + std::string(info.title) + " | ";
    const std::string end = " | " + std::to_string(info.rank) + " |";
    const std::string row = i < rows.size() ? rows[i] : "";
    EXPECT_TRUE(row.starts_with(begin) && row.ends_with(end))
        << "row " << i << " must be '" << begin << ".." << end << "'";
  }
}

TEST(Catalogue, HasOneEntryOfEachIdWithTextsThatEnd) {
  std::set<std::string_view> ids;
  for (const Bug* bug : all_bugs()) {
    const BugInfo& info = bug->info();
    EXPECT_TRUE(ids.insert(info.id).second) << info.id << " is there twice";
    EXPECT_EQ(info.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos)
        << info.id;
    EXPECT_FALSE(info.title.empty() || info.title.ends_with('.')) << info.id;
    EXPECT_TRUE(info.cause.ends_with('.')) << info.id;
    EXPECT_TRUE(info.fix.ends_with('.')) << info.id;
    EXPECT_GT(info.rank, 0) << info.id;
  }
}

}  // namespace
}  // namespace kilter::analysis
