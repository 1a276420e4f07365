// Scales and minimums of K blocks unpacked or used wrongly.
#include "analysis/bugs/weights/bits.h"
#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {
namespace {

constexpr size_t kScalesAt = 4;  // of Q4_K and Q5_K: 12 bytes

bool has_packed_scales(DType type) { return type == DType::q4_k || type == DType::q5_k; }

struct ScaleAndMin {
  int scale;
  int min;
};

void set_scales(const quant::Format& format, float d, quant::Parts& parts) {
  for (size_t g = 0; g < format.groups; ++g) parts.scale[g] = d * static_cast<float>(parts.scale_code[g]);
}

void set_offsets(const quant::Format& format, float dmin, quant::Parts& parts) {
  for (size_t g = 0; g < format.groups; ++g) {
    parts.offset[g] = -(dmin * static_cast<float>(parts.offset_code[g]));
  }
}

// The scales of Q4_K and Q5_K as `unpack` takes them from the 12 bytes, for group g of 8.
Reading unpacked(DType type, std::string detail, ScaleAndMin (*unpack)(const std::byte* s, size_t g)) {
  const quant::Format* format = &quant::format_of(type);
  return by_parts(std::move(detail), [=](const std::byte* block, quant::Parts& parts) {
    for (size_t g = 0; g < 8; ++g) {
      const auto [scale, min] = unpack(block + kScalesAt, g);
      parts.scale_code[g] = scale;
      parts.offset_code[g] = min;
    }
    set_scales(*format, parts.block_scale[0], parts);
    set_offsets(*format, parts.block_offset, parts);
  });
}

// 6 bits of a stream of bytes, lowest bits first.
int six_bits(const std::byte* s, size_t first) {
  const int low = byte_at(s, first / 8);
  const int high = first / 8 + 1 < 12 ? byte_at(s, first / 8 + 1) : 0;
  return (low | high << 8) >> first % 8 & 63;
}

std::vector<Reading> packing(const Weight& w, const ReplayModel&) {
  if (!has_packed_scales(w.type)) return {};
  const auto reading = [&](const char* detail, ScaleAndMin (*unpack)(const std::byte*, size_t)) {
    return unpacked(w.type, detail, unpack);
  };
  std::vector<Reading> found;
  found.push_back(reading("scale g = scales[g] & 63 and minimum g = scales[g + 4] & 63 for all eight groups",
                          [](const std::byte* s, size_t g) {
                            return ScaleAndMin{byte_at(s, g) & 63, byte_at(s, g + 4) & 63};
                          }));
  found.push_back(reading("scale g = scales[g] & 63, minimum g = nibble g of the last four bytes",
                          [](const std::byte* s, size_t g) {
                            return ScaleAndMin{byte_at(s, g % 8) & 63, bits_of(s, 8 + g / 2, 4 * (g % 2), 4)};
                          }));
  found.push_back(reading("scale g = the whole byte g, minimum g = the whole byte g + 4",
                          [](const std::byte* s, size_t g) {
                            return ScaleAndMin{byte_at(s, g), byte_at(s, g + 4)};
                          }));
  found.push_back(reading("the two upper bits of groups 4 to 7 left out", [](const std::byte* s, size_t g) {
    if (g < 4) return ScaleAndMin{byte_at(s, g) & 63, byte_at(s, g + 4) & 63};
    return ScaleAndMin{byte_at(s, g + 4) & 15, byte_at(s, g + 4) >> 4};
  }));
  found.push_back(reading("the upper bits of scale and minimum exchanged in groups 4 to 7",
                          [](const std::byte* s, size_t g) {
                            if (g < 4) return ScaleAndMin{byte_at(s, g) & 63, byte_at(s, g + 4) & 63};
                            return ScaleAndMin{(byte_at(s, g + 4) & 15) | byte_at(s, g) >> 6 << 4,
                                               byte_at(s, g + 4) >> 4 | byte_at(s, g - 4) >> 6 << 4};
                          }));
  found.push_back(reading("the nibbles of scale and minimum exchanged in groups 4 to 7",
                          [](const std::byte* s, size_t g) {
                            if (g < 4) return ScaleAndMin{byte_at(s, g) & 63, byte_at(s, g + 4) & 63};
                            return ScaleAndMin{byte_at(s, g + 4) >> 4 | byte_at(s, g - 4) >> 6 << 4,
                                               (byte_at(s, g + 4) & 15) | byte_at(s, g) >> 6 << 4};
                          }));
  found.push_back(
      reading("eight scales, then eight minimums, 6 bits each in sequence", [](const std::byte* s, size_t g) {
        return ScaleAndMin{six_bits(s, 6 * g), six_bits(s, 48 + 6 * g)};
      }));
  found.push_back(
      reading("pairs of scale and minimum, 6 bits each in sequence", [](const std::byte* s, size_t g) {
        return ScaleAndMin{six_bits(s, 12 * g), six_bits(s, 12 * g + 6)};
      }));
  found.push_back(reading("scale and minimum exchanged", [](const std::byte* s, size_t g) {
    if (g < 4) return ScaleAndMin{byte_at(s, g + 4) & 63, byte_at(s, g) & 63};
    return ScaleAndMin{byte_at(s, g + 4) >> 4 | byte_at(s, g) >> 6 << 4,
                       (byte_at(s, g + 4) & 15) | byte_at(s, g - 4) >> 6 << 4};
  }));
  return found;
}

// What the small scales of a type are divided by, by people who take them for fractions. 0: the type has
// none.
float largest_scale(DType type) {
  switch (type) {
    case DType::q4_k:
    case DType::q5_k:
      return 63;
    case DType::q2_k:
      return 15;
    case DType::q3_k:
      return 32;
    case DType::q6_k:
      return 127;
    default:
      return 0;
  }
}

std::vector<Reading> normalised(const Weight& w, const ReplayModel&) {
  const float most = largest_scale(w.type);
  if (most == 0) return {};
  const auto divided = [](float by, bool scales, bool minimums) {
    return [=](const std::byte*, quant::Parts& parts) {
      for (float& scale : parts.scale) scale = scales ? scale / by : scale;
      for (float& offset : parts.offset) offset = minimums ? offset / by : offset;
    };
  };
  const std::string by = "divided by " + std::to_string(static_cast<int>(most));
  std::vector<Reading> found;
  if (!quant::format_of(w.type).has_offset) {
    found.push_back(by_parts("scales " + by, divided(most, true, false)));
    if (w.type == DType::q6_k) {
      found.push_back(by_parts("scales divided by 128", divided(128, true, false)));
    }
    return found;
  }
  found.push_back(by_parts("scales and minimums " + by, divided(most, true, true)));
  found.push_back(by_parts("scales " + by + ", minimums not", divided(most, true, false)));
  found.push_back(by_parts("minimums " + by + ", scales not", divided(most, false, true)));
  return found;
}

std::vector<Reading> ignored(const Weight& w, const ReplayModel&) {
  if (largest_scale(w.type) == 0) return {};
  const quant::Format* format = &quant::format_of(w.type);
  const bool has_offset = format->has_offset;
  // A code of every group, or that of the first group.
  const auto all_like = [format](bool scales, bool minimums, bool as_first) {
    return [=](const std::byte*, quant::Parts& parts) {
      for (size_t g = format->groups; g-- > 0;) {
        if (scales) parts.scale_code[g] = as_first ? parts.scale_code[0] : 1;
        if (minimums) parts.offset_code[g] = as_first ? parts.offset_code[0] : 1;
      }
      set_scales(*format, parts.block_scale[0], parts);
      if (format->has_offset) set_offsets(*format, parts.block_offset, parts);
    };
  };
  std::vector<Reading> found;
  found.push_back(
      by_parts(has_offset ? "y = d * q - dmin: both small scales ignored" : "y = d * q: small scales ignored",
               all_like(true, has_offset, false)));
  found.push_back(
      by_parts("the first group's small scales used for the whole block", all_like(true, has_offset, true)));
  if (!has_offset) return found;
  found.push_back(by_parts("y = d * q - dmin * m: the small scale ignored", all_like(true, false, false)));
  found.push_back(by_parts("y = d * sc * q - dmin: the small minimum ignored", all_like(false, true, false)));
  return found;
}

std::vector<Reading> minimum(const Weight& w, const ReplayModel&) {
  const quant::Format* format = &quant::format_of(w.type);
  if (!format->has_offset) return {};
  std::vector<Reading> found;
  found.push_back(
      by_parts("the minimum left out", [](const std::byte*, quant::Parts& parts) { parts.offset = {}; }));
  found.push_back(by_parts("the minimum with the wrong sign", [](const std::byte*, quant::Parts& parts) {
    for (float& offset : parts.offset) offset = -offset;
  }));
  if (format->offset_codes.count == 0) {
    found.push_back(
        by_parts("the minimum multiplied by the scale",
                 [](const std::byte*, quant::Parts& parts) { parts.offset[0] *= parts.scale[0]; }));
    found.push_back(by_parts("scale and minimum exchanged", [](const std::byte*, quant::Parts& parts) {
      std::swap(parts.offset[0], parts.scale[0]);
    }));
    return found;
  }
  found.push_back(by_parts("d and dmin exchanged", [=](const std::byte*, quant::Parts& parts) {
    set_scales(*format, parts.block_offset, parts);
    set_offsets(*format, parts.block_scale[0], parts);
  }));
  found.push_back(by_parts(
      "y = d * sc * q - d * m: dmin ignored",
      [=](const std::byte*, quant::Parts& parts) { set_offsets(*format, parts.block_scale[0], parts); }));
  found.push_back(by_parts("y = d * sc * (q - m): minimum taken from the code",
                           [=](const std::byte*, quant::Parts& parts) {
                             for (size_t g = 0; g < format->groups; ++g) {
                               parts.offset[g] = -(parts.scale[g] * static_cast<float>(parts.offset_code[g]));
                             }
                           }));
  found.push_back(by_parts("y = sc * (d * q - dmin * m)", [=](const std::byte*, quant::Parts& parts) {
    for (size_t g = 0; g < format->groups; ++g) parts.offset[g] *= static_cast<float>(parts.scale_code[g]);
  }));
  return found;
}

constexpr BugInfo kPacking{
    .id = "k-scale-packing",
    .title = "The 6-bit scales of Q4_K and Q5_K are unpacked wrongly",
    .cause =
        "The 12 scale bytes hold groups 4 to 7 in two pieces, nibbles in bytes 8-11 and the upper two bits "
        "on top "
        "of bytes 0-7; the engine takes them from elsewhere.",
    .fix =
        "For g < 4: sc = s[g] & 63, m = s[g+4] & 63. For g >= 4: sc = (s[g+4] & 15) | (s[g-4] >> 6) << 4, m "
        "= "
        "(s[g+4] >> 4) | (s[g] >> 6) << 4.",
    .rank = 10,
    .next_measurement = "dump one decoded row of the weight and look at the error by index / 32 modulo 8"};

constexpr BugInfo kNormalised{
    .id = "k-scale-normalised",
    .title = "The small scales of a K block are divided by their largest value",
    .cause =
        "The small scale of a group is an integer that multiplies d as it is; the engine divides it by its "
        "maximum "
        "first.",
    .fix = "Use y = d * sc * q - dmin * m with sc and m as integers; there is no /63 in the format.",
    .rank = 10,
    .next_measurement = "dump one decoded row of the weight: it is the right one times a constant"};

constexpr BugInfo kIgnored{
    .id = "k-scale-ignored",
    .title = "The small scales of a K block are not used",
    .cause =
        "Each group of 16 or 32 elements has a scale of its own under the block's d; the engine leaves it "
        "out or "
        "uses the first group's for all.",
    .fix =
        "Multiply d by the group's scale and dmin by the group's minimum: y = d * sc[g] * q - dmin * m[g].",
    .rank = 10,
    .next_measurement =
        "dump one decoded row of the weight: the ratio to the right one is constant within each group"};

constexpr BugInfo kMinimum{
    .id = "block-minimum",
    .title = "The minimum of a block is used wrongly",
    .cause =
        "Q4_1 and Q5_1 add their minimum m; Q2_K, Q4_K and Q5_K subtract dmin * m[g]. The engine leaves it "
        "out, "
        "or puts it in with another sign or factor.",
    .fix = "Q4_1, Q5_1: y = d * q + m. Q2_K, Q4_K, Q5_K: y = (d * sc[g]) * q - (dmin * m[g]).",
    .rank = 10,
    .next_measurement = "dump one decoded row of the weight: the error is constant within each group"};

}  // namespace

std::span<const Bug* const> k_scale_bugs() {
  static const WeightBugEntry entries[] = {
      {kPacking, packing}, {kNormalised, normalised}, {kIgnored, ignored}, {kMinimum, minimum}};
  static const Bug* const all[] = {&entries[0], &entries[1], &entries[2], &entries[3]};
  return all;
}

}  // namespace kilter::analysis
