// The f64 forms that the reference keeps beside its f32 values: handed on from op to op, unseen at the seam,
// and void where somebody else wrote the f32.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "backend/reference/reference_ops.h"
#include "op_bench.h"

namespace kilter {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class WideValues : public testing::Test {
 protected:
  static constexpr int64_t kFloats = 4096;

  void SetUp() override {
    auto memory = ops_.device().allocate(kFloats);
    ASSERT_TRUE(memory.ok());
    memory_ = std::move(memory).value();
  }

  // A tensor in device memory.
  Tensor take(Shape shape) {
    const Tensor tensor{memory_.data() + used_, shape};
    used_ += shape.elements();
    EXPECT_LE(used_, kFloats);
    return tensor;
  }

  // 1 + 2^-40 in each element, which f32 shows as 1: two summands of 2^-40 and 1.
  Tensor nearly_one(Shape shape) {
    Tensor y = take(shape);
    std::vector<float> ones(static_cast<size_t>(shape.elements()), 1);
    std::vector<float> small(ones.size(), kSmall);
    ops_.add(kAnywhere, bench_.of(shape, ones), bench_.of(shape, small), y);
    return y;
  }

  // x - 1 as f32: kSmall where x still is 1 + 2^-40, and 0 where it is 1.
  std::vector<float> beyond_one(const Tensor& x) {
    Tensor y = take(x.shape);
    const std::vector<float> minus(static_cast<size_t>(x.shape.elements()), -1);
    ops_.add(kAnywhere, x, bench_.of(x.shape, minus), y);
    return read(y);
  }

  std::vector<float> read(const Tensor& x) {
    std::vector<float> values(static_cast<size_t>(x.shape.elements()));
    ops_.device().read_back(x, values);
    return values;
  }

  static constexpr float kSmall = 0x1p-40F;
  OpBench bench_{1};
  reference::ReferenceOps ops_{2};
  DeviceMemory memory_;
  int64_t used_ = 0;
};

using Floats = std::vector<float>;

TEST_F(WideValues, AddHandsOnWhatF32CannotHold) {
  const Tensor x = nearly_one({3});
  EXPECT_EQ(read(x), Floats(3, 1)) << "what the seam shows is rounded once";
  EXPECT_EQ(beyond_one(x), Floats(3, kSmall));
}

TEST_F(WideValues, ViewIntoATensorKeepsThem) {
  const Tensor x = nearly_one({4});
  EXPECT_EQ(beyond_one({x.data + 2, {2}}), Floats(2, kSmall));
  EXPECT_EQ(beyond_one(x.reshaped({2, 2})), Floats(4, kSmall));
}

TEST_F(WideValues, TakeRowsCopiesThem) {
  const Tensor x = nearly_one({3, 2});
  Tensor y = take({1, 2});
  const std::array<int32_t, 1> rows = {2};
  ops_.take_rows(kAnywhere, x, rows, y);
  EXPECT_EQ(beyond_one(y), Floats(2, kSmall));
}

TEST_F(WideValues, CacheKeepsThem) {
  const Tensor x = nearly_one({1, 1, 2});
  const KvTables tables{{{1}}};
  const Batch batch{.tokens = {0}, .positions = {3}, .sequences = {0}, .logit_rows = {}};
  Tensor pool = take({2 * kKvBlock, 1, 2});
  ops_.kv_store(kAnywhere, x, batch, tables, pool);
  EXPECT_EQ(beyond_one({pool.data + (kKvBlock + 3) * 2, {2}}), Floats(2, kSmall));

  pool.data[(kKvBlock + 3) * 2 + 1] = 0.5F;
  const Tensor q = bench_.of({1, 1, 2}, {1, -2});
  const KvView view{{pool, pool}, &tables};
  Tensor s = take({1, 1, 4});
  ops_.attention_scores(kAnywhere, q, view, batch, 1.0F, s);
  EXPECT_EQ(s.data[3], kSmall) << "(1 + 2^-40) * 1 + 0.5 * -2";
  const Tensor p = bench_.of({1, 1, 4}, {0, 0, 0, 1});
  Tensor mix = take({1, 1, 2});
  ops_.attention_mix(kAnywhere, p, view, batch, mix);
  EXPECT_EQ(beyond_one(mix), Floats({kSmall, -0.5F}));
}

TEST_F(WideValues, InPlaceKeepsThem) {
  Tensor x = nearly_one({3});
  ops_.multiply(kAnywhere, x, x, x);  // 1 + 2^-39 + 2^-80
  EXPECT_EQ(beyond_one(x), Floats(3, 2 * kSmall));
}

TEST_F(WideValues, WriteFromOutsideIsTakenAsItStands) {
  const Tensor x = nearly_one({6});
  const Floats outside = {2, 0, -0.0F, kNan, std::numeric_limits<float>::infinity(), 1};
  std::copy_n(outside.begin(), 5, x.data);
  Tensor y = take({6});
  const std::array<int32_t, 1> rows = {0};
  Tensor row = y.reshaped({1, 6});
  ops_.take_rows(kAnywhere, x.reshaped({1, 6}), rows, row);
  expect_same_bits(y, bench_.of({6}, outside));
  Tensor doubled = take({6});
  ops_.add(kAnywhere, x, x, doubled);
  EXPECT_EQ(doubled.data[0], 4);
  EXPECT_TRUE(std::isnan(doubled.data[3]));
  EXPECT_EQ(beyond_one({x.data + 5, {1}}), Floats(1, kSmall)) << "the one element that nobody wrote";
}

// The f64 form there is +0, which equals -0.
TEST_F(WideValues, NegativeZeroFromOutsideKeepsItsSign) {
  const Tensor x = take({1, 1});
  x.data[0] = -0.0F;
  Tensor y = take({1, 1});
  const std::array<int32_t, 1> rows = {0};
  ops_.take_rows(kAnywhere, x, rows, y);
  expect_same_bits(y, bench_.of({1, 1}, {-0.0F}));
}

TEST_F(WideValues, NanOfAnOpStaysNan) {
  const Tensor x = nearly_one({1});
  Tensor y = take({1});
  ops_.add(kAnywhere, x, bench_.of({1}, {kNan}), y);
  EXPECT_TRUE(std::isnan(read(y)[0]));
  ops_.add(kAnywhere, y, x, y);
  EXPECT_TRUE(std::isnan(read(y)[0]));
}

// In f64 the product has a value and halving it would bring it back; the seam shows infinity.
TEST_F(WideValues, WhatOverflowsF32IsInfinite) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  Tensor y = take({1});
  ops_.multiply(kAnywhere, bench_.of({1}, {kLargest}), bench_.of({1}, {2}), y);
  ops_.multiply(kAnywhere, y, bench_.of({1}, {0.5F}), y);
  EXPECT_EQ(read(y)[0], std::numeric_limits<float>::infinity());
}

TEST_F(WideValues, MemoryOfTheDeviceStartsAtZeroEveryTime) {
  nearly_one({kFloats});
  memory_ = DeviceMemory();
  used_ = 0;
  SetUp();
  EXPECT_EQ(beyond_one(take({8})), Floats(8, -1));
}

// Tensors of the host lie before, between and behind the pieces of the device.
TEST_F(WideValues, OtherMemoryHoldsF32) {
  Tensor y = bench_.zeros({3});
  ops_.add(kAnywhere, bench_.of({3}, {1, 1, 1}), bench_.of({3}, {kSmall, kSmall, kSmall}), y);
  EXPECT_EQ(beyond_one(y), Floats(3, 0));
}

// 2^62 elements are 2^64 bytes of f32 alone; the text must not wrap around.
TEST_F(WideValues, RefusalCountsBothForms) {
  constexpr int64_t kTerabyte = int64_t{1} << 40;
  const auto refused = ops_.device().allocate(1024 * kTerabyte);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find(std::to_string(12 * 1024 * kTerabyte) + " bytes"),
            std::string::npos)
      << refused.error().message();
  const auto absurd = ops_.device().allocate(std::numeric_limits<int64_t>::max());
  ASSERT_FALSE(absurd.ok());
  EXPECT_NE(absurd.error().message().find("more than "), std::string::npos) << absurd.error().message();
}

}  // namespace
}  // namespace kilter
