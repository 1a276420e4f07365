// All bugs of operations at once: each is offered where it can happen, is no crash, and finds itself.
#include <fstream>
#include <set>

#include "op_bugs_support.h"

namespace kilter::analysis {
namespace {

std::vector<SmallShape> shapes() {
  return {{},
          {.pairs = RopePairs::halves, .biases = true, .head_norms = true},
          {.n_rot = 4, .rope_freqs = {1, 2}},
          {.heads = 4, .heads_kv = 4, .width = 6, .n_rot = 6, .magnitude = 1.2}};
}

TEST(OpBugs, HaveTextsAndAPageEach) {
  std::set<std::string_view> ids;
  int rank = 0;
  for (const Bug* bug : op_bugs()) {
    const BugInfo& info = bug->info();
    EXPECT_TRUE(ids.insert(info.id).second) << info.id << " is there twice";
    EXPECT_FALSE(info.title.empty() || info.cause.empty() || info.fix.empty()) << info.id;
    EXPECT_EQ(info.cause.back(), '.') << info.id;
    EXPECT_EQ(info.fix.back(), '.') << info.id;
    EXPECT_GE(info.rank, rank) << info.id << " is out of order";
    rank = info.rank;
    std::ifstream page(std::string(KILTER_TEST_DATA) + "/../../docs/bugs/" + std::string(info.id) + ".md");
    EXPECT_TRUE(page.good()) << "docs/bugs/" << info.id << ".md is missing";
  }
}

TEST(OpBugs, ExplorePrint) {
  for (const SmallShape& shape : shapes()) {
    BugRun run(shape);
    for (const Node& node : run.graph().nodes()) {
      if (node.at.il > 0) continue;
      for (const Bug* bug : op_bugs()) {
        for (const Trial& trial : run.trials(*bug, node.at, run.right(node.at))) {
          const auto y = run.under(trial, node.at);
          const bool ok = y.ok();
          if (!ok) {
            std::printf("%s %s [%s]: %s\n", to_string(node.at).c_str(), std::string(bug->info().id).c_str(),
                        trial.detail.c_str(), y.error().message().c_str());
            continue;
          }
          if (same(*y, run.right(node.at)))
            std::printf("%s %s [%s]: EQUAL\n", to_string(node.at).c_str(),
                        std::string(bug->info().id).c_str(), trial.detail.c_str());
          // who else
          for (const Bug* other : op_bugs()) {
            if (other == bug) continue;
            for (const Trial& t2 : run.trials(*other, node.at, *y)) {
              const auto z = run.under(t2, node.at);
              if (z.ok() && same(*z, *y) && !same(*y, run.right(node.at)))
                std::printf("%s %s [%s] == %s [%s]\n", to_string(node.at).c_str(),
                            std::string(bug->info().id).c_str(), trial.detail.c_str(),
                            std::string(other->info().id).c_str(), t2.detail.c_str());
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace kilter::analysis
