// Q6_K: 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 signed scales, d. Each half of the block is
// four runs of 32 elements: ql[l] low, ql[l + 32] low, ql[l] high, ql[l + 32] high.
#include "analysis/bugs/weights/code_order.h"
#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {
namespace {

constexpr size_t kQhAt = 128;
constexpr size_t kScalesAt = 192;

// The element that stands in run `order[k]` of its half, where the right one stands in run k.
std::function<size_t(size_t)> runs(std::array<size_t, 4> order) {
  return [order](size_t i) { return i / 128 * 128 + 32 * order[i / 32 % 4] + i % 32; };
}

std::vector<Reading> order(const Weight& w, const ReplayModel&) {
  const DType type = w.type;
  if (type != DType::q6_k) return {};
  std::vector<Reading> found;
  const auto both = [&](const std::string& detail, const std::function<size_t(size_t)>& source) {
    found.push_back(codes_from(type, detail + ", each under the scale of its new place", source));
    found.push_back(values_from(type, detail + ", each with its own scale", source));
  };
  both("low and high nibble of a byte in neighbouring runs of 32", runs({0, 2, 1, 3}));
  both("four elements that share a byte of qh stored as neighbours",
       [](size_t i) { return i / 128 * 128 + 32 * (i % 4) + i % 128 / 4; });
  both("first and second 32 of each 64 exchanged", runs({1, 0, 3, 2}));
  both("first and second 64 of each 128 exchanged", runs({2, 3, 0, 1}));
  both("the four runs of 32 in reverse order", runs({3, 2, 1, 0}));
  found.push_back(nibbles_from(
      type, "low bits in sequence (elements 2j and 2j+1 in byte j), upper bits right", [](size_t i) {
        return Nibble{i / 2, i % 2};
      }));
  found.push_back(nibbles_from(type, "low bits 32 apart, as in Q4_K, instead of 64", [](size_t i) {
    return Nibble{32 * (i / 64) + i % 32, i / 32 % 2};
  }));
  found.push_back(nibbles_from(type, "low bits 128 apart instead of 64", [](size_t i) {
    return Nibble{i % 128, i / 128};
  }));
  found.push_back(nibbles_from(type, "high nibbles of ql taken for the first 64 of each 128", [](size_t i) {
    return Nibble{64 * (i / 128) + i % 64, 1 - i / 64 % 2};
  }));
  found.push_back(
      by_parts("low bits and upper bits both in sequence", [](const std::byte* block, quant::Parts& parts) {
        for (size_t i = 0; i < 256; ++i) {
          const int low = bits_of(block, i / 2, 4 * (i % 2), 4);
          parts.code[i] = quant::as_code(low + 16 * bits_of(block, kQhAt + i / 4, 2 * (i % 4), 2) - 32);
        }
      }));
  return found;
}

// The upper two bits of element i, with another shift than 2 * (i / 32 % 4).
Reading shifted(std::string detail, std::array<size_t, 4> shift) {
  return high_bits_read(DType::q6_k, std::move(detail), [shift](const std::byte* block, size_t i) {
    return 16 * (byte_at(block, kQhAt + 32 * (i / 128) + i % 32) >> shift[i / 32 % 4] & 3);
  });
}

std::vector<Reading> high_bits(const Weight& w, const ReplayModel&) {
  const DType type = w.type;
  if (type != DType::q6_k) return {};
  const auto right = [](const std::byte* block, size_t i) {
    return bits_of(block, kQhAt + 32 * (i / 128) + i % 32, 2 * (i / 32 % 4), 2);
  };
  std::vector<Reading> found;
  found.push_back(shifted("shifts 0, 4, 2, 6 instead of 0, 2, 4, 6", {0, 4, 2, 6}));
  found.push_back(shifted("shifts 6, 4, 2, 0 instead of 0, 2, 4, 6", {6, 4, 2, 0}));
  found.push_back(shifted("the lowest pair of bits for all four runs", {0, 0, 0, 0}));
  found.push_back(shifted("shifts 0, 0, 4, 4 instead of 0, 2, 4, 6", {0, 0, 4, 4}));
  found.push_back(shifted("shifts 0, 2, 0, 2 instead of 0, 2, 4, 6", {0, 2, 0, 2}));
  found.push_back(shifted("shifts 0, 1, 2, 3 instead of 0, 2, 4, 6", {0, 1, 2, 3}));
  found.push_back(high_bits_read(
      type, "in sequence: the pair of element i in byte i / 4",
      [](const std::byte* block, size_t i) { return 16 * bits_of(block, kQhAt + i / 4, 2 * (i % 4), 2); }));
  found.push_back(high_bits_read(type, "the second 128 elements use the first 32 bytes again",
                                 [](const std::byte* block, size_t i) {
                                   return 16 * bits_of(block, kQhAt + i % 32, 2 * (i / 32 % 4), 2);
                                 }));
  found.push_back(high_bits_read(type, "left out", [](const std::byte*, size_t) { return 0; }));
  found.push_back(high_bits_read(type, "not shifted up: added as 0 to 3 instead of 0 to 48", right));
  found.push_back(high_bits_read(type, "shifted up by two bits instead of four",
                                 [right](const std::byte* block, size_t i) { return 4 * right(block, i); }));
  return found;
}

Reading scaled(std::string detail, std::function<size_t(size_t i)> scale_of) {
  return by_block(std::move(detail),
                  [scale_of = std::move(scale_of)](const std::byte* block, std::span<float> values) {
                    static const quant::Format& format = quant::format_of(DType::q6_k);
                    quant::Parts parts{};
                    format.unpack(block, parts);
                    for (size_t i = 0; i < values.size(); ++i) {
                      values[i] = parts.scale[scale_of(i)] * static_cast<float>(parts.code[i]);
                    }
                  });
}

std::vector<Reading> scales(const Weight& w, const ReplayModel&) {
  if (w.type != DType::q6_k) return {};
  std::vector<Reading> found;
  found.push_back(by_parts("scales read as unsigned bytes", [](const std::byte* block, quant::Parts& parts) {
    for (size_t g = 0; g < 16; ++g) {
      parts.scale[g] = parts.block_scale[0] * static_cast<float>(byte_at(block, kScalesAt + g));
    }
  }));
  found.push_back(scaled("scale i / 32 instead of i / 16", [](size_t i) { return i / 32; }));
  found.push_back(scaled("one scale for 32 elements: the even ones", [](size_t i) { return i / 32 * 2; }));
  found.push_back(scaled("one scale for 32 elements: run k of a half has scale k",
                         [](size_t i) { return 8 * (i / 128) + i / 32 % 4; }));
  found.push_back(scaled("the second 128 elements use the first eight scales again",
                         [](size_t i) { return i / 16 % 8; }));
  found.push_back(scaled("scales 0 and 1 of each half for all its runs",
                         [](size_t i) { return 8 * (i / 128) + i / 16 % 2; }));
  found.push_back(scaled("run k of a half begins at scale k instead of 2k",
                         [](size_t i) { return 8 * (i / 128) + i / 32 % 4 + i / 16 % 2; }));
  found.push_back(scaled("run k of a half has scales k and k + 4",
                         [](size_t i) { return 8 * (i / 128) + i / 32 % 4 + 4 * (i / 16 % 2); }));
  found.push_back(scaled("scale i % 16", [](size_t i) { return i % 16; }));
  return found;
}

constexpr BugInfo kOrder{
    .id = "q6-order",
    .title = "The four runs of 32 in Q6_K are in the wrong order",
    .cause =
        "Each 128 elements of Q6_K are the low nibbles of ql[0..31], the low ones of ql[32..63], the high "
        "ones of "
        "ql[0..31], the high ones of ql[32..63]; the engine uses another order.",
    .fix =
        "For l = 0..31: y[l] from ql[l] & 15 and qh[l] >> 0, y[l+32] from ql[l+32] & 15 and qh[l] >> 2, "
        "y[l+64] "
        "from ql[l] >> 4 and qh[l] >> 4, y[l+96] from ql[l+32] >> 4 and qh[l] >> 6.",
    .rank = 8,
    .next_measurement =
        "dump one decoded row of a Q6_K weight (attn_v, ffn_down or output in a Q4_K_M file)"};

constexpr BugInfo kHighBits{
    .id = "q6-high-bits",
    .title = "The upper two bits of Q6_K come from the wrong place",
    .cause =
        "Run k of the four runs of 32 takes its upper bits from qh[l] >> 2k; the engine takes other bits.",
    .fix =
        "Use ((qh[l] >> 2k) & 3) << 4 for run k = 0..3, and go 32 bytes of qh on for the second 128 "
        "elements.",
    .rank = 8,
    .next_measurement = "dump one decoded row of a Q6_K weight: errors are multiples of 16 times the scale"};

constexpr BugInfo kScales{
    .id = "q6-scales",
    .title = "Q6_K uses the wrong scale of its sixteen",
    .cause =
        "Element i of a Q6_K block has the signed 8-bit scale i / 16; the engine uses another index, or "
        "reads the "
        "byte as unsigned.",
    .fix = "Read scales as int8_t; for run k of half n and l = 0..31 use scales[8n + 2k + l / 16].",
    .rank = 8,
    .next_measurement =
        "dump one decoded row of a Q6_K weight: the ratio to the right one is constant in each 16"};

}  // namespace

std::span<const Bug* const> q6_k_bugs() {
  static const WeightBugEntry entries[] = {{kOrder, order}, {kHighBits, high_bits}, {kScales, scales}};
  static const Bug* const all[] = {&entries[0], &entries[1], &entries[2]};
  return all;
}

}  // namespace kilter::analysis
