// Four-bit codes given to the wrong elements.
#include "analysis/bugs/weights/code_order.h"
#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {
namespace {

bool is_k_type(DType type) { return type == DType::q4_k || type == DType::q5_k; }

Nibble neighbours(size_t i) { return {i / 2, i % 2}; }
Nibble neighbours_high_first(size_t i) { return {i / 2, 1 - i % 2}; }

// Low nibbles where the high ones belong, and the reverse.
std::function<Nibble(size_t)> exchanged(size_t run) {
  return [run](size_t i) { return Nibble{run * (i / (2 * run)) + i % run, 1 - i / run % 2}; };
}

// The element whose nibble is at that place in the right order.
std::function<size_t(size_t)> whole(std::function<Nibble(size_t)> nibble, size_t run) {
  return [nibble = std::move(nibble), run](size_t i) { return element_of(nibble(i), run); };
}

std::vector<Reading> small_blocks(const Weight& w, const ReplayModel&) {
  const DType type = w.type;
  const size_t run = nibble_run(type);
  if (run == 0 || is_k_type(type) || type == DType::q6_k) return {};
  std::vector<Reading> found;
  found.push_back(
      nibbles_from(type, "the two nibbles of a byte taken as neighbours, low one first", neighbours));
  found.push_back(nibbles_from(type, "the two nibbles of a byte taken as neighbours, high one first",
                               neighbours_high_first));
  found.push_back(nibbles_from(type, "high nibbles taken for the first half of the block", exchanged(run)));
  if (type != DType::q5_0 && type != DType::q5_1) return found;
  found.push_back(codes_from(type, "the two codes of a byte, fifth bits and all, stored as neighbours",
                             whole(neighbours, run)));
  found.push_back(codes_from(type, "the two halves of the block, fifth bits and all, exchanged",
                             whole(exchanged(run), run)));
  return found;
}

std::vector<Reading> k_blocks(const Weight& w, const ReplayModel&) {
  const DType type = w.type;
  if (!is_k_type(type)) return {};
  const size_t run = 32;
  std::vector<Reading> found;
  found.push_back(
      nibbles_from(type, "nibbles taken in sequence (elements 2j and 2j+1 in byte j)", neighbours));
  found.push_back(
      nibbles_from(type, "nibbles taken in sequence, the high one of a byte first", neighbours_high_first));
  found.push_back(values_from(type, "the two values of a byte, each with its own scale, stored as neighbours",
                              whole(neighbours, run)));
  found.push_back(nibbles_from(type, "high nibbles taken for the first 32 of each 64", exchanged(run)));
  found.push_back(values_from(type, "the first and second 32 of each 64 exchanged, scales and all",
                              whole(exchanged(run), run)));
  found.push_back(
      nibbles_from(type, "the low nibbles of all 128 bytes first, then the high ones", [](size_t i) {
        return Nibble{i % 128, i / 128};
      }));
  found.push_back(nibbles_from(type, "nibbles 16 apart, as in Q4_0, instead of 32", [](size_t i) {
    return Nibble{16 * (i / 32) + i % 16, i / 16 % 2};
  }));
  return found;
}

constexpr BugInfo kSmallInfo{
    .id = "q4-nibble-order",
    .title = "The 4-bit codes of a block are in the wrong order",
    .cause =
        "In a block of 32, byte j holds element j in its low nibble and element j + 16 in its high one; the "
        "engine puts the two nibbles somewhere else.",
    .fix =
        "Write `y[j] = value(qs[j] & 15); y[j + 16] = value(qs[j] >> 4)` for j = 0..15 (in NVFP4, j + 8 in "
        "each "
        "group of 16).",
    .rank = 3,
    .next_measurement =
        "dump one decoded row of the weight: each block holds the right numbers in another order"};

constexpr BugInfo kKInfo{
    .id = "k-nibble-order",
    .title = "The 4-bit codes of a K block are in the wrong order",
    .cause =
        "In each 64 elements of Q4_K and Q5_K, 32 bytes hold elements 0-31 in their low nibbles and 32-63 in "
        "their high ones; the engine uses another order.",
    .fix =
        "For each 64 elements and l = 0..31 write `y[l] = d1 * (q[l] & 15) - m1; y[l + 32] = d2 * (q[l] >> "
        "4) - "
        "m2`, then go 32 bytes on.",
    .rank = 3,
    .next_measurement =
        "dump one decoded row of the weight: each 64 elements hold the right codes in another order"};

}  // namespace

std::span<const Bug* const> nibble_order_bugs() {
  static const WeightBugEntry small(kSmallInfo, small_blocks);
  static const WeightBugEntry k(kKInfo, k_blocks);
  static const Bug* const all[] = {&small, &k};
  return all;
}

}  // namespace kilter::analysis
