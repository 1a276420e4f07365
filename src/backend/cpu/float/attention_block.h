// What scores and mix share: a block of the cache as the register tiles read it, and which of them see it.
#pragma once

#include "backend/cpu/float/numbers.h"
#include "backend/cpu/float/tile.h"
#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

/// The most queries of a register tile over `L`.
template <FloatLanes L>
constexpr int kTileQueries = tile_broadcasts(L::kRegisters);

/// A block where it is stored. It is read once, so the reader prefetches the one that follows: blocks lie
/// apart, and the processor's own prefetching begins anew in each. Line after line, whatever the order of
/// reading: so the processor's own joins in.
template <FloatLanes L, typename Numbers>
struct StoredBlock : Numbers {
  static constexpr bool kPrefetches = true;
};

/// A block that open_block() left in the first-level cache.
template <FloatLanes L>
struct OpenBlock : F32Numbers<L> {
  static constexpr bool kPrefetches = false;
};

/// Where many register tiles read a block it is converted once: a conversion takes two operations of the
/// ports that multiply. With 8 registers the conversions hide better, and less than 4 tiles gain nothing.
template <FloatLanes L>
bool opens_blocks(const AttentionJob& job) {
  return job.rows * job.queries > 3 * kTileQueries<L>;
}

/// Converts `n` numbers to f32; the block that follows is prefetched.
template <FloatLanes L, typename Numbers>
const std::byte* open_block(const std::byte* from, const std::byte* next, int64_t n, float* to) {
  for (int64_t line = 0; line < n * Numbers::kBytes; line += 64) __builtin_prefetch(next + line);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) Numbers::load(from + i * Numbers::kBytes).store(to + i);
  const int rest = static_cast<int>(n - i);
  if (rest != 0) Numbers::load_first(from + i * Numbers::kBytes, rest).store_first(to + i, rest);
  return reinterpret_cast<const std::byte*>(to);
}

/// Calls f(first, count, least, most) for every register tile of which a query sees more than `begin`
/// positions: count queries from `first` on, which see from `least` to `most` positions.
template <FloatLanes L, typename Function>
void each_query_tile(const AttentionJob& job, int64_t begin, Function f) {
  in_even_parts(job.rows * job.queries, kTileQueries<L>, [&](int64_t first, int count) {
    const int64_t most = job.visible[(first + count - 1) / job.queries];
    if (most > begin) f(first, count, job.visible[first / job.queries], most);
  });
}

}  // namespace kilter::cpu
