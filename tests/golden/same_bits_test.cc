// One answer: however the tokens of a sequence are cut into passes, whoever shares them, and whatever stood
// in the cache before, the logits have the same bits as in one pass alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "backend/cpu/cpu_ops.h"
#include "backend/cpu/select_kernels.h"
#include "backend/reference/reference_ops.h"
#include "golden_files.h"
#include "golden_model.h"

namespace kilter::golden {
namespace {

using Ids = std::vector<int32_t>;
using Logits = std::vector<float>;

constexpr int64_t kBlocks = 64;

void append(Logits& all, const Logits& more) { all.insert(all.end(), more.begin(), more.end()); }

enum class Backend { reference, cpu };

std::unique_ptr<Ops> make_ops(Backend backend, int threads) {
  if (backend == Backend::reference) return std::make_unique<reference::ReferenceOps>(threads);
  return std::make_unique<cpu::CpuOps>(
      cpu::CpuOptions{.kernels = *cpu::select_kernels(""), .threads = threads});
}

// A long prompt over several cache blocks, both pairings of rope, grouped heads.
class SameBits : public testing::TestWithParam<std::tuple<const char*, Backend>> {
 protected:
  SameBits() : c_(find_case(std::get<0>(GetParam()))), model_(c_.model_path(), ops(2)) {}
  static std::unique_ptr<Ops> ops(int threads) { return make_ops(std::get<1>(GetParam()), threads); }
  void SetUp() override {
    ASSERT_TRUE(model_.usable());
    if (c_.ids.size() > 150) c_.ids.resize(150);
    whole_ = model_.logits(c_.ids);
  }

  std::span<const int32_t> ids(size_t begin, size_t end) const {
    return std::span(c_.ids).subspan(begin, end - begin);
  }
  // The logits of the rows from `begin` on, of one pass alone.
  Logits whole_from(size_t begin) const {
    return Logits(whole_.begin() + static_cast<std::ptrdiff_t>(begin * model_.n_vocab()), whole_.end());
  }

  // Feeds the prompt in pieces that end at `cuts`.
  Logits in_pieces(KvCache& kv, int32_t sequence, std::vector<size_t> cuts) {
    cuts.push_back(c_.ids.size());
    Logits all;
    size_t begin = 0;
    for (const size_t end : cuts) {
      if (end != begin) append(all, model_.feed(kv, sequence, ids(begin, end)));
      begin = end;
    }
    return all;
  }
  Logits in_pieces(const std::vector<size_t>& cuts) {
    KvCache kv = model_.new_cache(kBlocks);
    return in_pieces(kv, kv.add_sequence(), cuts);
  }

  Case c_;
  GoldenModel model_;
  Logits whole_;
};

TEST_P(SameBits, PromptInTwoPieces) {
  const size_t n = c_.ids.size();
  for (const size_t cut : {size_t{1}, size_t{63}, size_t{64}, size_t{65}, n / 2, n - 1}) {
    EXPECT_EQ(in_pieces({std::min(cut, n - 1)}), whole_) << "cut at " << cut;
  }
}

TEST_P(SameBits, PromptInRandomPieces) {
  std::mt19937 random(5);
  for (int trial = 0; trial < 8; ++trial) {
    std::vector<size_t> cuts(random() % 9);
    for (size_t& cut : cuts) cut = random() % c_.ids.size();
    std::sort(cuts.begin(), cuts.end());
    EXPECT_EQ(in_pieces(cuts), whole_) << "trial " << trial;
  }
}

TEST_P(SameBits, OneTokenAtATime) {
  std::vector<size_t> cuts(c_.ids.size() - 1);
  for (size_t i = 0; i < cuts.size(); ++i) cuts[i] = i + 1;
  EXPECT_EQ(in_pieces(cuts), whole_);
}

TEST_P(SameBits, AnyNumberOfThreads) {
  GoldenModel alone(c_.model_path(), ops(1));
  GoldenModel many(c_.model_path(), ops(5));
  EXPECT_EQ(alone.logits(c_.ids), whole_);
  EXPECT_EQ(many.logits(c_.ids), whole_);
}

TEST_P(SameBits, OnlyTheLogitsThatAreAskedFor) {
  KvCache kv = model_.new_cache(kBlocks);
  const int32_t sequence = kv.add_sequence();
  ASSERT_TRUE(kv.extend(sequence, static_cast<int64_t>(c_.ids.size())).ok());
  Batch batch = batch_of(c_.ids, sequence, 0);
  batch.logit_rows = {static_cast<int32_t>(c_.ids.size()) - 1};
  EXPECT_EQ(model_.pass(kv, batch), whole_from(c_.ids.size() - 1));
}

// Three sequences whose rows are shuffled together, in a cache whose blocks are handed out in turn.
TEST_P(SameBits, ManySequencesInOneBatch) {
  KvCache kv = model_.new_cache(kBlocks);
  std::vector<Ids> prompts(3, c_.ids);
  std::reverse(prompts[1].begin(), prompts[1].end());
  prompts[2].resize(prompts[2].size() / 3);
  std::vector<int32_t> owner;  // which prompt each row belongs to
  for (size_t s = 0; s < prompts.size(); ++s) {
    kv.add_sequence();
    owner.insert(owner.end(), prompts[s].size(), static_cast<int32_t>(s));
  }
  std::mt19937 random(11);
  std::shuffle(owner.begin(), owner.end(), random);

  Batch batch;
  std::vector<Logits> expected;
  for (const Ids& prompt : prompts) expected.push_back(model_.logits(prompt));
  Logits rows;
  for (const int32_t s : owner) {
    const auto position = static_cast<size_t>(kv.length(s));
    ASSERT_TRUE(kv.extend(s, 1).ok());
    batch.tokens.push_back(prompts[static_cast<size_t>(s)][position]);
    batch.positions.push_back(static_cast<int32_t>(position));
    batch.sequences.push_back(s);
    batch.logit_rows.push_back(static_cast<int32_t>(batch.logit_rows.size()));
    const auto row =
        expected[static_cast<size_t>(s)].begin() + static_cast<std::ptrdiff_t>(position * model_.n_vocab());
    rows.insert(rows.end(), row, row + static_cast<std::ptrdiff_t>(model_.n_vocab()));
  }
  EXPECT_EQ(model_.pass(kv, batch), rows);
}

TEST_P(SameBits, SharedPrefix) {
  KvCache kv = model_.new_cache(kBlocks);
  const int32_t parent = kv.add_sequence();
  model_.feed(kv, parent, c_.ids);
  const int32_t child = kv.fork(parent, static_cast<int64_t>(c_.ids.size()) - 1);
  const auto shared = static_cast<size_t>(kv.length(child));
  ASSERT_GT(shared, 0U);
  // The child first goes another way, so that a write into a shared block would be seen.
  const Ids other(3, 7);
  model_.feed(kv, child, other);
  kv.rewind(child, static_cast<int64_t>(shared));
  EXPECT_EQ(model_.feed(kv, child, ids(shared, c_.ids.size())), whole_from(shared));
  kv.rewind(parent, static_cast<int64_t>(shared));
  EXPECT_EQ(model_.feed(kv, parent, ids(shared, c_.ids.size())), whole_from(shared));
}

TEST_P(SameBits, RewindAndGoOn) {
  KvCache kv = model_.new_cache(kBlocks);
  const int32_t sequence = kv.add_sequence();
  model_.feed(kv, sequence, c_.ids);
  Ids other = c_.ids;
  std::reverse(other.begin(), other.end());
  for (const size_t kept : {c_.ids.size() - 1, c_.ids.size() / 2, size_t{64}, size_t{1}, size_t{0}}) {
    ASSERT_EQ(kv.rewind(sequence, static_cast<int64_t>(kept)), static_cast<int64_t>(kept));
    model_.feed(kv, sequence, std::span<const int32_t>(other).subspan(kept));
    kv.rewind(sequence, static_cast<int64_t>(kept));
    EXPECT_EQ(model_.feed(kv, sequence, ids(kept, c_.ids.size())), whole_from(kept)) << "kept " << kept;
  }
}

// Blocks that others used before, in another order.
TEST_P(SameBits, UsedBlocks) {
  KvCache kv = model_.new_cache(6);
  std::vector<int32_t> earlier;
  for (int s = 0; s < 3; ++s) {
    earlier.push_back(kv.add_sequence());
    model_.feed(kv, earlier.back(), std::span<const int32_t>(c_.ids).first(65));
  }
  kv.remove(earlier[1]);
  kv.remove(earlier[0]);
  kv.remove(earlier[2]);
  EXPECT_EQ(in_pieces(kv, kv.add_sequence(), {10, 64}), whole_);
}

std::string case_name(const testing::TestParamInfo<SameBits::ParamType>& info) {
  const bool reference = std::get<1>(info.param) == Backend::reference;
  return std::string(std::get<0>(info.param)) + (reference ? "_reference" : "_cpu");
}
INSTANTIATE_TEST_SUITE_P(Models, SameBits,
                         testing::Combine(testing::Values("rope_yarn", "qwen2_yarn", "long_prompt"),
                                          testing::Values(Backend::reference, Backend::cpu)),
                         case_name);

}  // namespace
}  // namespace kilter::golden
