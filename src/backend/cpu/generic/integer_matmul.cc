// The integer product as it is defined, one number at a time: the twin that every other instruction set has
// to match, and what runs where none of them is there.
#include "backend/cpu/generic/integer_matmul.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "quant/half.h"

namespace kilter::cpu::generic {
namespace {

// One panel block in plain arrays, all numbers as the formula of kernel_table.h names them.
struct OpenBlock {
  std::array<std::array<int16_t, kPanelRows>, kBlockValues> q;   // code - zero
  std::array<std::array<int32_t, kPanelRows>, 16> unit_scale;    // sc, 1 where there is none
  std::array<std::array<int32_t, kPanelRows>, 16> unit_minimum;  // mn, 1 where there is none
  std::array<std::array<float, kPanelRows>, 16> scale;           // per group
  std::array<std::array<float, kPanelRows>, 16> offset;          // per group; -dmin for integer scales
};

uint8_t byte_at(const std::byte* bytes, int64_t i) { return static_cast<uint8_t>(bytes[i]); }

// The code of lane byte `b` (row, k) of a line.
int code_at(const std::byte* codes, Codes kind, int64_t n, int64_t line, int64_t b) {
  if (kind == Codes::byte) return byte_at(codes, line * kLineBytes + b);
  const int low = byte_at(codes, line / 2 * kLineBytes + b) >> (line % 2 * 4) & 15;
  const std::byte* high = codes + 8 * n;
  if (kind == Codes::nibble_1) return low | (byte_at(high, line / 8 * kLineBytes + b) >> (line % 8) & 1) << 4;
  if (kind == Codes::nibble_2)
    return low | (byte_at(high, line / 4 * kLineBytes + b) >> (line % 4 * 2) & 3) << 4;
  return low;
}

float number_at(const std::byte* numbers, Scales kind, int64_t i) {
  if (kind == Scales::f32) {
    float number = 0;
    std::memcpy(&number, numbers + i * 4, sizeof(number));
    return number;
  }
  uint16_t half = 0;
  std::memcpy(&half, numbers + i * 2, sizeof(half));
  return quant::f16_to_f32(half);
}

void open_scales(const std::byte* bytes, const PanelFormat& f, int64_t n, OpenBlock& open) {
  const int64_t units = n / f.unit;
  const int64_t groups = f.scales == Scales::integer ? 1 : n / f.group;
  const std::byte* numbers = bytes;
  for (auto& unit : open.unit_scale) unit.fill(1);
  for (auto& unit : open.unit_minimum) unit.fill(1);
  if (f.scales == Scales::integer) {
    for (int64_t i = 0; i < units * kPanelRows; ++i) {
      const auto u = static_cast<size_t>(i / kPanelRows);
      const auto r = static_cast<size_t>(i % kPanelRows);
      open.unit_scale[u][r] = static_cast<int8_t>(byte_at(bytes, i));
      if (f.has_offset) open.unit_minimum[u][r] = byte_at(bytes, units * kPanelRows + i);
    }
    numbers += units * kPanelRows * (f.has_offset ? 2 : 1);
  }
  for (int64_t i = 0; i < groups * kPanelRows; ++i) {
    const auto g = static_cast<size_t>(i / kPanelRows);
    const auto r = static_cast<size_t>(i % kPanelRows);
    open.scale[g][r] = number_at(numbers, f.scales, i);
    if (!f.has_offset) continue;
    const float offset = number_at(numbers, f.scales, groups * kPanelRows + i);
    open.offset[g][r] = f.scales == Scales::integer ? -offset : offset;
  }
}

void open_block(const std::byte* bytes, const PanelFormat& f, int64_t n, OpenBlock& open) {
  for (int64_t k = 0; k < n; ++k) {
    for (int64_t r = 0; r < kPanelRows; ++r) {
      const int code = code_at(bytes, f.codes, n, k / kLineValues, r * kLineValues + k % kLineValues);
      open.q[static_cast<size_t>(k)][static_cast<size_t>(r)] = static_cast<int16_t>(code - f.zero);
    }
  }
  open_scales(bytes + f.code_bytes(n), f, n, open);
}

// The sums of the planes as one f32.
float joined(const std::array<int32_t, 3>& sums, int planes) {
  float joined = static_cast<float>(sums[0]);
  if (planes >= 2) joined = std::fma(256.0F, static_cast<float>(sums[1]), joined);
  if (planes == 3) joined = std::fma(65536.0F, static_cast<float>(sums[2]), joined);
  return joined;
}

// x of kernel_table.h for lane r.
float block_product(const OpenBlock& open, const PanelFormat& f, int64_t n, const int8_t* digits, int planes,
                    size_t r) {
  float x = 0;
  for (int64_t first = 0; first < n; first += f.group) {
    const auto g = static_cast<size_t>(first / f.group);
    std::array<int32_t, 3> product{};
    std::array<int32_t, 3> minimum{};
    for (int64_t k = first; k < std::min(n, first + f.group); ++k) {
      const auto u = static_cast<size_t>(f.scales == Scales::integer ? k / f.unit : 0);
      const int32_t q = open.q[static_cast<size_t>(k)][r];
      for (int p = 0; p < planes; ++p) {
        const int32_t digit = digits[p * kBlockValues + k];
        product[static_cast<size_t>(p)] += open.unit_scale[u][r] * q * digit;
        minimum[static_cast<size_t>(p)] += open.unit_minimum[u][r] * digit;
      }
    }
    if (f.has_offset) x = std::fma(open.offset[g][r], joined(minimum, planes), x);
    x = std::fma(open.scale[g][r], joined(product, planes), x);
  }
  return x;
}

}  // namespace

int64_t integer_matmul_scratch_bytes(int64_t rows, int) { return (rows * kPanelRows * 4 + 63) / 64 * 64; }

void integer_matmul(const MatmulJob& job) {
  const QuantisedRows& x = *job.x;
  const PackedWeight& w = *job.w;
  auto* acc = reinterpret_cast<float*>(job.scratch);  // [rows][16]
  OpenBlock open;
  for (int64_t panel = job.panel_begin; panel < job.panel_end; ++panel) {
    const std::byte* bytes = w.panel(panel);
    std::fill_n(acc, x.rows * kPanelRows, 0.0F);
    for (int64_t block = 0; block < w.blocks(); ++block) {
      const int64_t n = std::min<int64_t>(kBlockValues, w.cols - block * kBlockValues);
      open_block(bytes, w.format, n, open);
      bytes += w.format.block_bytes(n);
      for (int64_t t = 0; t < x.rows; ++t) {
        const int8_t* digits = x.digits + x.column(block, t) * kBlockValues;
        const float scale = x.scale[block * x.rows + t];
        for (size_t r = 0; r < kPanelRows; ++r) {
          float& sum = acc[t * kPanelRows + static_cast<int64_t>(r)];
          sum = std::fma(scale, block_product(open, w.format, n, digits, x.planes, r), sum);
        }
      }
    }
    const int64_t first = panel * kPanelRows;
    for (int64_t t = 0; t < x.rows; ++t) {
      std::copy_n(acc + t * kPanelRows, std::min<int64_t>(kPanelRows, w.rows - first),
                  job.y + t * job.y_stride + first);
    }
  }
}

}  // namespace kilter::cpu::generic
