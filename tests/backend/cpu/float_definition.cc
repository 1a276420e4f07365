#include "float_definition.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "quant/half.h"

namespace kilter::cpu::defined {
namespace {

constexpr int64_t kPositions = 64;

// Where element i of a position stands, counted in numbers.
int64_t key_place(const KvPool& pool, int64_t block, int64_t head, int64_t i, int64_t slot) {
  return ((block * pool.heads + head) * pool.width + i) * kPositions + slot;
}
int64_t value_place(const KvPool& pool, int64_t block, int64_t head, int64_t i, int64_t slot) {
  return ((block * pool.heads + head) * kPositions + slot) * pool.width + i;
}

void put(const KvPool& pool, int64_t place, float x) {
  if (pool.type == KvType::f32) {
    std::memcpy(pool.data + place * 4, &x, 4);
    return;
  }
  const uint16_t half = quant::f32_to_f16(x);
  std::memcpy(pool.data + place * 2, &half, 2);
}

}  // namespace

float exponential(float x) {
  if (std::isnan(x)) return x;
  if (x < -104.0F) return 0;
  if (x > 89.0F) return std::numeric_limits<float>::infinity();
  // The product of two f32 is exact in f64, so this rounds once.
  const auto n = static_cast<float>(std::nearbyint(double{x} * double{0x1.715476p+0F}));
  float r = std::fma(n, -0x1.62e4p-1F, x);
  r = std::fma(n, -0x1.7f7d1cp-20F, r);
  float p = 0x1.6ff26cp-10F;
  for (const float c : {0x1.1257dap-7F, 0x1.5552fep-5F, 0x1.555466p-3F, 0.5F, 1.0F, 1.0F})
    p = std::fma(p, r, c);
  return std::ldexp(p, static_cast<int>(n));
}

float silu(float x) {
  if (x < -104.0F) return -0.0F;
  const float e = exponential(-std::fabs(x));
  return (x < 0 ? x * e : x) / (1 + e);
}

float tree(const std::vector<float>& lanes) {
  std::vector<float> sums = lanes;
  for (size_t half = sums.size() / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) sums[i] += sums[i + half];
  }
  return sums[0];
}

void rmsnorm(const RmsNormJob& job) {
  for (int64_t v = 0; v < job.vectors; ++v) {
    const float* x = job.x + v * job.n;
    std::vector<float> lanes(16);
    for (int64_t i = 0; i < job.n; ++i) {
      float& lane = lanes[static_cast<size_t>(i % 16)];
      lane = std::fma(x[i], x[i], lane);
    }
    const float mean = tree(lanes) / static_cast<float>(job.n);
    const float r = 1.0F / std::sqrt(mean + job.eps);
    for (int64_t i = 0; i < job.n; ++i) {
      const float scaled = x[i] * r;
      job.y[v * job.n + i] = scaled * job.w[i];
    }
  }
}

void rope(const RopeJob& job) {
  for (int64_t h = 0; h < job.heads; ++h) {
    std::vector<float> y(job.x + h * job.width, job.x + (h + 1) * job.width);
    for (int64_t p = 0; p < job.n_rot / 2; ++p) {
      const auto i = static_cast<size_t>(job.adjacent ? 2 * p : p);
      const auto j = static_cast<size_t>(job.adjacent ? 2 * p + 1 : p + job.n_rot / 2);
      const float first = y[i];
      const float second = y[j];
      y[i] = std::fma(first, job.cos[p], -(second * job.sin[p]));
      y[j] = std::fma(first, job.sin[p], second * job.cos[p]);
    }
    std::copy(y.begin(), y.end(), job.y + h * job.width);
  }
}

void store_keys(const KvStoreJob& job) {
  for (int64_t h = 0; h < job.pool.heads; ++h) {
    for (int64_t i = 0; i < job.pool.width; ++i) {
      put(job.pool, key_place(job.pool, job.block, h, i, job.slot), job.x[h * job.pool.width + i]);
    }
  }
}

void store_values(const KvStoreJob& job) {
  for (int64_t h = 0; h < job.pool.heads; ++h) {
    for (int64_t i = 0; i < job.pool.width; ++i) {
      put(job.pool, value_place(job.pool, job.block, h, i, job.slot), job.x[h * job.pool.width + i]);
    }
  }
}

float stored(const KvPool& pool, int64_t i) {
  if (pool.type == KvType::f32) {
    float x = 0;
    std::memcpy(&x, pool.data + i * 4, 4);
    return x;
  }
  uint16_t half = 0;
  std::memcpy(&half, pool.data + i * 2, 2);
  return quant::f16_to_f32(half);
}

int64_t tiled(const AttentionJob& job, int64_t h, int64_t i) {
  return i / kPositions * job.step + h * kPositions + i % kPositions;
}

void attention_scores(const AttentionJob& job) {
  for (int64_t h = 0; h < job.rows * job.queries; ++h) {
    for (int64_t l = 0; l < job.visible[h / job.queries]; ++l) {
      float sum = 0;
      for (int64_t i = 0; i < job.k.width; ++i) {
        const int64_t block = job.blocks[l / kPositions];
        const float key = stored(job.k, key_place(job.k, block, job.kv_head, i, l % kPositions));
        sum = std::fma(job.q[tiled(job, h, i)], key, sum);
      }
      job.s[tiled(job, h, l)] = job.scale * sum;
    }
  }
}

void attention_mix(const AttentionJob& job) {
  for (int64_t h = 0; h < job.rows * job.queries; ++h) {
    const int64_t visible = job.visible[h / job.queries];
    for (int64_t i = 0; i < job.v.width; ++i) {
      float total = 0;
      for (int64_t first = 0; first < visible; first += kPositions) {
        float sum = 0;
        for (int64_t l = first; l < std::min(visible, first + kPositions); ++l) {
          const int64_t block = job.blocks[l / kPositions];
          const float value = stored(job.v, value_place(job.v, block, job.kv_head, i, l % kPositions));
          sum = std::fma(job.s[tiled(job, h, l)], value, sum);
        }
        total += sum;
      }
      job.y[h * job.v.width + i] = total;
    }
  }
}

void softmax(const SoftmaxJob& job) {
  float max = -std::numeric_limits<float>::infinity();
  for (int64_t l = 0; l < job.n; ++l) {
    if (job.s[l] > max) max = job.s[l];
  }
  float sum = 0;
  for (int64_t first = 0; first < job.n; first += kPositions) {
    std::vector<float> lanes(16);
    for (int64_t l = first; l < std::min(job.n, first + kPositions); ++l) {
      job.s[l] = exponential(job.s[l] - max);
      lanes[static_cast<size_t>(l % 16)] += job.s[l];
    }
    sum += tree(lanes);
  }
  const float factor = 1.0F / sum;
  for (int64_t l = 0; l < job.n; ++l) job.s[l] *= factor;
}

}  // namespace kilter::cpu::defined
