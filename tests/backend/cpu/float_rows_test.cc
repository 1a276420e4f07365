// Kernels that read and write rows of f32: add, multiply, silu, rmsnorm, rope, softmax.
#include "float_definition.h"
#include "float_test.h"

namespace kilter::cpu {
namespace {

constexpr int64_t kLengths[] = {1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 100, 128, 576, 1000};

TEST_P(FloatKernels, AddAndMultiplyRoundOnce) {
  for (const int64_t n : kLengths) {
    std::vector<float> a(static_cast<size_t>(n));
    std::vector<float> b(a.size());
    for (float& v : a) v = any_bits();
    for (float& v : b) v = any_bits();
    std::vector<float> sum(a.size() + 1, 7.0F);
    std::vector<float> product(a.size() + 1, 7.0F);
    kernels().add(a.data(), b.data(), n, sum.data());
    kernels().multiply(a.data(), b.data(), n, product.data());
    for (size_t i = 0; i < a.size(); ++i) {
      // Both are exact enough in f64: 53 >= 2 * 24 + 2 bits, so that rounding twice is rounding once.
      ASSERT_TRUE(same_bits(sum[i], static_cast<float>(double{a[i]} + double{b[i]})))
          << a[i] << " + " << b[i];
      ASSERT_TRUE(same_bits(product[i], static_cast<float>(double{a[i]} * double{b[i]})))
          << a[i] << " * " << b[i];
    }
    ASSERT_EQ(sum.back(), 7.0F) << "add wrote behind " << n;
    ASSERT_EQ(product.back(), 7.0F) << "multiply wrote behind " << n;
  }
}

TEST_P(FloatKernels, SiluIsAsDefined) {
  std::vector<float> x = edge_numbers();
  for (int i = 0; i < 200000; ++i) x.push_back(i % 2 == 0 ? any_bits() : 40 * normal());
  std::vector<float> expected;
  for (const float v : x) expected.push_back(defined::silu(v));
  std::vector<float> y(x.size());
  kernels().silu(x.data(), static_cast<int64_t>(x.size()), y.data());
  expect_same_bits(y, expected, "silu");
  for (const int64_t n : kLengths) {
    std::vector<float> part(static_cast<size_t>(n) + 1, 7.0F);
    kernels().silu(x.data(), n, part.data());
    ASSERT_TRUE(same_bits(part[static_cast<size_t>(n) - 1], expected[static_cast<size_t>(n) - 1]));
    ASSERT_EQ(part.back(), 7.0F) << "wrote behind " << n;
  }
}

TEST_P(FloatKernels, RmsNormIsAsDefined) {
  for (const int64_t n : kLengths) {
    for (const int64_t vectors : {1, 3}) {
      std::vector<float> x = normals(n * vectors);
      const std::vector<float> w = normals(n);
      std::vector<float> expected(x.size());
      RmsNormJob job{.x = x.data(), .w = w.data(), .eps = 1e-5F, .n = n, .vectors = vectors};
      job.y = expected.data();
      defined::rmsnorm(job);
      job.y = x.data();  // in place
      kernels().rmsnorm(job);
      expect_same_bits(x, expected, "rmsnorm of " + std::to_string(n));
    }
  }
}

TEST_P(FloatKernels, RmsNormTakesEdges) {
  for (const float edge : edge_numbers()) {
    for (const float fill : {0.0F, 1e-40F, 1.0F}) {
      std::vector<float> x(37, fill);
      x[20] = edge;
      const std::vector<float> w(37, 0.5F);
      std::vector<float> expected(x.size());
      std::vector<float> y(x.size());
      RmsNormJob job{.x = x.data(), .w = w.data(), .eps = 0, .n = 37, .vectors = 1, .y = expected.data()};
      defined::rmsnorm(job);
      job.y = y.data();
      kernels().rmsnorm(job);
      expect_same_bits(y, expected, "rmsnorm with " + std::to_string(edge));
    }
  }
}

TEST_P(FloatKernels, RopeIsAsDefined) {
  for (const bool adjacent : {true, false}) {
    for (const int64_t width : {2, 6, 32, 64, 80, 100, 128}) {
      for (const int64_t n_rot : {int64_t{2}, width / 4 * 2, width}) {
        std::vector<float> x = normals(3 * width);
        x[1] = std::numeric_limits<float>::quiet_NaN();
        x[0] = -0.0F;
        x[static_cast<size_t>(width)] = std::numeric_limits<float>::denorm_min();
        const std::vector<float> c = normals(n_rot / 2);
        const std::vector<float> s = normals(n_rot / 2);
        std::vector<float> expected(x.size());
        RopeJob job{.x = x.data(), .cos = c.data(), .sin = s.data(), .heads = 3, .width = width};
        job.n_rot = n_rot;
        job.adjacent = adjacent;
        job.y = expected.data();
        defined::rope(job);
        std::vector<float> y(x.size());
        job.y = y.data();
        kernels().rope(job);
        expect_same_bits(y, expected, "rope, width " + std::to_string(width));
        job.y = x.data();  // in place
        kernels().rope(job);
        expect_same_bits(x, expected, "rope in place, width " + std::to_string(width));
      }
    }
  }
}

std::vector<float> softmax_of(const KernelTable& kernels, std::vector<float> s) {
  kernels.softmax({.s = s.data(), .n = static_cast<int64_t>(s.size())});
  return s;
}

std::vector<float> defined_softmax(std::vector<float> s) {
  defined::softmax({.s = s.data(), .n = static_cast<int64_t>(s.size())});
  return s;
}

TEST_P(FloatKernels, SoftmaxIsAsDefined) {
  for (const int64_t n : kLengths) {
    std::vector<float> s = normals(n);
    for (float& v : s) v *= 20;
    const std::string what = "softmax of " + std::to_string(n);
    expect_same_bits(softmax_of(kernels(), s), defined_softmax(s), what);
    for (float& v : s) v -= 1000;  // nothing may depend on the filled up lanes being small
    expect_same_bits(softmax_of(kernels(), s), defined_softmax(s), what + ", all below 0");
    for (size_t i = s.size() / 2 + 1; i < s.size(); ++i) s[i] = -std::numeric_limits<float>::infinity();
    expect_same_bits(softmax_of(kernels(), s), defined_softmax(s), what + ", second half masked");
  }
}

TEST_P(FloatKernels, SoftmaxIsAsDefinedWhereExponentialsVanish) {
  for (float low = -80; low > -120; low -= 1) {
    std::vector<float> s = {0.0F};
    for (int i = 0; i < 1000; ++i) s.push_back(low + 0.001F * static_cast<float>(i));
    expect_same_bits(softmax_of(kernels(), s), defined_softmax(s), "softmax near " + std::to_string(low));
  }
}

TEST_P(FloatKernels, SoftmaxReadsTilesThatLieApart) {
  constexpr size_t kStep = 192;
  for (const int64_t n : {1, 64, 100, 256, 300}) {
    const std::vector<float> s = normals(n);
    std::vector<float> apart(5 * kStep, 7.0F);
    for (size_t l = 0; l < s.size(); ++l) apart[l / 64 * kStep + l % 64] = s[l];
    std::vector<float> expected = apart;
    const std::vector<float> p = defined_softmax(s);
    for (size_t l = 0; l < s.size(); ++l) expected[l / 64 * kStep + l % 64] = p[l];
    kernels().softmax({.s = apart.data(), .n = n, .tile_step = int64_t{kStep}});
    expect_same_bits(apart, expected, "softmax in tiles, " + std::to_string(n));
  }
}

TEST_P(FloatKernels, SoftmaxTakesEdges) {
  for (const float edge : edge_numbers()) {
    for (const size_t at : {size_t{0}, size_t{16}, size_t{69}}) {
      std::vector<float> s = normals(70);
      s[at] = edge;
      const std::vector<float> p = softmax_of(kernels(), s);
      expect_same_bits(p, defined_softmax(s), "softmax with " + std::to_string(edge));
      const bool is_nan = std::isnan(edge) || edge == std::numeric_limits<float>::infinity();
      for (const float v : p) ASSERT_EQ(std::isnan(v), is_nan) << edge << " at " << at;
    }
  }
  for (const float v :
       softmax_of(kernels(), std::vector<float>(5, -std::numeric_limits<float>::infinity()))) {
    EXPECT_TRUE(std::isnan(v)) << "nothing visible";
  }
  EXPECT_EQ(softmax_of(kernels(), {-3.0F}), std::vector<float>{1.0F});
}

INSTANTIATE_TEST_SUITE_P(On, FloatKernels, testing::ValuesIn(float_tables()), table_name);

}  // namespace
}  // namespace kilter::cpu
