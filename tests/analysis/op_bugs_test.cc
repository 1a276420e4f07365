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

// Bugs that give the same numbers, so that no dump of one value can tell them apart.
bool are_alike(std::string_view a, std::string_view b) {
  const std::set<std::string_view> pair{a, b};
  // Without the norm in front both look alike; the sum behind tells.
  if (pair == std::set<std::string_view>{"norm-missing", "norm-place"}) return true;
  // Of two pairs only one frequency is not 1, and of three, base^(2i/4) is another base's base^(2i/6).
  const bool frequencies = pair.contains("rope-base") || pair.contains("rope-freqs");
  return frequencies &&
         (pair.contains("rope-base") + pair.contains("rope-freqs") + pair.contains("rope-exponent") == 2);
}

// What a bug makes of a value is not right, and is explained by no other bug.
TEST(OpBugs, AreToldApart) {
  for (const SmallShape& shape : {shapes()[0], shapes()[1]}) {
    BugRun run(shape, {3, 1});
    for (const Node& node : run.graph().nodes()) {
      if (node.at.il > 0) continue;
      for (const Bug* bug : op_bugs()) {
        for (const Trial& trial : run.trials(*bug, node.at, run.right(node.at))) {
          const auto y = run.under(trial, node.at);
          if (!y.ok() || same(*y, run.right(node.at))) continue;
          for (const Bug* other : op_bugs()) {
            if (other == bug || are_alike(bug->info().id, other->info().id)) continue;
            for (const Trial& more : run.trials(*other, node.at, *y)) {
              const auto z = run.under(more, node.at);
              EXPECT_FALSE(z.ok() && same(*z, *y))
                  << to_string(node.at) << ": " << bug->info().id << " [" << trial.detail << "] looks like "
                  << other->info().id << " [" << more.detail << "]";
            }
          }
        }
      }
    }
  }
}

// Trials of a run of which the logits alone are known are whole runs: each gives logits, or says why not.
TEST(OpBugs, ChangeWholeRuns) {
  const At logits = at(Point::logits);
  for (const SmallShape& shape : shapes()) {
    BugRun run(shape);
    std::set<std::string_view> visible;
    for (const Bug* bug : op_bugs()) {
      for (const Trial& trial : run.trials_of_whole_run(*bug, run.right(logits))) {
        const auto y = run.under(trial, logits, Inputs::computed);
        if (!y.ok()) {
          EXPECT_EQ(y.error().code, ErrorCode::usage) << bug->info().id;
          continue;
        }
        EXPECT_EQ(y->size(), run.right(logits).size()) << bug->info().id;
        if (!same(*y, run.right(logits))) visible.insert(bug->info().id);
      }
    }
    EXPECT_GT(visible.size(), 25U);
  }
}

}  // namespace
}  // namespace kilter::analysis
