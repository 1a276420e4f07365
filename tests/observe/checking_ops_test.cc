#include "observe/checking_ops.h"

#include <cstring>
#include <functional>
#include <limits>

#include "observe/listing_ops.h"
#include "support.h"

namespace kilter {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

/// Ops with a defect that a test gives them.
class Defective final : public OpsWrapper {
 public:
  /// Makes the call in its own way and says so, or leaves it to the inner ops.
  using Defect = std::function<bool(Ops& inner, const OpCall& c)>;
  Defective(Ops& inner, Defect defect) : OpsWrapper(inner), defect_(std::move(defect)) {}

 protected:
  void call(const OpCall& c) override {
    if (!defect_(inner(), c)) OpsWrapper::call(c);
  }

 private:
  Defect defect_;
};

/// A defect of one op: `spoil` is called after it.
Defective::Defect after(std::string_view op, std::function<void(const OpCall&)> spoil) {
  return [op, spoil = std::move(spoil)](Ops& inner, const OpCall& c) {
    if (c.op != op) return false;
    c.run(inner, c);
    spoil(c);
    return true;
  };
}

class CheckingOpsTest : public testing::Test {
 protected:
  // The first thing that is found in a pass over the tiny model.
  std::string found_with(const Defective::Defect& defect, NonFinite non_finite = NonFinite::report) {
    reference::ReferenceOps inner(1);
    Defective defective(inner, defect);
    CheckingOps checking(defective, non_finite);
    feed(*model, checking, {5, 2});
    return checking.findings().empty() ? "" : checking.findings()[0].message();
  }

  TinyModel model;
};

#define expect_part(text, part) EXPECT_PRED2(holds_part, text, std::string(part))
bool holds_part(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(CheckingOpsTest, FindsNothingInTheModelAndChangesNoBit) {
  reference::ReferenceOps plain(1);
  const std::vector<float> want = feed(*model, plain, {5, 64, 1});
  reference::ReferenceOps inner(1);
  CheckingOps checking(inner, NonFinite::report);
  const std::vector<float> got = feed(*model, checking, {5, 64, 1});
  EXPECT_EQ(checking.n_findings(), 0) << checking.findings()[0].message();
  EXPECT_EQ(checking.n_calls(), 3 * (1 + 2 * 29 + 4));
  EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)), 0);
}

TEST_F(CheckingOpsTest, ProvesShapesWithoutMemory) {
  ListingOps listing;
  CheckingOps checking(listing, NonFinite::report);
  feed(*model, checking, {5, 2}, 0);
  EXPECT_EQ(checking.n_findings(), 0);
  Model broken = *model;
  broken.layers[1].attn_q.rows -= TinyModel::kWidthK;
  broken.layers[1].attn_q.bytes = broken.layers[1].attn_q.bytes.first(18 * 12 * 4);
  feed(broken, checking, {5}, 0);
  ASSERT_EQ(checking.n_findings(), 1);
  EXPECT_EQ(
      checking.findings()[0].message(),
      "blk.1.attn_q (matmul): blk.1.attn_q.weight is [18, 12], and [24, 12] is what operand and result need");
}

TEST_F(CheckingOpsTest, DoesNotMakeACallThatBreaksARule) {
  reference::ReferenceOps inner(1);
  CheckingOps checking(inner, NonFinite::report);
  Values x({2, 3});
  Values y({3, 3});
  checking.silu(at(0, Point::ffn_act), *x, *y);
  EXPECT_EQ(checking.n_findings(), 1);
  EXPECT_EQ(y.floats()[0], 1.0F);
}

TEST_F(CheckingOpsTest, FindsANameThatIsUsedTwice) {
  reference::ReferenceOps inner(1);
  CheckingOps checking(inner, NonFinite::report);
  Values x({2, 3});
  const std::vector<int32_t> ids = {0, 1};
  const Weight table = model.weight("t", 2, 3);
  for (int pass = 0; pass < 2; ++pass) {
    checking.embed(at(Point::token_embd), ids, table, *x);
    checking.silu(at(0, Point::ffn_act), *x, *x);
    checking.silu(at(1, Point::ffn_act), *x, *x);
  }
  EXPECT_EQ(checking.n_findings(), 0);
  checking.silu(at(1, Point::ffn_act), *x, *x);
  ASSERT_EQ(checking.n_findings(), 1);
  EXPECT_EQ(checking.findings()[0].message(), "blk.1.ffn_act: is made a second time in one pass");
}

TEST_F(CheckingOpsTest, FindsAWorkspaceThatIsTooSmall) {
  ListingOps listing;
  feed(*model, listing, {5}, 0);
  const int64_t peak = listing.workspace().peak();
  for (const int64_t missing : {0, 16}) {
    reference::ReferenceOps inner(1);
    CheckingOps checking(inner, NonFinite::report);
    ASSERT_TRUE(inner.workspace().reserve(inner.device(), peak - missing).ok());
    feed(*model, checking, {5}, 0);
    EXPECT_EQ(checking.n_findings() > 0, missing > 0);
    if (missing > 0) {
      expect_part(checking.findings()[0].message(), "has no memory");
    }
  }
}

TEST_F(CheckingOpsTest, FindsAResultThatIsNotWritten) {
  const auto skip = [](std::string_view op) { return [op](Ops&, const OpCall& c) { return c.op == op; }; };
  EXPECT_EQ(found_with(skip("matmul")),
            "blk.0.attn_q (matmul): 120 of 120 elements were not written, the first of them element 0");
  expect_part(found_with(skip("attention_scores")), "100 of 100 elements were not written");
  expect_part(found_with(skip("attention_mix")), "80 of 80 elements were not written");
  expect_part(found_with(skip("kv_store")),
              "blk.0.attn_k_cache (kv_store): its result cannot be filled: kv_store of these ops");
  // The first store of a value is the one that fills it.
  const auto skip_second = [stores = 0](Ops&, const OpCall& c) mutable {
    return c.op == "kv_store" && ++stores % 2 == 0;
  };
  expect_part(found_with(skip_second), "blk.0.attn_k_cache (kv_store): 60 of 60 elements were not written");
  expect_part(found_with(skip("take_rows")), "output_rows (take_rows): 60 of 60");
  expect_part(found_with(skip("embed")), "token_embd (embed): its result cannot be filled");
}

TEST_F(CheckingOpsTest, FindsTheLastRowThatIsForgotten) {
  const auto forget = [](Ops& inner, const OpCall& c) {
    if (c.op != "matmul" || c.at.point != Point::ffn_up) return false;
    const Tensor x = rows_of(*c.x, 0, c.x->rows() - 1);
    Tensor y = rows_of(*c.y, 0, c.y->rows() - 1);
    inner.matmul(c.at, x, *c.weight, y);
    return true;
  };
  EXPECT_EQ(found_with(forget),
            "blk.0.ffn_up (matmul): 10 of 50 elements were not written, the first of them element 40");
}

TEST_F(CheckingOpsTest, FindsNanAndInfinityIfAsked) {
  for (const float bad : {kNan, kInf, -kInf}) {
    const auto spoiled = after("silu", [bad](const OpCall& c) { c.y->data[7] = bad; });
    expect_part(found_with(spoiled), "blk.0.ffn_act (silu): element 7 of 50 is ");
    EXPECT_EQ(found_with(spoiled, NonFinite::accept), "");
  }
  const auto in_scores = after("attention_scores", [](const OpCall& c) { c.y->data[0] = -kInf; });
  expect_part(found_with(in_scores), "blk.0.attn_scores (attention_scores): element 0 of 100 is -inf");
}

TEST_F(CheckingOpsTest, FindsAMaskThatIsOneOff) {
  const auto unmasked = after("attention_scores", [](const OpCall& c) { c.y->data[1] = 0.25F; });
  const std::string want =
      "blk.0.attn_scores (attention_scores): row 0 may not see position 1, and has a score of 0.25 for it";
  EXPECT_EQ(found_with(unmasked), want);
  EXPECT_EQ(found_with(unmasked, NonFinite::accept), want);
}

TEST_F(CheckingOpsTest, KeepsTheFirstHundred) {
  reference::ReferenceOps inner(1);
  CheckingOps checking(inner, NonFinite::report);
  Values x({2, 3});
  for (int il = 0; il < 150; ++il) checking.silu(at(-1, Point::ffn_act), *x, *x);
  EXPECT_EQ(checking.findings().size(), CheckingOps::kKept);
  EXPECT_EQ(checking.n_findings(), 150);
  EXPECT_EQ(checking.n_calls(), 150);
}

}  // namespace
}  // namespace kilter
