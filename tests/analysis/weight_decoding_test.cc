// Wrong decodings of blocks against numbers worked out by hand, or by decoding changed bytes rightly.
#include <algorithm>
#include <array>
#include <cmath>

#include "weight_bugs_support.h"

namespace kilter::analysis {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::initializer_list<int> numbers) {
  Bytes bytes;
  for (const int number : numbers) bytes.push_back(static_cast<std::byte>(number));
  return bytes;
}

std::vector<float> right_of(DType type, Bytes bytes) {
  return right_values(*LoneWeight(type, std::move(bytes)));
}

std::vector<float> wrong_of(std::string_view id, std::string_view detail, DType type, const Bytes& bytes) {
  const LoneWeight w(type, bytes);
  return wrong_values(id, detail, *w, w.model());
}

// Four blocks of random bits.
Bytes some_blocks(DType type) { return random_blocks(type, 4 * dtype_info(type).block_values, 3); }

// `to(b)` is changed bytes of block b.
template <typename Change>
Bytes changed(DType type, Bytes bytes, Change change) {
  for (size_t at = 0; at < bytes.size(); at += dtype_info(type).block_bytes) change(&bytes[at]);
  return bytes;
}

int number(std::byte byte) { return std::to_integer<int>(byte); }

TEST(NibbleOrder, NeighboursAreAPermutationOfTheBlock) {
  for (const DType type : {DType::q4_0, DType::q4_1, DType::iq4_nl, DType::mxfp4}) {
    const Bytes bytes = some_blocks(type);
    const auto right = right_of(type, bytes);
    const auto low =
        wrong_of("q4-nibble-order", "the two nibbles of a byte taken as neighbours, low", type, bytes);
    const auto high =
        wrong_of("q4-nibble-order", "the two nibbles of a byte taken as neighbours, high", type, bytes);
    const auto halves = wrong_of("q4-nibble-order", "high nibbles taken for the first half", type, bytes);
    for (size_t block = 0; block < right.size(); block += 32) {
      for (size_t j = 0; j < 16; ++j) {
        EXPECT_EQ(low[block + 2 * j], right[block + j]);
        EXPECT_EQ(low[block + 2 * j + 1], right[block + j + 16]);
        EXPECT_EQ(high[block + 2 * j], right[block + j + 16]);
        EXPECT_EQ(high[block + 2 * j + 1], right[block + j]);
        EXPECT_EQ(halves[block + j], right[block + j + 16]);
        EXPECT_EQ(halves[block + j + 16], right[block + j]);
      }
    }
  }
}

TEST(NibbleOrder, FifthBitsStayOrMove) {
  const DType type = DType::q5_1;
  const Bytes bytes = some_blocks(type);
  const auto right = right_of(type, bytes);
  const auto moved = wrong_of("q4-nibble-order", "the two codes of a byte, fifth bits and all", type, bytes);
  // Without fifth bits, and with all of them, moving nibbles alone is moving values.
  const auto no_bits = [](std::byte* block) { std::fill(block + 4, block + 8, std::byte{0}); };
  const Bytes plain = changed(type, bytes, no_bits);
  const auto plain_right = right_of(type, plain);
  const auto plain_moved =
      wrong_of("q4-nibble-order", "the two nibbles of a byte taken as neighbours, low", type, plain);
  const auto stayed =
      wrong_of("q4-nibble-order", "the two nibbles of a byte taken as neighbours, low", type, bytes);
  for (size_t i = 0; i < right.size(); ++i) {
    const size_t from = i / 32 * 32 + i % 32 / 2 + 16 * (i % 2);
    EXPECT_EQ(moved[i], right[from]);
    EXPECT_EQ(plain_moved[i], plain_right[from]);
    // What the fifth bit of element i adds is the same before and after.
    EXPECT_NEAR(stayed[i] - plain_moved[i], right[i] - plain_right[i], 1e-5F * std::abs(right[i]) + 1e-6F);
  }
}

// All groups alike: sc 5, m 3, so that a moved nibble is a moved value.
Bytes with_equal_scales(DType type) {
  return changed(type, some_blocks(type), [](std::byte* block) {
    std::fill(block + 4, block + 8, std::byte{5});
    std::fill(block + 8, block + 12, std::byte{3});
    std::fill(block + 12, block + 16, std::byte{0x35});
  });
}

TEST(NibbleOrder, KBlocksInSequence) {
  const DType type = DType::q4_k;
  const Bytes equal = with_equal_scales(type);
  const auto right = right_of(type, equal);
  const auto sequence = wrong_of("k-nibble-order", "nibbles taken in sequence (", type, equal);
  const auto apart = wrong_of("k-nibble-order", "nibbles 16 apart", type, equal);
  const auto low_first = wrong_of("k-nibble-order", "the low nibbles of all 128 bytes first", type, equal);
  const Bytes random = some_blocks(type);
  const auto random_right = right_of(type, random);
  const auto own_scales = wrong_of("k-nibble-order", "the two values of a byte", type, random);
  for (size_t i = 0; i < right.size(); ++i) {
    const size_t block = i / 256 * 256;
    const size_t e = i % 256;
    const auto value = [&](size_t byte, size_t half) {
      return right[block + 64 * (byte / 32) + 32 * half + byte % 32];
    };
    EXPECT_EQ(sequence[i], value(e / 2, e % 2));
    EXPECT_EQ(apart[i], value(16 * (e / 32) + e % 16, e / 16 % 2));
    EXPECT_EQ(low_first[i], value(e % 128, e / 128));
    EXPECT_EQ(own_scales[i], random_right[block + e / 64 * 64 + e % 2 * 32 + e % 64 / 2]);
  }
}

// One Q4_K block: y = d * sc[g] - dmin * m[g], since all nibbles are 1.
Bytes scale_block(bool scales) {
  Bytes block = bytes_of({0, scales ? 0x3c : 0, 0, scales ? 0 : 0x3c,  //
                          0x41, 0x82, 0xc3, 0x04, 0x85, 0xc6, 0x07, 0x48, 0x19, 0x2a, 0x3b, 0x4c});
  block.resize(144, std::byte{0x11});
  return block;
}

using Eight = std::array<float, 8>;

void expect_groups(std::string_view detail, const Eight& scales, const Eight& minimums) {
  const auto sc = wrong_of("k-scale-packing", detail, DType::q4_k, scale_block(true));
  const auto m = wrong_of("k-scale-packing", detail, DType::q4_k, scale_block(false));
  for (size_t i = 0; i < 256; ++i) {
    EXPECT_EQ(sc[i], scales[i / 32]) << detail << ", scale of group " << i / 32;
    EXPECT_EQ(-m[i], minimums[i / 32]) << detail << ", minimum of group " << i / 32;
  }
}

TEST(KScales, UnpackedWronglyAsWorkedOutByHand) {
  const auto right = right_of(DType::q4_k, scale_block(true));
  EXPECT_EQ(right[5 * 32], 42);
  expect_groups("scale g = scales[g] & 63 and", {1, 2, 3, 4, 5, 6, 7, 8}, {5, 6, 7, 8, 25, 42, 59, 12});
  expect_groups("scale g = scales[g] & 63, minimum g = nibble", {1, 2, 3, 4, 5, 6, 7, 8},
                {9, 1, 10, 2, 11, 3, 12, 4});
  expect_groups("scale g = the whole byte", {65, 130, 195, 4, 133, 198, 7, 72},
                {133, 198, 7, 72, 25, 42, 59, 76});
  expect_groups("the two upper bits of groups 4 to 7 left out", {1, 2, 3, 4, 9, 10, 11, 12},
                {5, 6, 7, 8, 1, 2, 3, 4});
  expect_groups("the upper bits of scale and minimum exchanged", {1, 2, 3, 4, 41, 58, 11, 28},
                {5, 6, 7, 8, 17, 34, 51, 4});
  expect_groups("the nibbles of scale and minimum exchanged", {1, 2, 3, 4, 17, 34, 51, 4},
                {5, 6, 7, 8, 41, 58, 11, 28});
  expect_groups("eight scales, then eight minimums", {1, 9, 56, 48, 4, 20, 40, 49},
                {7, 32, 20, 6, 42, 44, 3, 19});
  expect_groups("pairs of scale and minimum", {1, 56, 4, 40, 7, 20, 42, 3}, {9, 48, 20, 49, 32, 6, 44, 19});
  expect_groups("scale and minimum exchanged", {5, 6, 7, 8, 33, 50, 3, 20}, {1, 2, 3, 4, 25, 42, 59, 12});
}

TEST(KScales, NormalisedIgnoredOrTheFirstForAll) {
  const Bytes sc = scale_block(true);
  const Bytes m = scale_block(false);
  const DType type = DType::q4_k;
  EXPECT_FLOAT_EQ(wrong_of("k-scale-normalised", "scales and minimums divided by 63", type, sc)[32],
                  2.0F / 63);
  EXPECT_FLOAT_EQ(wrong_of("k-scale-normalised", "scales and minimums divided by 63", type, m)[32],
                  -6.0F / 63);
  EXPECT_FLOAT_EQ(wrong_of("k-scale-normalised", "scales divided by 63, minimums not", type, m)[32], -6);
  EXPECT_FLOAT_EQ(wrong_of("k-scale-normalised", "minimums divided by 63", type, sc)[32], 2);
  EXPECT_EQ(wrong_of("k-scale-ignored", "y = d * q - dmin:", type, sc)[200], 1);
  EXPECT_EQ(wrong_of("k-scale-ignored", "y = d * q - dmin:", type, m)[200], -1);
  EXPECT_EQ(wrong_of("k-scale-ignored", "y = d * q - dmin * m", type, m)[32], -6);
  EXPECT_EQ(wrong_of("k-scale-ignored", "y = d * sc * q - dmin:", type, sc)[32], 2);
  EXPECT_EQ(wrong_of("k-scale-ignored", "the first group's", type, sc)[200], 1);
  EXPECT_EQ(wrong_of("k-scale-ignored", "the first group's", type, m)[200], -5);
}

TEST(BlockMinimum, IsWhatOtherBytesGive) {
  const DType type = DType::q4_k;
  const Bytes bytes = some_blocks(type);
  const auto negative = [](std::byte* block) { block[3] ^= std::byte{0x80}; };
  const auto none = [](std::byte* block) { block[2] = block[3] = std::byte{0}; };
  const auto exchanged = [](std::byte* block) { std::swap_ranges(block, block + 2, block + 2); };
  EXPECT_EQ(wrong_of("block-minimum", "the minimum with the wrong sign", type, bytes),
            right_of(type, changed(type, bytes, negative)));
  EXPECT_EQ(wrong_of("block-minimum", "the minimum left out", type, bytes),
            right_of(type, changed(type, bytes, none)));
  EXPECT_EQ(wrong_of("block-minimum", "d and dmin exchanged", type, bytes),
            right_of(type, changed(type, bytes, exchanged)));
  const Bytes small = some_blocks(DType::q4_1);
  EXPECT_EQ(wrong_of("block-minimum", "scale and minimum exchanged", DType::q4_1, small),
            right_of(DType::q4_1, changed(DType::q4_1, small, exchanged)));
  // d 2, dmin 1, sc 5, m 3, q 1: 2 * 5 * (1 - 3) and 5 * (2 * 1 - 1 * 3), where 2 * 5 * 1 - 1 * 3 = 7 is
  // right.
  Bytes block = bytes_of({0, 0x40, 0, 0x3c, 5, 5, 5, 5, 3, 3, 3, 3, 0x35, 0x35, 0x35, 0x35});
  block.resize(144, std::byte{0x11});
  EXPECT_EQ(right_of(type, block)[77], 7);
  EXPECT_EQ(wrong_of("block-minimum", "y = d * sc * (q - m)", type, block)[77], -20);
  EXPECT_EQ(wrong_of("block-minimum", "y = sc * (d * q - dmin * m)", type, block)[77], -5);
  EXPECT_EQ(wrong_of("block-minimum", "y = d * sc * q - d * m", type, block)[77], 4);
}

TEST(Q6K, RunsInAnotherOrder) {
  const DType type = DType::q6_k;
  const Bytes bytes = some_blocks(type);
  const auto right = right_of(type, bytes);
  const auto own = [&](const std::string& detail) {
    return wrong_of("q6-order", detail + ", each with its own scale", type, bytes);
  };
  const auto exchanged = own("low and high nibble of a byte in neighbouring runs of 32");
  const auto fours = own("four elements that share a byte of qh stored as neighbours");
  const auto reverse = own("the four runs of 32 in reverse order");
  for (size_t i = 0; i < right.size(); ++i) {
    const size_t half = i / 128 * 128;
    const size_t run = i % 128 / 32;
    EXPECT_EQ(exchanged[i], right[half + 32 * (run == 1 ? 2 : run == 2 ? 1 : run) + i % 32]);
    EXPECT_EQ(fours[i], right[half + i % 4 * 32 + i % 128 / 4]);
    EXPECT_EQ(reverse[i], right[half + 32 * (3 - run) + i % 32]);
  }
}

TEST(Q6K, ScalesAndUpperBitsOfAHandmadeBlock) {
  // Scales 1 .. 15 and -1, d 1; ql 0; byte l of qh is 0b11100100: the pairs 0, 1, 2, 3. So code = 16 run
  // - 32.
  Bytes block(210);
  std::fill(block.begin() + 128, block.begin() + 192, std::byte{0xe4});
  for (size_t g = 0; g < 16; ++g) block[192 + g] = static_cast<std::byte>(g == 15 ? 255 : g + 1);
  block[209] = std::byte{0x3c};
  const auto first = [&](std::string_view id, std::string_view detail) {
    return wrong_of(id, detail, DType::q6_k, block);
  };
  EXPECT_EQ(right_of(DType::q6_k, block)[255], -1 * 16);
  EXPECT_EQ(first("q6-scales", "scales read as unsigned")[255], 255 * 16);
  EXPECT_EQ(first("q6-scales", "scale i / 32")[255], 8 * 16);
  EXPECT_EQ(first("q6-scales", "one scale for 32 elements: the even")[255], 15 * 16);
  EXPECT_EQ(first("q6-scales", "one scale for 32 elements: run k")[255], 12 * 16);
  EXPECT_EQ(first("q6-scales", "the second 128")[130], 1 * -32);
  EXPECT_EQ(first("q6-scales", "scales 0 and 1")[255], 10 * 16);
  EXPECT_EQ(first("q6-scales", "run k of a half begins")[255], 13 * 16);
  EXPECT_EQ(first("q6-scales", "run k of a half has scales")[255], -1 * 16);
  EXPECT_EQ(first("q6-scales", "run k of a half has scales")[16], 5 * -32);
  EXPECT_EQ(first("q6-high-bits", "shifts 0, 4, 2, 6")[32], 3 * (32 - 32));
  EXPECT_EQ(first("q6-high-bits", "shifts 6, 4, 2, 0")[0], 1 * (48 - 32));
  EXPECT_EQ(first("q6-high-bits", "the lowest pair")[96], 7 * -32);
  EXPECT_EQ(first("q6-high-bits", "left out")[96], 7 * -32);
  EXPECT_EQ(first("q6-high-bits", "not shifted up")[96], 7 * (3 - 32));
  EXPECT_EQ(first("q6-high-bits", "shifted up by two")[96], 7 * (12 - 32));
  EXPECT_EQ(first("q6-high-bits", "in sequence")[3], 1 * (48 - 32));
}

TEST(LowBits, HandmadeBlocks) {
  // Q2_K: scale g = g, d 1, no minimum; byte l of qs holds 0, 1, 2, 3.
  Bytes q2(84);
  for (size_t g = 0; g < 16; ++g) q2[g] = static_cast<std::byte>(g);
  std::fill(q2.begin() + 16, q2.begin() + 80, std::byte{0xe4});
  q2[81] = std::byte{0x3c};
  EXPECT_EQ(right_of(DType::q2_k, q2)[255], 15 * 3);
  EXPECT_EQ(wrong_of("q2-k-layout", "2-bit codes in sequence", DType::q2_k, q2)[17], 1 * 1);
  EXPECT_EQ(wrong_of("q2-k-layout", "the pairs of bits", DType::q2_k, q2)[17], 1 * 3);
  EXPECT_EQ(wrong_of("q2-k-layout", "2-bit codes 64 apart", DType::q2_k, q2)[255], 15 * 3);
  EXPECT_EQ(wrong_of("q2-k-layout", "2-bit codes 64 apart", DType::q2_k, q2)[64], 4 * 1);
  EXPECT_EQ(wrong_of("q2-k-layout", "scale and minimum nibbles", DType::q2_k, q2)[255], 0);
  EXPECT_EQ(wrong_of("q2-k-layout", "scale i / 32", DType::q2_k, q2)[255], 7 * 3);
  EXPECT_EQ(wrong_of("q2-k-layout", "the second 128 elements use", DType::q2_k, q2)[255], 7 * 3);
  // Q3_K: pairs 3, third bits set in the low half of each byte, so in the first 128 elements; scales 0x21
  // - 32.
  Bytes q3(110);
  std::fill(q3.begin(), q3.begin() + 32, std::byte{0x0f});
  std::fill(q3.begin() + 32, q3.begin() + 96, std::byte{0xff});
  std::fill(q3.begin() + 96, q3.begin() + 104, std::byte{0x11});
  std::fill(q3.begin() + 104, q3.begin() + 108, std::byte{0xaa});
  q3[109] = std::byte{0x3c};
  EXPECT_EQ(right_of(DType::q3_k, q3)[0], 1 * 3);
  EXPECT_EQ(right_of(DType::q3_k, q3)[128], 1 * -1);
  EXPECT_EQ(wrong_of("q3-k-layout", "6-bit scales read as 4-bit ones, minus 8", DType::q3_k, q3)[0],
            (1 - 8) * 3);
  EXPECT_EQ(wrong_of("q3-k-layout", "6-bit scales read as 4-bit ones, unsigned", DType::q3_k, q3)[128],
            1 * -1);
  EXPECT_EQ(wrong_of("q3-k-layout", "the offset of 32", DType::q3_k, q3)[0], 33 * 3);
  EXPECT_EQ(wrong_of("q3-k-layout", "4 subtracted where the bit", DType::q3_k, q3)[0], 1 * -1);
  EXPECT_EQ(wrong_of("q3-k-layout", "4 subtracted where the bit", DType::q3_k, q3)[128], 1 * 3);
  EXPECT_EQ(wrong_of("q3-k-layout", "hmask left out, and 4", DType::q3_k, q3)[0], -1);
  EXPECT_EQ(wrong_of("q3-k-layout", "bits of hmask in sequence", DType::q3_k, q3)[4], -1);
  EXPECT_EQ(wrong_of("q3-k-layout", "the second 128 elements use the first four", DType::q3_k, q3)[128], 3);
}

TEST(ZeroPoint, IsAConstantTimesTheScale) {
  const DType type = DType::q4_0;
  const Bytes bytes = some_blocks(type);
  const auto right = right_of(type, bytes);
  const auto none = wrong_of("zero-point", "the 8 is not subtracted", type, bytes);
  const auto seven = wrong_of("zero-point", "7 subtracted instead of 8", type, bytes);
  // Two's complement: the top bit of each nibble turned round.
  const auto turned = changed(type, bytes, [](std::byte* block) {
    for (size_t i = 2; i < 18; ++i) block[i] ^= std::byte{0x88};
  });
  EXPECT_EQ(wrong_of("zero-point", "codes read as two's complement", type, bytes), right_of(type, turned));
  for (size_t i = 0; i < right.size(); ++i) {
    const float d = right_of(DType::f16, {bytes[i / 32 * 18], bytes[i / 32 * 18 + 1]})[0];
    EXPECT_EQ(none[i], right[i] + 8 * d);
    EXPECT_EQ(seven[i], right[i] + d);
  }
  Bytes eight(34, std::byte{0xff});
  eight[0] = std::byte{0}, eight[1] = std::byte{0x3c};
  EXPECT_EQ(wrong_of("zero-point", "codes read as unsigned bytes", DType::q8_0, eight)[9], 255);
  EXPECT_EQ(wrong_of("zero-point", "codes read as unsigned bytes minus 128", DType::q8_0, eight)[9], 127);
}

TEST(FifthBit, IsThatOfChangedBits) {
  const DType type = DType::q5_0;
  const Bytes bytes = some_blocks(type);
  const auto with_bits = [&](auto bit_of) {
    return right_of(type, changed(type, bytes, [&](std::byte* block) {
                      std::array<int, 32> bits;
                      for (size_t i = 0; i < 32; ++i) bits[i] = number(block[2 + i / 8]) >> i % 8 & 1;
                      for (size_t b = 2; b < 6; ++b) block[b] = std::byte{0};
                      for (size_t i = 0; i < 32; ++i) {
                        block[2 + i / 8] |= static_cast<std::byte>(bit_of(bits, i) << i % 8);
                      }
                    }));
  };
  using Bits = std::array<int, 32>;
  const auto wrong = [&](std::string_view detail) { return wrong_of("fifth-bit", detail, type, bytes); };
  EXPECT_EQ(wrong("element j + 16 uses the bit of element j"),
            with_bits([](const Bits& b, size_t i) { return b[i % 16]; }));
  EXPECT_EQ(wrong("element j uses bit 2j"),
            with_bits([](const Bits& b, size_t i) { return i < 16 ? b[2 * i] : b[2 * i - 31]; }));
  EXPECT_EQ(wrong("element j + 16 uses bit j + 12"),
            with_bits([](const Bits& b, size_t i) { return i < 16 ? b[i] : b[i - 4]; }));
  EXPECT_EQ(wrong("bits taken from the top down"),
            with_bits([](const Bits& b, size_t i) { return b[31 - i]; }));
  EXPECT_EQ(wrong("fifth bits left out"), with_bits([](const Bits&, size_t) { return 0; }));
  const Bytes k = some_blocks(DType::q5_k);
  const auto none =
      changed(DType::q5_k, k, [](std::byte* block) { std::fill(block + 16, block + 48, std::byte{0}); });
  EXPECT_EQ(wrong_of("fifth-bit", "fifth bits left out", DType::q5_k, k), right_of(DType::q5_k, none));
}

}  // namespace
}  // namespace kilter::analysis
