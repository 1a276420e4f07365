// The float kernels against their mathematics in long double. Every bound is derived from the roundings that
// kernel_table.h names: u = 2^-24 relative for each, 2^-149 for each that may end below the normal numbers.
// Sums of n terms with m roundings a path are off by at most m u / (1 - m u) times the sum of the terms'
// sizes.
#include <algorithm>

#include "backend/cpu/float/exponential.h"
#include "backend/cpu/generic/lanes.h"
#include "float_definition.h"
#include "float_test.h"

namespace kilter::cpu {
namespace {

using Wide = long double;

constexpr Wide kU = 0x1p-24L;
constexpr Wide kTiny = 0x1p-149L;
constexpr Wide kExpUlps = 0.91L;  // of kernel_table.h, found by a run over all f32

// m roundings on the way.
Wide gamma(Wide m) { return m * kU / (1 - m * kU); }

Wide wide(float x) { return static_cast<Wide>(x); }

// The distance of f32 numbers around `x`.
Wide ulp(Wide x) {
  const int exponent = std::max(std::ilogb(x), -126);
  return std::ldexp(1.0L, exponent - 23);
}

float kernel_exponential(float x) {
  float y[16];
  exponential(generic::Lanes::all(x)).store(y);
  return y[5];
}

void expect_exponential(float x) {
  const float got = kernel_exponential(x);
  if (x <= 0) {
    float y[16];
    exponential_to_one(generic::Lanes::all(x)).store(y);
    ASSERT_TRUE(same_bits(got, y[5])) << "exp to one of " << x << " is " << y[5];
  }
  ASSERT_TRUE(same_bits(got, defined::exponential(x))) << "exp of " << x << " is " << got;
  const Wide exact = std::exp(wide(x));
  if (exact >= 0x1.ffffffp+127L) {
    ASSERT_TRUE(std::isinf(got)) << x;
    return;
  }
  ASSERT_LE(std::abs(wide(got) - exact), kExpUlps * ulp(exact)) << "exp of " << x << " is " << got;
}

TEST(Exponential, IsWithinItsBound) {
  // A prime step, so that all last bits occur: some 900,000 numbers in [2^-40, 128), of both signs.
  for (uint32_t bits = std::bit_cast<uint32_t>(0x1p-40F); bits < std::bit_cast<uint32_t>(128.0F);
       bits += 431) {
    for (const float sign : {1.0F, -1.0F})
      ASSERT_NO_FATAL_FAILURE(expect_exponential(sign * std::bit_cast<float>(bits)));
  }
  for (const float x : edge_numbers()) {
    if (!std::isnan(x)) expect_exponential(x);
  }
  EXPECT_TRUE(std::isnan(kernel_exponential(std::nanf(""))));
  EXPECT_EQ(kernel_exponential(0), 1);
  EXPECT_EQ(kernel_exponential(-0.0F), 1);
}

TEST_P(FloatKernels, SiluIsWithinItsBound) {
  std::vector<float> x;
  for (int i = 0; i < 100000; ++i) x.push_back(static_cast<float>(i - 50000) * 0.0025F + 1e-3F * normal());
  std::vector<float> y(x.size());
  kernels().silu(x.data(), static_cast<int64_t>(x.size()), y.data());
  for (size_t i = 0; i < x.size(); ++i) {
    // exp 2 u, its product with x, 1 + e (which weakens the error of e by half), the quotient: 2 + 1 + 2 + 1.
    const Wide exact = wide(x[i]) / (1 + std::exp(-wide(x[i])));
    const Wide bound = gamma(6) * std::abs(exact) + (std::abs(wide(x[i])) + 2) * kTiny;
    ASSERT_LE(std::abs(wide(y[i]) - exact), bound) << "silu of " << x[i] << " is " << y[i];
  }
}

TEST_P(FloatKernels, RmsNormIsWithinItsBound) {
  for (const int64_t n : {1, 64, 576, 2048}) {
    const std::vector<float> x = normals(n);
    const std::vector<float> w = normals(n);
    std::vector<float> y(x.size());
    kernels().rmsnorm({.x = x.data(), .w = w.data(), .eps = 1e-5F, .n = n, .vectors = 1, .y = y.data()});
    Wide squares = 0;
    for (const float v : x) squares += wide(v) * wide(v);
    const Wide root = std::sqrt(squares / static_cast<Wide>(n) + wide(1e-5F));
    // The mean: a lane's chain, 4 of the tree, / n, + eps; the root halves that. Then sqrt, 1 / x, two
    // products.
    const Wide roundings = (std::ceil(static_cast<Wide>(n) / 16) + 6) / 2 + 4;
    for (size_t i = 0; i < x.size(); ++i) {
      const Wide exact = wide(x[i]) / root * wide(w[i]);
      ASSERT_LE(std::abs(wide(y[i]) - exact), gamma(roundings) * std::abs(exact)) << n << ", element " << i;
    }
  }
}

TEST_P(FloatKernels, RopeIsWithinItsBound) {
  for (const bool adjacent : {true, false}) {
    const std::vector<float> x = normals(128);
    const std::vector<float> c = normals(64);
    const std::vector<float> s = normals(64);
    std::vector<float> y(x.size());
    RopeJob job{.x = x.data(), .cos = c.data(), .sin = s.data(), .heads = 1, .width = 128, .n_rot = 128};
    job.adjacent = adjacent;
    job.y = y.data();
    kernels().rope(job);
    for (size_t p = 0; p < 64; ++p) {
      const size_t i = adjacent ? 2 * p : p;
      const size_t j = adjacent ? 2 * p + 1 : p + 64;
      const auto expect = [&](float got, Wide a, Wide b) {
        ASSERT_LE(std::abs(wide(got) - (a + b)), gamma(2) * (std::abs(a) + std::abs(b))) << "pair " << p;
      };
      expect(y[i], wide(x[i]) * wide(c[p]), -wide(x[j]) * wide(s[p]));
      expect(y[j], wide(x[i]) * wide(s[p]), wide(x[j]) * wide(c[p]));
    }
  }
}

TEST_P(FloatKernels, SoftmaxIsWithinItsBound) {
  for (const int64_t n : {1, 64, 300, 2000}) {
    std::vector<float> s = normals(n);
    for (float& v : s) v *= 15;
    std::vector<float> p = s;
    kernels().softmax({.s = p.data(), .n = n});
    const Wide max = wide(*std::max_element(s.begin(), s.end()));
    Wide sum = 0;
    Wide shifted = 0;  // the mean of |s - max|, weighted: what the roundings of s - max do to the sum
    for (const float v : s) {
      sum += std::exp(wide(v) - max);
      shifted += std::exp(wide(v) - max) * (max - wide(v));
    }
    shifted /= sum;
    Wide total = 0;
    for (size_t l = 0; l < s.size(); ++l) {
      const Wide exact = std::exp(wide(s[l]) - max) / sum;
      // s - max, exp; the same in the sum, 3 additions a lane, 4 of the tree, one a tile; 1 / x, the product.
      const Wide tiles = std::ceil(static_cast<Wide>(n) / 64);
      const Wide roundings = (max - wide(s[l])) + 2 + shifted + 2 + 3 + 4 + tiles + 2;
      ASSERT_LE(std::abs(wide(p[l]) - exact), gamma(roundings) * exact + 2 * kTiny) << n << ", score " << l;
      total += wide(p[l]);
    }
    EXPECT_LE(std::abs(total - 1), gamma(200));
  }
}

TEST_P(FloatKernels, AttentionIsWithinItsBound) {
  constexpr int64_t kWidth = 80;
  static constexpr int64_t kVisible = 150;
  const std::vector<int32_t> blocks = {2, 0, 1};
  const std::vector<float> memory = normals(3 * 64 * kWidth);
  std::vector<float> cache = memory;
  const std::vector<float> q = normals(128);  // kWidth of them, in tiles of 64
  std::vector<float> s(192);
  std::vector<float> y(kWidth);
  std::vector<float> open(64 * kWidth);
  AttentionJob job;
  job.blocks = blocks.data();
  job.visible = &kVisible;
  job.queries = 1;
  job.k = {
      .data = reinterpret_cast<std::byte*>(cache.data()), .type = KvType::f32, .heads = 1, .width = kWidth};
  job.v = job.k;
  job.q = q.data();
  job.scale = 0.3F;
  job.s = s.data();
  job.step = 64;
  job.open = open.data();
  job.y = y.data();
  kernels().attention_scores(job);
  kernels().attention_mix(job);
  const auto block_of = [&](int64_t l) {
    return static_cast<int64_t>(blocks[static_cast<size_t>(l / 64)]) * 64;
  };
  for (int64_t l = 0; l < kVisible; ++l) {
    Wide exact = 0;
    Wide size = 0;
    for (int64_t i = 0; i < kWidth; ++i) {
      const auto key = static_cast<size_t>(block_of(l) * kWidth + i * 64 + l % 64);
      const Wide term = wide(0.3F) * wide(q[static_cast<size_t>(i)]) * wide(memory[key]);
      exact += term;
      size += std::abs(term);
    }
    ASSERT_LE(std::abs(wide(s[static_cast<size_t>(l)]) - exact), gamma(kWidth + 1) * size) << "score " << l;
  }
  for (int64_t i = 0; i < kWidth; ++i) {
    Wide exact = 0;
    Wide size = 0;
    for (int64_t l = 0; l < kVisible; ++l) {
      const auto value = static_cast<size_t>((block_of(l) + l % 64) * kWidth + i);
      const Wide term = wide(s[static_cast<size_t>(l)]) * wide(memory[value]);
      exact += term;
      size += std::abs(term);
    }
    ASSERT_LE(std::abs(wide(y[static_cast<size_t>(i)]) - exact), gamma(64 + 3) * size) << "element " << i;
  }
}

TEST_P(FloatKernels, F32ProductIsWithinItsBound) {
  constexpr int64_t kCols = 700;
  const std::vector<float> panel = normals(kCols * 16);
  const std::vector<float> x = normals(kCols);
  std::vector<float> y(16);
  PackedWeight w{.rows = 16, .cols = kCols, .data = reinterpret_cast<const std::byte*>(panel.data())};
  kernels().matmul_f32({.x = x.data(), .rows = 1, .w = &w, .y = y.data(), .y_stride = 16, .panel_end = 1});
  for (size_t o = 0; o < 16; ++o) {
    Wide exact = 0;
    Wide size = 0;
    for (size_t k = 0; k < x.size(); ++k) {
      exact += wide(panel[k * 16 + o]) * wide(x[k]);
      size += std::abs(wide(panel[k * 16 + o]) * wide(x[k]));
    }
    ASSERT_LE(std::abs(wide(y[o]) - exact), gamma(kCols) * size) << "row " << o;
  }
}

TEST_P(FloatKernels, DigitsAreWithinTheirBound) {
  const std::vector<float> x = normals(256);
  Wide largest = 0;
  for (const float v : x) largest = std::max(largest, std::abs(wide(v)));
  for (int planes = 1; planes <= 3; ++planes) {
    std::vector<int8_t> digits(static_cast<size_t>(planes) * 256);
    std::vector<int16_t> sums(static_cast<size_t>(planes) * 16);
    float scale = 0;
    QuantisedRows to{.rows = 1, .cols = 256, .planes = planes};
    to.digits = digits.data();
    to.sums = sums.data();
    to.scale = &scale;
    kernels().quantise(x.data(), 0, 1, to);
    // Half a unit by rounding; the scale, its inverse and the product are off by u each.
    const Wide bound = wide(scale) / 2 + gamma(3) * largest;
    for (size_t k = 0; k < x.size(); ++k) {
      Wide value = 0;
      for (size_t p = static_cast<size_t>(planes); p-- > 0;) value = 256 * value + digits[p * 256 + k];
      ASSERT_LE(std::abs(wide(scale) * value - wide(x[k])), bound) << "planes " << planes << ", value " << k;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(On, FloatKernels, testing::ValuesIn(float_tables()), table_name);

}  // namespace
}  // namespace kilter::cpu
