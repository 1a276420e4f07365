// The guaranteed bound is never violated by right kernels: thousands of random calls of every op in every
// mode and format, with operands that are hard on sums: outliers, cancellation, subnormals, everything equal.
#include <algorithm>
#include <cmath>
#include <random>

#include "backend/reference/reference_ops.h"
#include "judged_products.h"

namespace kilter {
namespace {

// What a vector of operands looks like.
enum class Looks { normal, outlier, cancelling, subnormal, many_binades, constant, zero };
constexpr int kLooks = 7;

class Random {
 public:
  explicit Random(uint32_t seed) : random_(seed) {}

  int64_t between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }

  // Of a size between 2^-40 and 2^6; outliers stay below 2^16, up to which the contract holds.
  std::vector<float> values(int64_t n, Looks looks) {
    const double size = std::exp2(uniform(-40, 6));
    std::vector<float> x(static_cast<size_t>(n));
    for (size_t i = 0; i < x.size(); ++i) x[i] = value(looks, size, i == 0 ? 0 : x[i - 1], i);
    return x;
  }

 private:
  float value(Looks looks, double size, float previous, size_t i) {
    const double normal = std::normal_distribution<double>(0, 1)(random_);
    switch (looks) {
      case Looks::normal:
        return static_cast<float>(size * normal);
      case Looks::outlier:
        return static_cast<float>(size * normal * (between(0, 40) == 0 ? 150 : 1));
      case Looks::cancelling:  // each pair nearly adds up to nothing
        return i % 2 == 0 ? static_cast<float>(size * normal)
                          : -previous * static_cast<float>(1 + 0x1p-22 * static_cast<double>(between(0, 3)));
      case Looks::subnormal:
        return static_cast<float>(normal * 0x1p-130);
      case Looks::many_binades:
        return static_cast<float>(normal * std::exp2(uniform(-60, 8)));
      case Looks::constant:
        return static_cast<float>(size);
      case Looks::zero:
        break;
    }
    return 0;
  }

  std::mt19937 random_;
};

// A judged backend, and memory for the tensors of one call.
class Bench {
 public:
  Bench(const JudgedMode& mode, Random& r)
      : random(r),
        ops_(ops_of(mode)),
        oracle_(1),
        ops(*ops_, oracle_, {.judging = {.arithmetic = mode.arithmetic}}) {}

  Tensor tensor(Shape shape) { return of(shape, std::vector<float>(static_cast<size_t>(shape.elements()))); }
  Tensor filled(Shape shape) {
    const auto looks = static_cast<Looks>(random.between(0, kLooks - 1));
    return of(shape, random.values(shape.elements(), looks));
  }
  Weight plain_weight(int64_t rows, int64_t cols) {
    const Tensor t = filled({rows, cols});
    return {.name = "w",
            .type = DType::f32,
            .rows = rows,
            .cols = cols,
            .bytes = std::as_bytes(std::span(t.data, static_cast<size_t>(rows * cols)))};
  }

  Random& random;

 private:
  Tensor of(Shape shape, std::vector<float> values) {
    values.resize(values.size() + 1);  // data of an empty tensor is not null
    return {memory_.emplace_back(std::move(values)).data(), shape};
  }

  std::unique_ptr<Ops> ops_;
  reference::ReferenceOps oracle_;
  std::deque<std::vector<float>> memory_;

 public:
  VerifyingOps ops;
};

void expect_all_within(const VerifyingOps& ops, const std::string& what) {
  for (const auto& [at, value] : ops.values()) {
    ASSERT_TRUE(passes(value.margins.verdict()))
        << what << " " << value.op << " is " << to_string(value.margins.verdict()) << ", margin "
        << value.margins.worst << " at row " << value.worst_row << ", element " << value.worst_element;
  }
}

class BoundsHold : public testing::TestWithParam<JudgedMode> {
 protected:
  void TearDown() override {
    RecordProperty("calls", std::to_string(calls_));
    RecordProperty("elements", std::to_string(all_.elements));
    RecordProperty("margin", std::to_string(all_.worst));
    RecordProperty("margin_of_expected", std::to_string(all_.worst_of_expected));
  }
  void done(const Bench& bench, const std::string& what) {
    ++calls_;
    all_.append(bench.ops.all());
    expect_all_within(bench.ops, what);
  }
  int64_t calls_ = 0;
  Margins all_;
};

TEST_P(BoundsHold, InProducts) {
  const std::vector<DType> types = weight_types();
  for (uint32_t seed = 0; seed < 1500 && !HasFatalFailure(); ++seed) {
    Random random(seed);
    Bench bench(GetParam(), random);
    const DType type = types[seed % types.size()];
    const int64_t cols = random.between(1, 4) == 1 ? random.between(257, 1200) : random.between(1, 256);
    const RandomWeight w(seed, type, random.between(1, 20), cols, std::exp2(random.uniform(-8, 0)));
    const int64_t rows = random.between(1, 6);
    const Tensor x = bench.filled({rows, w->cols});
    Tensor y = bench.tensor({rows, w->rows});
    bench.ops.matmul(at(Point::logits), x, *w, y);
    done(bench, std::string(dtype_info(type).name) + " seed " + std::to_string(seed));
  }
}

// Weights of one's own choice: cancellation in both factors.
TEST_P(BoundsHold, InPlainProducts) {
  for (uint32_t seed = 0; seed < 700 && !HasFatalFailure(); ++seed) {
    Random random(seed);
    Bench bench(GetParam(), random);
    const int64_t cols = random.between(1, 900);
    const Weight w = bench.plain_weight(random.between(1, 12), cols);
    const int64_t rows = random.between(1, 6);
    const Tensor x = bench.filled({rows, cols});
    Tensor y = bench.tensor({rows, w.rows});
    bench.ops.matmul(at(Point::logits), x, w, y);
    done(bench, "seed " + std::to_string(seed));
  }
}

TEST_P(BoundsHold, InOpsOnRows) {
  for (uint32_t seed = 0; seed < 300 && !HasFatalFailure(); ++seed) {
    Random random(seed);
    Bench bench(GetParam(), random);
    const int64_t rows = random.between(1, 5);
    const int64_t n = random.between(1, 700);
    const Tensor x = bench.filled({rows, n});
    const Tensor b = bench.filled({rows, n});
    const Weight w = bench.plain_weight(1, n);
    Tensor y = bench.tensor({rows, n});
    bench.ops.rmsnorm(at(Point::output_norm), x, w, static_cast<float>(std::exp2(random.uniform(-25, -5))),
                      y);
    bench.ops.add_bias(at(0, Point::attn_q_bias), x, w, y);
    bench.ops.silu(at(0, Point::ffn_act), x, y);
    bench.ops.multiply(at(0, Point::ffn_gated), x, b, y);
    bench.ops.add(at(0, Point::ffn_residual), x, b, y);
    done(bench, "seed " + std::to_string(seed));
  }
}

TEST_P(BoundsHold, InRope) {
  for (uint32_t seed = 0; seed < 500 && !HasFatalFailure(); ++seed) {
    Random random(seed);
    Bench bench(GetParam(), random);
    const int64_t width = random.between(1, 130);
    Rope rope{.pairs = seed % 2 == 0 ? RopePairs::adjacent : RopePairs::halves,
              .n_rot = random.between(0, width / 2) * 2,
              .frequency = {},
              .magnitude = random.uniform(0.5, 2)};
    for (int64_t i = 0; i < rope.n_rot / 2; ++i) rope.frequency.push_back(std::exp2(random.uniform(-20, 1)));
    const int64_t rows = random.between(1, 5);
    std::vector<int32_t> positions;
    for (int64_t t = 0; t < rows; ++t) positions.push_back(static_cast<int32_t>(random.between(0, 1 << 20)));
    const Tensor x = bench.filled({rows, 3, width});
    Tensor y = bench.tensor(x.shape);
    bench.ops.rope(at(0, Point::attn_q_rope), x, positions, rope, y);
    done(bench, "seed " + std::to_string(seed));
  }
}

// A cache whose blocks are not in order, all positions of one sequence in one batch.
TEST_P(BoundsHold, InAttention) {
  for (uint32_t seed = 0; seed < 160 && !HasFatalFailure(); ++seed) {
    Random random(seed);
    Bench bench(GetParam(), random);
    const int64_t heads = random.between(1, 3);
    const int64_t width = random.between(1, 70);
    const int64_t n = random.between(1, seed % 8 == 0 ? 150 : 12);
    Batch batch;
    for (int32_t t = 0; t < n; ++t) {
      batch.tokens.push_back(0);
      batch.positions.push_back(t);
      batch.sequences.push_back(0);
    }
    const KvTables tables{{{2, 0, 1}}};
    const KvLayer layer{bench.tensor({3 * kKvBlock, heads, width}),
                        bench.tensor({3 * kKvBlock, heads, width})};
    KvView kv{layer, &tables};
    bench.ops.kv_store(at(0, Point::attn_k_cache), bench.filled({n, heads, width}), batch, tables,
                       kv.layer.k);
    bench.ops.kv_store(at(0, Point::attn_v_cache), bench.filled({n, heads, width}), batch, tables,
                       kv.layer.v);
    const int64_t n_head = heads * random.between(1, 4);
    Tensor s = bench.tensor({n, n_head, n});
    const auto scale = static_cast<float>(random.uniform(0.01, 1));
    bench.ops.attention_scores(at(0, Point::attn_scores), bench.filled({n, n_head, width}), kv, batch, scale,
                               s);
    // Scores of any size follow from such operands, and the softmax of numbers from 2^16 on has no bound.
    for (float& v : std::span(s.data, static_cast<size_t>(s.shape.elements()))) {
      if (!std::isinf(v)) v = std::remainder(v, 60.0F);
    }
    bench.ops.softmax(at(0, Point::attn_softmax), s, s);
    Tensor mix = bench.tensor({n, n_head, width});
    bench.ops.attention_mix(at(0, Point::attn_mix), s, kv, batch, mix);
    done(bench, "seed " + std::to_string(seed));
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, BoundsHold, testing::ValuesIn(kJudgedModes),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace kilter
