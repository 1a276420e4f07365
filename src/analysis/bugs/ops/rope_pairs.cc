// RoPE: which elements are turned together, and how.
#include <algorithm>
#include <cmath>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/rotation.h"

namespace kilter::analysis {
namespace {

// (x, y) turned by an angle.
std::pair<double, double> turn_pair(double x, double y, double angle) {
  return {x * std::cos(angle) - y * std::sin(angle), x * std::sin(angle) + y * std::cos(angle)};
}

std::vector<Variant> other_pairs(const Suspect& suspect) {
  const Rope* rope = rope_of(suspect);
  if (rope == nullptr) return {};
  const bool adjacent = rope->pairs == RopePairs::adjacent;
  return {{.touches = rope_nodes(),
           .compute = with_rope([](Rope& r, int64_t, ReplayView&) -> Status {
             r.pairs = r.pairs == RopePairs::adjacent ? RopePairs::halves : RopePairs::adjacent;
             return {};
           }),
           .detail = adjacent ? "elements (i, i + n_rot/2) were turned; this model wants (2i, 2i + 1)"
                              : "elements (2i, 2i + 1) were turned; this model wants (i, i + n_rot/2)",
           .fix = adjacent ? "Turn elements 2i and 2i + 1 of a head together"
                           : "Turn elements i and i + n_rot/2 of a head together"}};
}

// cos and sin from a table made for the other pairing: element e is multiplied with the entry of another
// pair.
void turn_with_other_table(std::span<double> head, double position, const Rope& rope) {
  const size_t n_pairs = rope.frequency.size();
  const std::vector<double> x(head.begin(), head.end());
  const auto angle = [&](size_t element) {
    const size_t pair = rope.pairs == RopePairs::adjacent ? element % n_pairs : element / 2;
    return position * rope.frequency[pair];
  };
  for (size_t pair = 0; pair < n_pairs; ++pair) {
    const auto [i, j] = pair_elements(rope, pair);
    head[i] = rope.magnitude * (x[i] * std::cos(angle(i)) - x[j] * std::sin(angle(i)));
    head[j] = rope.magnitude * (x[j] * std::cos(angle(j)) + x[i] * std::sin(angle(j)));
  }
}

// Pairs (0,1), (1,2), (2,3) ...: each element is turned twice.
TurnHead overlapping(bool in_place) {
  return [in_place](std::span<double> head, double position, const Rope& rope) {
    const std::vector<double> x(head.begin(), head.end());
    for (size_t pair = 0; pair < rope.frequency.size(); ++pair) {
      const double angle = position * rope.frequency[pair];
      const double a = in_place ? head[pair] : x[pair];
      const double b = in_place ? head[pair + 1] : x[pair + 1];
      std::tie(head[pair], head[pair + 1]) = turn_pair(a, b, angle);
    }
  };
}

// The first element is written before the second is made from it.
void overwrite(std::span<double> head, double position, const Rope& rope) {
  for (size_t pair = 0; pair < rope.frequency.size(); ++pair) {
    const auto [i, j] = pair_elements(rope, pair);
    const double angle = position * rope.frequency[pair];
    head[i] = rope.magnitude * (head[i] * std::cos(angle) - head[j] * std::sin(angle));
    head[j] = rope.magnitude * (head[i] * std::sin(angle) + head[j] * std::cos(angle));
  }
}

// Only the cosine of the second element's turn, or both sines positive: the sign of one term.
TurnHead with_signs(double first, double second) {
  return [first, second](std::span<double> head, double position, const Rope& rope) {
    for (size_t pair = 0; pair < rope.frequency.size(); ++pair) {
      const auto [i, j] = pair_elements(rope, pair);
      const double angle = position * rope.frequency[pair];
      const double x = head[i];
      const double y = head[j];
      head[i] = rope.magnitude * (x * std::cos(angle) + first * y * std::sin(angle));
      head[j] = rope.magnitude * (second * x * std::sin(angle) + y * std::cos(angle));
    }
  };
}

std::vector<Variant> signs(const Suspect&) {
  return {{rope_nodes(), turned(with_signs(1, -1)), "the angle has the wrong sign", ""},
          {rope_nodes(), turned(with_signs(1, 1)), "both sines are added", ""},
          {rope_nodes(), turned(with_signs(-1, -1)), "both sines are subtracted", ""}};
}

std::vector<Variant> overlaps(const Suspect&) {
  return {{rope_nodes(), turned(overlapping(true)), "pairs (0,1), (1,2), (2,3) ... in place", ""},
          {rope_nodes(), turned(overlapping(false)), "pairs (0,1), (1,2), (2,3) ... from a copy", ""}};
}

std::vector<Variant> overwrites(const Suspect&) { return {{rope_nodes(), turned(overwrite), "", ""}}; }

std::vector<Variant> other_tables(const Suspect&) {
  return {{rope_nodes(), turned(turn_with_other_table), "", ""}};
}

// Elements [0, n) are turned, as pairs of `rope` would be if n were n_rot; the exponent runs over `over`.
Compute rotary_part(int64_t n, int64_t over) {
  return with_rope([n, over](Rope& r, int64_t head, ReplayView&) -> Status {
    const double base = base_of(r);
    if (n > head || base <= 0) return Error{ErrorCode::usage, "", "the head is not as wide", ""};
    const double first = r.frequency[0];
    r.n_rot = n;
    r.frequency.clear();
    for (int64_t i = 0; i < n / 2; ++i) {
      r.frequency.push_back(first *
                            std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(over)));
    }
    return {};
  });
}

// Partner of element i half a head away, although only n_rot elements are turned.
void partner_half_a_head_away(std::span<double> head, double position, const Rope& rope) {
  const size_t half = head.size() / 2;
  for (size_t i = 0; i < std::min(half, rope.frequency.size()); ++i) {
    std::tie(head[i], head[i + half]) = turn_pair(head[i], head[i + half], position * rope.frequency[i]);
  }
}

std::vector<Variant> partial(const Suspect& suspect) {
  const Node* node = rope_node_of(suspect);
  if (node == nullptr || node->rope == nullptr) return {};
  const int64_t head = head_width(*node);
  const int64_t n = node->rope->n_rot;
  std::vector<Variant> variants;
  if (n < head) {
    variants.push_back(
        {rope_nodes(), rotary_part(head, head), "the whole head was turned; the file turns a part", ""});
    variants.push_back({rope_nodes(), rotary_part(n, head),
                        "the exponent is divided by the head's width, not by n_rot", ""});
    variants.push_back({rope_nodes(), turned(partner_half_a_head_away),
                        "the partner of element i is half a head away, not n_rot/2", ""});
    return variants;
  }
  const int64_t half = n / 4 * 2;
  const int64_t quarter = n / 8 * 2;
  if (half > 0) {
    variants.push_back({rope_nodes(), rotary_part(half, half),
                        "only half of the head was turned; the file turns all of it", ""});
    variants.push_back({rope_nodes(), rotary_part(half, n),
                        "only the first half of the head was turned, with the frequencies of the whole", ""});
  }
  if (quarter > 0) {
    variants.push_back({rope_nodes(), rotary_part(quarter, quarter),
                        "only a quarter of the head was turned; the file turns all of it", ""});
  }
  return variants;
}

}  // namespace

std::vector<OpBug> rope_pair_bugs() {
  return {
      {{.id = "rope-pairs",
        .title = "RoPE turns the wrong pairs of elements",
        .cause = "The engine pairs neighbouring elements where the model pairs halves of a head, or the "
                 "other way round.",
        .fix = "Pair (2i, 2i + 1) for GGUF files of the Llama family, whose rows the converter permuted, and "
               "(i, i + n_rot/2) for Qwen, Gemma and Phi.",
        .rank = 2,
        .next_measurement = "Dump q after RoPE at a position >= 1: at position 0 RoPE changes nothing."},
       other_pairs},
      {{.id = "rope-sign",
        .title = "RoPE turns in the wrong direction",
        .cause = "A sine in the rotation has the wrong sign.",
        .fix = "Compute y_i = x_i cos a - x_j sin a and y_j = x_i sin a + x_j cos a.",
        .rank = 2,
        .next_measurement = "Dump q before and after RoPE at position 1."},
       signs},
      {{.id = "rope-overlap",
        .title = "RoPE turns overlapping pairs",
        .cause = "The loop over pairs advances by one element, so that most elements are turned twice.",
        .fix = "Advance by whole pairs: (0,1), (2,3), (4,5) ...",
        .rank = 2,
        .next_measurement =
            "Dump q before and after RoPE at position 1: the norm of each head must be kept."},
       overlaps},
      {{.id = "rope-overwrite",
        .title = "RoPE overwrites an element before using it",
        .cause = "The first element of a pair is replaced before the second is computed from it.",
        .fix = "Read both elements of a pair into locals before you write either.",
        .rank = 2,
        .next_measurement =
            "Dump q before and after RoPE at position 1: the norm of each head must be kept."},
       overwrites},
      {{.id = "rope-table",
        .title = "RoPE's table is laid out for the other pairing",
        .cause =
            "The tables of cos and sin repeat each frequency in the order of the other pairing, so the two "
            "elements of a pair are turned by different angles.",
        .fix = "Lay the table out as the pairs are: f0 f0 f1 f1 ... for neighbours, f0 f1 ... f0 f1 ... for "
               "halves.",
        .rank = 2,
        .next_measurement = "Dump q before and after RoPE at position 1."},
       other_tables},
      {{.id = "rope-partial",
        .title = "RoPE turns the wrong part of a head",
        .cause = "The engine's number of rotary elements is not the file's <arch>.rope.dimension_count.",
        .fix =
            "Turn the first rope.dimension_count elements of each head, with exponents over that number, and "
            "copy the others.",
        .rank = 27,
        .next_measurement = "Dump all elements of one head of q after RoPE at a position >= 1."},
       partial},
  };
}

}  // namespace kilter::analysis
