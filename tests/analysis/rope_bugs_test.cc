// RoPE's bugs against rotations of complex numbers.
#include <complex>
#include <functional>

#include "op_bugs_support.h"

namespace kilter::analysis {
namespace {

using Pair = std::pair<int64_t, int64_t>;

// A rotation as one says it: which two elements, by which angle.
struct Turning {
  std::function<Pair(int64_t pair)> elements;
  std::function<double(int64_t token, int64_t pair)> angle;
  double magnitude = 1;
};

Row turn(const BugRun& run, At from, const Turning& how, int64_t pairs) {
  Row y = run.right(from);
  const int64_t width = run.shape().width;
  const int64_t per_token = static_cast<int64_t>(y.size()) / run.tokens();
  for (int64_t head = 0; head * width < static_cast<int64_t>(y.size()); ++head) {
    const int64_t t = head * width / per_token;
    for (int64_t i = 0; i < pairs; ++i) {
      const auto a = static_cast<size_t>(head * width + how.elements(i).first);
      const auto b = static_cast<size_t>(head * width + how.elements(i).second);
      const std::complex<double> z =
          std::complex<double>(y[a], y[b]) * std::polar(how.magnitude, how.angle(t, i));
      y[a] = static_cast<float>(z.real());
      y[b] = static_cast<float>(z.imag());
    }
  }
  return y;
}

Pair adjacent(int64_t i) { return {2 * i, 2 * i + 1}; }

// 10000^(-2i/8)
double angle(double position, double pair) { return position * std::pow(10.0, -pair); }

constexpr At kFrom{Point::attn_q, 0};
constexpr At kQ{Point::attn_q_rope, 0};
constexpr At kKeys{Point::attn_k_rope, 0};

class RopeBugs : public testing::Test {
 protected:
  // Neighbours, with the angle of each token and pair given.
  void expect(std::string_view id, std::string_view words, const std::function<double(int64_t, int64_t)>& a) {
    expect_bug(run_, id, kQ, words, turn(run_, kFrom, {adjacent, a}, 4));
    expect_bug(run_, id, kKeys, words, turn(run_, {Point::attn_k, 0}, {adjacent, a}, 4));
  }

  BugRun run_;
};

TEST_F(RopeBugs, TheTestTurnsRightly) {
  const auto right = [](int64_t t, int64_t i) {
    return angle(static_cast<double>(t), static_cast<double>(i));
  };
  EXPECT_TRUE(same(turn(run_, kFrom, {adjacent, right}, 4), run_.right(kQ)));
}

TEST_F(RopeBugs, Pairs) {
  const auto halves = [](int64_t i) { return Pair{i, i + 4}; };
  const auto right = [](int64_t t, int64_t i) {
    return angle(static_cast<double>(t), static_cast<double>(i));
  };
  expect_bug(run_, "rope-pairs", kQ, "(i, i + n_rot/2) were turned", turn(run_, kFrom, {halves, right}, 4));
  BugRun qwen({.pairs = RopePairs::halves});
  expect_bug(qwen, "rope-pairs", kQ, "(2i, 2i + 1) were turned", turn(qwen, kFrom, {adjacent, right}, 4));
}

TEST_F(RopeBugs, Sign) {
  expect("rope-sign", "the angle has the wrong sign",
         [](int64_t t, int64_t i) { return -angle(static_cast<double>(t), static_cast<double>(i)); });
}

// Token 1's first head by hand, element by element.
TEST_F(RopeBugs, OverlapAndOverwrite) {
  const Row& x = run_.right(kFrom);
  const size_t token = 4 * 8;
  const double c0 = 0.5403023058681398, s0 = 0.8414709848078965;   // cos 1, sin 1
  const double c1 = 0.9950041652780258, s1 = 0.09983341664682815;  // cos 0.1, sin 0.1
  const double a = x[token], b = x[token + 1], c = x[token + 2];
  const auto first_head = [&](std::string_view id, std::string_view words) {
    for (const Trial& trial : run_.trials(bug_named(id), kQ, run_.right(kQ))) {
      if (trial.detail.find(words) == std::string::npos) continue;
      const Result<Row> y = run_.under(trial, kQ);
      if (y.ok()) return Row(y->begin() + 32, y->begin() + 40);
    }
    return Row(8);
  };
  const Row in_place = first_head("rope-overlap", "in place");
  EXPECT_NEAR(in_place[0], a * c0 - b * s0, 1e-6);
  const double b_turned = a * s0 + b * c0;
  EXPECT_NEAR(in_place[1], b_turned * c1 - c * s1, 1e-6);
  const Row copied = first_head("rope-overlap", "from a copy");
  EXPECT_NEAR(copied[0], a * c0 - b * s0, 1e-6);
  EXPECT_NEAR(copied[1], b * c1 - c * s1, 1e-6);
  const Row overwritten = first_head("rope-overwrite", "");
  EXPECT_NEAR(overwritten[0], a * c0 - b * s0, 1e-6);
  EXPECT_NEAR(overwritten[1], (a * c0 - b * s0) * s0 + b * c0, 1e-6);
  // Neighbours with the table f0 f1 f2 f3 f0 f1 f2 f3: elements 0 and 1 are multiplied with f0 and f1.
  const Row table = first_head("rope-table", "");
  EXPECT_NEAR(table[0], a * c0 - b * s0, 1e-6);
  EXPECT_NEAR(table[1], b * c1 + a * s1, 1e-6);
}

TEST_F(RopeBugs, Base) {
  const auto base = [](double b) {
    return [b](int64_t t, int64_t i) {
      return static_cast<double>(t) * std::pow(b, -static_cast<double>(i) / 4);
    };
  };
  expect("rope-base", "base 500000 fits, the file says 10000", base(500000));
  expect("rope-base", "base 1e+06 fits", base(1000000));
  expect("rope-base", "base 77000 fits", base(77000));
}

TEST_F(RopeBugs, Exponent) {
  const auto power = [](const std::function<double(double)>& p) {
    return [p](int64_t t, int64_t i) {
      return static_cast<double>(t) * std::pow(10000.0, -p(static_cast<double>(i)));
    };
  };
  expect("rope-exponent", "i/n_rot, not 2i/n_rot", power([](double i) { return i / 8; }));
  expect("rope-exponent", "4i/n_rot", power([](double i) { return i / 2; }));
  expect("rope-exponent", "counted from 1", power([](double i) { return (i + 1) / 4; }));
  expect("rope-exponent", "2i/(n_rot - 2)", power([](double i) { return i / 3; }));
  expect("rope-exponent", "(2i + 1)/n_rot", power([](double i) { return (2 * i + 1) / 8; }));
  expect("rope-exponent", "sign of the exponent", power([](double i) { return -i / 4; }));
  expect("rope-exponent", "reverse order", power([](double i) { return (3 - i) / 4; }));
}

TEST_F(RopeBugs, Scaling) {
  const auto times = [](double factor) {
    return [factor](int64_t t, int64_t i) {
      return factor * angle(static_cast<double>(t), static_cast<double>(i));
    };
  };
  expect("rope-scaling", "every angle is 0.25", times(0.25));
  expect("rope-scaling", "every angle is 0.61", times(0.61));
  expect("rope-twice", "turned twice", times(2));
}

TEST(RopeFactors, LeftOutTwiceAndWhereThereAreNone) {
  const std::vector<float> factors{1, 1, 4, 8};
  BugRun run({.rope_freqs = factors});
  const auto with = [&](double power) {
    return [&, power](int64_t t, int64_t i) {
      return angle(static_cast<double>(t), static_cast<double>(i)) /
             std::pow(double{factors[static_cast<size_t>(i)]}, power);
    };
  };
  expect_bug(run, "rope-freqs", kQ, "was not applied", turn(run, kFrom, {adjacent, with(0)}, 4));
  expect_bug(run, "rope-freqs", kQ, "applied twice", turn(run, kFrom, {adjacent, with(2)}, 4));
  expect_bug(run, "rope-freqs", kQ, "were multiplied", turn(run, kFrom, {adjacent, with(-1)}, 4));
  // Pair 3 turns once in 2 pi / 0.001 = 6283 tokens, 1.304 times in 8192: between 1 and 4, a tenth of the
  // way.
  const double smooth = (8192 * 0.001 / (2 * 3.14159265358979) - 1) / 3;
  const auto llama3 = [&](int64_t t, int64_t i) {
    const double stretch = i == 3 ? smooth + (1 - smooth) / 8 : 1;
    return stretch * angle(static_cast<double>(t), static_cast<double>(i));
  };
  BugRun plain;
  expect_bug(plain, "rope-freqs", kQ, "Llama 3's factor 8", turn(plain, kFrom, {adjacent, llama3}, 4));
}

TEST(RopeMagnitude, LeftOutAndTwice) {
  BugRun run({.magnitude = 1.25});
  const auto right = [](int64_t t, int64_t i) {
    return angle(static_cast<double>(t), static_cast<double>(i));
  };
  expect_bug(run, "rope-magnitude", kQ, "left out", turn(run, kFrom, {adjacent, right, 1}, 4));
  expect_bug(run, "rope-magnitude", kQ, "twice", turn(run, kFrom, {adjacent, right, 1.5625}, 4));
}

TEST(RopePartial, TurnsTheWrongPart) {
  BugRun run({.n_rot = 4});
  const auto over = [](double n) {
    return [n](int64_t t, int64_t i) {
      return static_cast<double>(t) * std::pow(10000.0, -2 * static_cast<double>(i) / n);
    };
  };
  expect_bug(run, "rope-partial", kQ, "the whole head was turned", turn(run, kFrom, {adjacent, over(8)}, 4));
  expect_bug(run, "rope-partial", kQ, "divided by the head's width",
             turn(run, kFrom, {adjacent, over(8)}, 2));
  const auto half_a_head = [](int64_t i) { return Pair{i, i + 4}; };
  expect_bug(run, "rope-partial", kQ, "half a head away", turn(run, kFrom, {half_a_head, over(4)}, 2));
  BugRun whole;
  expect_bug(whole, "rope-partial", kQ, "only half of the head was turned; the file",
             turn(whole, kFrom, {adjacent, over(4)}, 2));
  expect_bug(whole, "rope-partial", kQ, "only the first half", turn(whole, kFrom, {adjacent, over(8)}, 2));
  expect_bug(whole, "rope-partial", kQ, "only a quarter", turn(whole, kFrom, {adjacent, over(2)}, 1));
}

// Passes of four tokens, one and one: positions are written out.
TEST_F(RopeBugs, Positions) {
  const auto at = [](std::vector<double> positions) {
    return [positions](int64_t t, int64_t i) {
      return angle(positions[static_cast<size_t>(t)], static_cast<double>(i));
    };
  };
  expect("rope-position-constant", "0 for every token of the prompt", at({0, 0, 0, 0, 4, 5}));
  expect("rope-position-constant", "of its last one", at({3, 3, 3, 3, 4, 5}));
  expect("decode-position-zero", "position 0 again", at({0, 1, 2, 3, 0, 0}));
  expect("decode-position-shift", "one too large", at({0, 1, 2, 3, 5, 6}));
  expect("decode-position-shift", "one too small", at({0, 1, 2, 3, 3, 4}));
  expect("decode-position-shift", "prompt's length is added twice", at({0, 1, 2, 3, 8, 9}));
  expect("decode-position-shift", "counts from 1", at({0, 1, 2, 3, 1, 2}));
  expect("decode-position-shift", "stays at the prompt's length", at({0, 1, 2, 3, 4, 4}));
  expect("rope-position-offset", "count from 1", at({1, 2, 3, 4, 5, 6}));
  expect("rope-position-offset", "backwards", at({3, 2, 1, 0, 4, 5}));
  expect("rope-position-fitted", "token 2 was turned as if at 7, token 5 was turned as if at 40",
         at({0, 1, 7, 3, 4, 40}));
  expect("rope-missing", "turned", at({0, 0, 0, 0, 0, 0}));
}

TEST_F(RopeBugs, OnValues) {
  const auto right = [](int64_t t, int64_t i) {
    return angle(static_cast<double>(t), static_cast<double>(i));
  };
  const Row turned = turn(run_, {Point::attn_v, 0}, {adjacent, right}, 4);
  expect_bug(run_, "rope-on-values", {Point::attn_v, 0}, "", turned);
  expect_bug(run_, "rope-on-values", {Point::attn_v_cache, 0}, "as they go to the cache", turned);
}

TEST(RopeDecode, NeedsADecodeStep) {
  BugRun prompt({}, {5});
  for (const std::string_view id : {"decode-position-zero", "decode-position-shift"}) {
    EXPECT_TRUE(prompt.trials(bug_named(id), kQ, prompt.right(kQ)).empty()) << id;
    EXPECT_FALSE(bug_named(id).info().next_measurement.empty());
  }
}

}  // namespace
}  // namespace kilter::analysis
