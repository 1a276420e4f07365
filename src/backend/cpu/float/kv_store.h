// KvStoreJob of kernel_table.h.
#pragma once

#include "backend/cpu/float/lanes.h"
#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

/// Element i of a head goes to to + i * stride, in numbers of the pool's type.
template <FloatLanes L>
void store_head(const float* x, const KvPool& pool, std::byte* to, int64_t stride) {
  const int64_t step = stride * pool.value_bytes();
  if (pool.type == KvType::f32) {
    for (int64_t i = 0; i < pool.width; ++i) __builtin_memcpy(to + i * step, x + i, 4);
    return;
  }
  std::byte halves[32];
  for (int64_t i = 0; i < pool.width; i += 16) {
    const int n = static_cast<int>(pool.width - i < 16 ? pool.width - i : 16);
    L::load_first(x + i, n).store_f16(halves);
    if (stride == 1) {
      __builtin_memcpy(to + i * 2, halves, static_cast<size_t>(n) * 2);
      continue;
    }
    for (int k = 0; k < n; ++k) __builtin_memcpy(to + (i + k) * step, halves + 2 * k, 2);
  }
}

/// Keys are [width][64]: one position is a column.
template <FloatLanes L>
void store_keys(const KvStoreJob& job) {
  for (int64_t h = 0; h < job.pool.heads; ++h) {
    std::byte* to = job.pool.head(job.block, h) + job.slot * job.pool.value_bytes();
    store_head<L>(job.x + h * job.pool.width, job.pool, to, 64);
  }
}

/// Values are [64][width]: one position is a row.
template <FloatLanes L>
void store_values(const KvStoreJob& job) {
  for (int64_t h = 0; h < job.pool.heads; ++h) {
    std::byte* to = job.pool.head(job.block, h) + job.slot * job.pool.width * job.pool.value_bytes();
    store_head<L>(job.x + h * job.pool.width, job.pool, to, 1);
  }
}

}  // namespace kilter::cpu
