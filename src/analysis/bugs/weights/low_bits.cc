// Q2_K and Q3_K: 2-bit codes, four a byte, 32 apart.
#include "analysis/bugs/weights/code_order.h"
#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {
namespace {

// The 2-bit code of element i as the format has it; `at` is where the 64 bytes begin.
int pair_of(const std::byte* block, size_t at, size_t i) {
  return bits_of(block, at + 32 * (i / 128) + i % 32, 2 * (i / 32 % 4), 2);
}

using PairOf = int (*)(const std::byte* block, size_t at, size_t i);

struct PairReading {
  const char* detail;
  PairOf pair;
};

// What loops over the 64 bytes do instead.
constexpr PairReading kLoops[] = {
    {"2-bit codes in sequence (element i in byte i / 4)",
     [](const std::byte* block, size_t at, size_t i) { return bits_of(block, at + i / 4, 2 * (i % 4), 2); }},
    {"the second 128 elements read the first 32 bytes again",
     [](const std::byte* block, size_t at, size_t i) {
       return bits_of(block, at + i % 32, 2 * (i / 32 % 4), 2);
     }},
    {"2-bit codes 64 apart instead of 32",
     [](const std::byte* block, size_t at, size_t i) {
       return bits_of(block, at + i % 64, 2 * (i / 64), 2);
     }},
    {"2-bit codes 16 apart instead of 32",
     [](const std::byte* block, size_t at, size_t i) {
       return bits_of(block, at + 16 * (i / 64) + i % 16, 2 * (i / 16 % 4), 2);
     }},
    {"the pairs of bits of a byte taken from the top down",
     [](const std::byte* block, size_t at, size_t i) {
       return bits_of(block, at + 32 * (i / 128) + i % 32, 6 - 2 * (i / 32 % 4), 2);
     }},
};

Reading with_pairs(std::string detail, size_t at, PairOf pair) {
  return by_parts(std::move(detail), [=](const std::byte* block, quant::Parts& parts) {
    for (size_t i = 0; i < 256; ++i) {
      parts.code[i] = quant::as_code(parts.code[i] - pair_of(block, at, i) + pair(block, at, i));
    }
  });
}

// Scale i / 32 is a loop that runs over 8 groups of 32 instead of 16 of 16.
Reading with_groups(std::string detail, size_t (*group)(size_t g)) {
  return by_parts(std::move(detail), [=](const std::byte*, quant::Parts& parts) {
    const quant::Parts right = parts;
    for (size_t g = 0; g < 16; ++g) {
      parts.scale[g] = right.scale[group(g)];
      parts.offset[g] = right.offset[group(g)];
    }
  });
}

void add_loops(size_t at, std::vector<Reading>& found) {
  for (const PairReading& loop : kLoops) found.push_back(with_pairs(loop.detail, at, loop.pair));
  found.push_back(
      with_groups("one scale for 32 elements: the even ones", [](size_t g) { return g / 2 * 2; }));
  found.push_back(with_groups("scale i / 32 instead of i / 16", [](size_t g) { return g / 2; }));
  found.push_back(with_groups("the second 128 elements use the first eight scales again",
                              [](size_t g) { return g % 8; }));
}

std::vector<Reading> q2_k(const Weight& w, const ReplayModel&) {
  if (w.type != DType::q2_k) return {};
  std::vector<Reading> found;
  add_loops(16, found);
  found.push_back(
      by_parts("scale and minimum nibbles exchanged", [](const std::byte* block, quant::Parts& parts) {
        for (size_t g = 0; g < 16; ++g) {
          parts.scale[g] = parts.block_scale[0] * static_cast<float>(byte_at(block, g) >> 4);
          parts.offset[g] = -(parts.block_offset * static_cast<float>(byte_at(block, g) & 15));
        }
      }));
  return found;
}

// Scales of Q3_K as `scale` takes them from the 12 bytes.
Reading q3_scales(std::string detail, int (*scale)(const std::byte* s, size_t g)) {
  return by_parts(std::move(detail), [=](const std::byte* block, quant::Parts& parts) {
    constexpr size_t kScalesAt = 96;
    for (size_t g = 0; g < 16; ++g) {
      parts.scale[g] = parts.block_scale[0] * static_cast<float>(scale(block + kScalesAt, g));
    }
  });
}

int low_nibble(const std::byte* s, size_t g) { return bits_of(s, g % 8, 4 * (g / 8), 4); }

void add_q3_scales(std::vector<Reading>& found) {
  found.push_back(q3_scales("6-bit scales read as 4-bit ones, minus 8",
                            [](const std::byte* s, size_t g) { return low_nibble(s, g) - 8; }));
  found.push_back(q3_scales("6-bit scales read as 4-bit ones, minus 32",
                            [](const std::byte* s, size_t g) { return low_nibble(s, g) - 32; }));
  found.push_back(q3_scales("6-bit scales read as 4-bit ones, unsigned",
                            [](const std::byte* s, size_t g) { return low_nibble(s, g); }));
  found.push_back(
      q3_scales("4-bit scales in sequence (two a byte), minus 8",
                [](const std::byte* s, size_t g) { return bits_of(s, g / 2, 4 * (g % 2), 4) - 8; }));
  found.push_back(q3_scales("the offset of 32 of the scales left out", [](const std::byte* s, size_t g) {
    return low_nibble(s, g) + 16 * bits_of(s, 8 + g % 4, 2 * (g / 4), 2);
  }));
  found.push_back(
      q3_scales("upper bits of the scales in sequence (four a byte)", [](const std::byte* s, size_t g) {
        return low_nibble(s, g) + 16 * bits_of(s, 8 + g / 4, 2 * (g % 4), 2) - 32;
      }));
  found.push_back(
      q3_scales("low bits of the scales in sequence (two a byte)", [](const std::byte* s, size_t g) {
        return bits_of(s, g / 2, 4 * (g % 2), 4) + 16 * bits_of(s, 8 + g % 4, 2 * (g / 4), 2) - 32;
      }));
}

// The third bit of element i adds 4; a clear one subtracts 4 from the code.
Reading q3_mask(std::string detail, int (*third)(const std::byte* block, size_t i)) {
  return by_parts(std::move(detail), [=](const std::byte* block, quant::Parts& parts) {
    for (size_t i = 0; i < 256; ++i) parts.code[i] = quant::as_code(pair_of(block, 32, i) + third(block, i));
  });
}

std::vector<Reading> q3_k(const Weight& w, const ReplayModel&) {
  if (w.type != DType::q3_k) return {};
  std::vector<Reading> found;
  add_loops(32, found);
  add_q3_scales(found);
  found.push_back(q3_mask("4 subtracted where the bit of hmask is set, not where it is clear",
                          [](const std::byte* b, size_t i) { return -4 * bits_of(b, i % 32, i / 32, 1); }));
  found.push_back(q3_mask("bits of hmask in sequence (element i in byte i / 8)",
                          [](const std::byte* b, size_t i) { return 4 * bits_of(b, i / 8, i % 8, 1) - 4; }));
  found.push_back(
      q3_mask("the second 128 elements use the first four bits of hmask again",
              [](const std::byte* b, size_t i) { return 4 * bits_of(b, i % 32, i / 32 % 4, 1) - 4; }));
  found.push_back(q3_mask("hmask left out", [](const std::byte*, size_t) { return 0; }));
  found.push_back(q3_mask("hmask left out, and 4 subtracted", [](const std::byte*, size_t) { return -4; }));
  return found;
}

constexpr BugInfo kQ2K{
    .id = "q2-k-layout",
    .title = "Q2_K is taken apart wrongly",
    .cause =
        "Each 128 elements of Q2_K share 32 bytes: run k of 32 elements is bits 2k and 2k + 1 of them, and "
        "each 16 "
        "elements have a scale (low nibble) and a minimum (high nibble). The engine uses another loop.",
    .fix =
        "For each half n, run k and l = 0..31: q = qs[32n + l] >> 2k & 3, g = 8n + 2k + l / 16, y = d * "
        "(sc[g] & 15) "
        "* q - dmin * (sc[g] >> 4).",
    .rank = 31,
    .next_measurement = "dump one decoded row of a Q2_K weight"};

constexpr BugInfo kQ3K{.id = "q3-k-layout",
                       .title = "Q3_K is taken apart wrongly",
                       .cause =
                           "Q3_K has 2-bit codes 32 apart, a third bit in hmask that subtracts 4 where it is "
                           "clear, and 6-bit scales "
                           "minus 32 in 12 bytes; the engine reads one of the three otherwise.",
                       .fix =
                           "For each half n, run k and l = 0..31: q = (qs[32n + l] >> 2k & 3) - (hmask[l] >> "
                           "(4n + k) & 1 ? 0 : 4); the "
                           "scale is (low nibble | upper pair << 4) - 32.",
                       .rank = 31,
                       .next_measurement = "dump one decoded row of a Q3_K weight"};

}  // namespace

std::span<const Bug* const> low_bit_bugs() {
  static const WeightBugEntry entries[] = {{kQ2K, q2_k}, {kQ3K, q3_k}};
  static const Bug* const all[] = {&entries[0], &entries[1]};
  return all;
}

}  // namespace kilter::analysis
