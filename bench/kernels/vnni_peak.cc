#include "vnni_peak.h"

#include <immintrin.h>

#include <cstring>

namespace kilter::bench {
namespace {

int32_t any_bit_of(const __m512i& v) {
  int32_t first = 0;
  std::memcpy(&first, &v, sizeof(first));
  return first;
}

}  // namespace

void run_vnni() {
  // 12 chains of latency 5 keep two ports busy. In assembly, because a compiler makes one chain of equal
  // ones.
  for (int turn = 0; turn < 2000; ++turn) {
    asm volatile(
        "vpdpbusd %%zmm16, %%zmm16, %%zmm17\n vpdpbusd %%zmm16, %%zmm16, %%zmm18\n"
        "vpdpbusd %%zmm16, %%zmm16, %%zmm19\n vpdpbusd %%zmm16, %%zmm16, %%zmm20\n"
        "vpdpbusd %%zmm16, %%zmm16, %%zmm21\n vpdpbusd %%zmm16, %%zmm16, %%zmm22\n"
        "vpdpbusd %%zmm16, %%zmm16, %%zmm23\n vpdpbusd %%zmm16, %%zmm16, %%zmm24\n"
        "vpdpbusd %%zmm16, %%zmm16, %%zmm25\n vpdpbusd %%zmm16, %%zmm16, %%zmm26\n"
        "vpdpbusd %%zmm16, %%zmm16, %%zmm27\n vpdpbusd %%zmm16, %%zmm16, %%zmm28\n"
        :
        :
        : "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",
          "xmm28");
  }
}

int32_t read_all(std::span<const std::byte> bytes) {
  __m512i sum[4] = {};
  for (size_t i = 0; i + 256 <= bytes.size(); i += 256) {
    for (size_t j = 0; j < 4; ++j) {
      sum[j] = _mm512_xor_si512(sum[j], _mm512_loadu_si512(&bytes[i + 64 * j]));
    }
  }
  return any_bit_of(sum[0] ^ sum[1] ^ sum[2] ^ sum[3]);
}

}  // namespace kilter::bench
