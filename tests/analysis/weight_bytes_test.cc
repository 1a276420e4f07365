// Wrong places, sizes, types and 16-bit floats.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "weight_bugs_support.h"

namespace kilter::analysis {
namespace {

using Bytes = std::vector<std::byte>;

std::span<const float> row_of(const std::vector<float>& values, int64_t row, int64_t cols) {
  return std::span(values).subspan(static_cast<size_t>(row * cols), static_cast<size_t>(cols));
}

// The right decoding of bytes cut out of the file's data.
std::vector<float> decoded(DType type, std::span<const std::byte> bytes) {
  const DTypeInfo& info = dtype_info(type);
  std::vector<float> values(bytes.size() / info.block_bytes * info.block_values);
  EXPECT_TRUE(quant::decode(type, bytes, values).ok());
  return values;
}

TEST(BlockSize, Block0IsRightAndTheOthersAreShifted) {
  const TestModel model({.matrices = DType::q4_k, .output = DType::q6_k});
  const Weight& w = model.at("blk.3.ffn_up.weight");
  const auto right = right_values(w);
  const auto wrong = wrong_values("block-size", "blocks of 148 bytes instead of 144", w, *model);
  EXPECT_TRUE(std::equal(right.begin(), right.begin() + 256, wrong.begin()));
  for (const size_t block : {size_t{1}, size_t{2}, size_t{511}}) {
    const auto expected = decoded(DType::q4_k, std::span(w.bytes.data() + block * 148, 144));
    EXPECT_TRUE(same_numbers(std::span(wrong).subspan(block * 256, 256), expected));
  }
  EXPECT_EQ(weight_bug("block-size").readings(w, *model)[0].detail, "blocks of 148 bytes instead of 144");
}

TEST(BlockSize, BeyondTheFileIsAnError) {
  const TestModel model;
  const Weight& w = model.at("output.weight");  // the last one
  for (const Reading& reading : weight_bug("block-size").readings(w, *model)) {
    std::vector<float> row(static_cast<size_t>(w.cols));
    const bool smaller = reading.detail < "blocks of 210";
    EXPECT_EQ(reading.decode_row(w, w.rows - 1, row).ok(), smaller) << reading.detail;
  }
}

TEST(BlockHeader, TheMinimumsNibblesAreTheFirstCodes) {
  // d 1, m 0x3210 as bits; codes 15. Read two bytes early, the first codes are the nibbles of m.
  Bytes block(20, std::byte{0xff});
  block[0] = std::byte{0}, block[1] = std::byte{0x3c}, block[2] = std::byte{0x10}, block[3] = std::byte{0x32};
  const LoneWeight w(DType::q4_1, block);
  const auto wrong =
      wrong_values("block-header", "block header of 4 bytes read as 2, without", *w, w.model());
  EXPECT_EQ(wrong[0], 0);
  EXPECT_EQ(wrong[1], 2);
  EXPECT_EQ(wrong[2], 15);
  EXPECT_EQ(wrong[16], 1);
  EXPECT_EQ(wrong[17], 3);
}

TEST(WrongType, IsTheOtherTypesDecoder) {
  const TestModel model({.matrices = DType::q4_0, .output = DType::q6_k});
  const Weight& w = model.at("blk.2.attn_k.weight");
  const auto as_iq4 = wrong_values("wrong-type", "Q4_0 read as IQ4_NL", w, *model);
  EXPECT_PRED2(same_numbers, as_iq4, decoded(DType::iq4_nl, w.bytes));
  const auto mixed = wrong_values("mixed-types", "every matrix read as Q6_K", w, *model);
  const auto size = static_cast<size_t>(w.rows * w.cols / 256 * 210);
  EXPECT_PRED2(same_numbers, mixed, decoded(DType::q6_k, std::span(w.bytes.data(), size)));
  const auto norm = wrong_values("wrong-type", "F32 read as F16", model.at("blk.2.attn_norm.weight"), *model);
  EXPECT_PRED2(same_numbers, norm, decoded(DType::f16, model.at("blk.2.attn_norm.weight").bytes.first(512)));
}

TEST(HalfFloats, Subnormals) {
  // Q8_0: d is the subnormal 0x0003, that is 3 * 2^-24; codes 2.
  Bytes block(34, std::byte{2});
  block[0] = std::byte{3}, block[1] = std::byte{0};
  const LoneWeight w(DType::q8_0, block);
  const auto first = [&](std::string_view detail) {
    return wrong_values("f16-subnormals", detail, *w, w.model())[0];
  };
  EXPECT_EQ(first("f16 subnormals flushed"), 0);
  EXPECT_EQ(first("f16 subnormals at half"), 3 * 0x1p-24F);
  EXPECT_EQ(first("f16 subnormals at double"), 12 * 0x1p-24F);
  EXPECT_EQ(first("f16 subnormals with the implicit one"), std::ldexp(1027.0F, -24));
  // A tensor of f16: 0x8001 and 1.
  const LoneWeight plain(DType::f16, {std::byte{1}, std::byte{0x80}, std::byte{0}, std::byte{0x3c}});
  const auto flushed = wrong_values("f16-subnormals", "f16 subnormals flushed", *plain, plain.model());
  EXPECT_EQ(flushed[0], 0);
  EXPECT_EQ(flushed[1], 1);
}

TEST(HalfFloats, OtherFormats) {
  // 0x3c00 is 1 as f16 and 2^-7 as bf16; 0x003c is 60 * 2^-24. K scales: sc 2, all nibbles 1.
  const LoneWeight plain(DType::f16, {std::byte{0}, std::byte{0x3c}});
  EXPECT_EQ(wrong_values("half-format", "f16 read as bf16", *plain, plain.model())[0], 0x1p-7F);
  EXPECT_EQ(wrong_values("half-format", "the two bytes", *plain, plain.model())[0], 60 * 0x1p-24F);
  const LoneWeight brain(DType::bf16, {std::byte{0x80}, std::byte{0x3f}});
  EXPECT_EQ(wrong_values("half-format", "bf16 read as f16", *brain, brain.model())[0], 1.875F);
  Bytes block = {std::byte{0}, std::byte{0x3c}, std::byte{0}, std::byte{0}};
  block.resize(8, std::byte{2});
  block.resize(16, std::byte{0});
  block.resize(144, std::byte{0x11});
  const LoneWeight k(DType::q4_k, block);
  EXPECT_EQ(wrong_values("half-format", "f16 read as bf16", *k, k.model())[0], 2 * 0x1p-7F);
}

TEST(Unfinished, ZerosAreWhereTheLoopEnded) {
  const TestModel model({.matrices = DType::q6_k, .output = DType::q6_k});
  const Weight& w = model.at("blk.0.ffn_down.weight");
  const auto right = right_values(w);
  const auto quarter = wrong_values("partial-block", "only the first 32 of each 128", w, *model);
  const auto block = wrong_values("partial-block", "only the first block of the tensor", w, *model);
  const auto row = wrong_values("partial-block", "only the first block of each row", w, *model);
  const auto low = wrong_values("partial-block", "only the elements of the low nibbles", w, *model);
  for (size_t i = 0; i < right.size(); ++i) {
    EXPECT_EQ(quarter[i], i % 128 < 32 ? right[i] : 0);
    EXPECT_EQ(block[i], i < 256 ? right[i] : 0);
    EXPECT_EQ(row[i], i % 512 < 256 ? right[i] : 0);
    EXPECT_EQ(low[i], i % 128 < 64 ? right[i] : 0);
  }
  const Weight& head = model.at("output.weight");  // 200 rows
  const auto tail = wrong_values("dropped-tail", "rows beyond the last multiple of 64", head, *model);
  const auto all = right_values(head);
  EXPECT_EQ(tail[191 * 256], all[191 * 256]);
  EXPECT_EQ(tail[192 * 256], 0);
}

TEST(Offsets, ReadTheFileElsewhere) {
  const TestModel model;
  const Weight& w = model.at("blk.1.attn_k.weight");
  const std::byte* data = (*model).file_data.data();
  const size_t size = w.bytes.size();
  EXPECT_PRED2(same_numbers, wrong_values("first-tensor-bytes", "", w, *model),
               decoded(w.type, std::span(data, size)));
  // The header lies in front of the data, 4000 bytes long, of which 3950 are used.
  EXPECT_PRED2(same_numbers, wrong_values("tensor-offset", "offset counted from the start", w, *model),
               decoded(w.type, std::span(w.bytes.data() - 4000, size)));
  EXPECT_PRED2(same_numbers,
               wrong_values("tensor-offset", "start of the data section added twice", w, *model),
               decoded(w.type, std::span(w.bytes.data() + 4000, size)));
  EXPECT_PRED2(same_numbers, wrong_values("data-alignment", "data taken to begin right behind", w, *model),
               decoded(w.type, std::span(w.bytes.data() - 50, size)));
  EXPECT_PRED2(same_numbers,
               wrong_values("data-alignment", "data taken to begin at a multiple of 32", w, *model),
               decoded(w.type, std::span(w.bytes.data() - 32, size)));
  EXPECT_PRED2(same_numbers,
               wrong_values("data-alignment", "data taken to begin at a multiple of 16", w, *model),
               decoded(w.type, std::span(w.bytes.data() - 48, size)));
}

TEST(WrongTensor, IsAnotherOfTheSameShape) {
  const TestModel model;
  const auto is = [&](std::string_view name, std::string_view detail, std::string_view other) {
    EXPECT_EQ(wrong_values("wrong-tensor", detail, model.at(name), *model), right_values(model.at(other)))
        << detail;
  };
  is("blk.11.attn_q.weight", "blk.1 found for blk.10", "blk.1.attn_q.weight");
  is("blk.2.attn_q.weight", "layers in the order of their names as text", "blk.10.attn_q.weight");
  is("blk.4.attn_q.weight", "layers in the order of their names as text", "blk.2.attn_q.weight");
  is("blk.4.attn_q.weight", "the tensor of layer 0", "blk.0.attn_q.weight");
  is("blk.4.attn_q.weight", "the tensor of the last layer", "blk.11.attn_q.weight");
  is("blk.4.attn_q.weight", "the tensor of the layer before", "blk.3.attn_q.weight");
  is("blk.4.attn_norm.weight", "attn_norm.weight and ffn_norm.weight exchanged", "blk.4.ffn_norm.weight");
  is("blk.4.ffn_down.weight", "blk.9.ffn_down.weight read for", "blk.9.ffn_down.weight");
  is("output_norm.weight", "attn_norm of layer 0", "blk.0.attn_norm.weight");
  EXPECT_EQ(wrong_values("tied-head", "token_embd.weight used", model.at("output.weight"), *model),
            right_values(model.at("token_embd.weight")));
  const auto zeros = wrong_values("weight-not-loaded", "", model.at("blk.0.ffn_up.weight"), *model);
  EXPECT_TRUE(std::all_of(zeros.begin(), zeros.end(), [](float v) { return v == 0; }));
}

TEST(Vectors, NormWeightsAndBiases) {
  const std::vector<float> numbers = {0.5F, -2, 3};
  Bytes bytes(12);
  std::memcpy(bytes.data(), numbers.data(), 12);
  const LoneWeight lone(DType::f32, bytes);
  Weight w = *lone;
  using Values = std::vector<float>;
  w.name = "blk.0.attn_norm.weight";
  EXPECT_EQ(wrong_values("norm-weight-plus-one", "1 added", w, lone.model()), (Values{1.5F, -1, 4}));
  EXPECT_EQ(wrong_values("norm-weight-plus-one", "1 subtracted", w, lone.model()), (Values{-0.5F, -3, 2}));
  EXPECT_EQ(wrong_values("norm-weight-applied", "twice", w, lone.model()), (Values{0.25F, 4, 9}));
  EXPECT_EQ(wrong_values("norm-weight-applied", "never", w, lone.model()), (Values{1, 1, 1}));
  EXPECT_TRUE(weight_bug("bias-left-out").readings(w, lone.model()).empty());
  w.name = "blk.0.attn_q.bias";
  EXPECT_EQ(wrong_values("bias-left-out", "", w, lone.model()), (Values{0, 0, 0}));
  EXPECT_TRUE(weight_bug("norm-weight-applied").readings(w, lone.model()).empty());
}

TEST(RowOrder, HeadsOfQAndK) {
  const TestModel model;  // heads of 32
  const Weight& q = model.at("blk.0.attn_q.weight");
  const auto right = right_values(q);
  const auto back = wrong_values("qk-permutation", "rows of q and k brought back", q, *model);
  const auto once_more = wrong_values("qk-permutation", "rows of q and k permuted once more", q, *model);
  for (const int64_t head : {0, 5}) {
    for (int64_t j = 0; j < 16; ++j) {
      for (int64_t h = 0; h < 2; ++h) {
        const int64_t gguf = head * 32 + 2 * j + h;  // GGUF's row 2j + h is Hugging Face's row 16 h + j
        const int64_t theirs = head * 32 + 16 * h + j;
        EXPECT_EQ(back[static_cast<size_t>(theirs * q.cols)], right[static_cast<size_t>(gguf * q.cols)]);
        EXPECT_EQ(once_more[static_cast<size_t>(gguf * q.cols)], right[static_cast<size_t>(theirs * q.cols)]);
      }
    }
  }
  // k has 64 rows; with 8 heads they are 8 wide: row 2 of a head is row 1, row 1 is row 4 of Hugging Face's.
  const Weight& k = model.at("blk.0.attn_k.weight");
  const auto k_right = right_values(k);
  const auto k_wrong =
      wrong_values("qk-permutation", "rows permuted once more with n_head heads for k", k, *model);
  EXPECT_EQ(k_wrong[static_cast<size_t>(k.cols)], k_right[static_cast<size_t>(4 * k.cols)]);
  EXPECT_EQ(k_wrong[static_cast<size_t>(10 * k.cols)], k_right[static_cast<size_t>(9 * k.cols)]);
}

TEST(RowOrder, FusedMatrices) {
  const TestModel model;  // q 256 rows, k and v 64
  const Weight& q = model.at("blk.0.attn_q.weight");
  const Weight& k = model.at("blk.0.attn_k.weight");
  const Weight& v = model.at("blk.0.attn_v.weight");
  const auto q_right = right_values(q), k_right = right_values(k), v_right = right_values(v);
  const int64_t cols = q.cols;
  const auto expect_row = [&](const std::vector<float>& wrong, int64_t row, const std::vector<float>& right,
                              int64_t from) {
    const auto a = row_of(wrong, row, cols), b = row_of(right, from, cols);
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin()));
  };
  const auto thirds = wrong_values("fused-split", "fused q, k, v cut into thirds", k, *model);
  expect_row(thirds, 0, q_right, 128);  // 384 / 3
  const auto kqv = wrong_values("fused-split", "fused q, k, v cut as k, q, v", k, *model);
  expect_row(kqv, 3, q_right, 3);
  const auto q_of_kqv = wrong_values("fused-split", "fused q, k, v cut as k, q, v", q, *model);
  expect_row(q_of_kqv, 0, q_right, 64);
  expect_row(q_of_kqv, 200, k_right, 8);
  const auto qvk = wrong_values("fused-split", "fused q, k, v cut as q, v, k", k, *model);
  expect_row(qvk, 9, v_right, 9);
  // Two groups of four query heads, a key, a value: query head 4 is the seventh head of 32, key 0 the fifth.
  const auto groups = wrong_values("fused-split", "fused q, k, v cut as groups", q, *model);
  expect_row(groups, 4 * 32, q_right, 6 * 32);
  expect_row(wrong_values("fused-split", "fused q, k, v cut as groups", k, *model), 0, q_right, 4 * 32);
  const Weight& gate = model.at("blk.0.ffn_gate.weight");
  const Weight& up = model.at("blk.0.ffn_up.weight");
  EXPECT_EQ(wrong_values("fused-split", "gate and up exchanged", gate, *model), right_values(up));
  EXPECT_EQ(wrong_values("fused-split", "gate and up exchanged", up, *model), right_values(gate));
  expect_row(wrong_values("fused-split", "fused gate and up cut as alternating", up, *model), 1,
             right_values(gate), 3);
}

// A matrix of two rows: 1 2 3, 4 5 6.
class SmallMatrix {
 public:
  explicit SmallMatrix(int64_t rows, std::string name = "blk.0.attn_k.weight") {
    for (size_t i = 0; i < 6; ++i) numbers_[i] = static_cast<float>(i + 1);
    weight_ = {.name = std::move(name),
               .type = DType::f32,
               .rows = rows,
               .cols = 6 / rows,
               .bytes = std::as_bytes(std::span(numbers_))};
    graph_ = std::make_unique<Graph>(std::vector<Node>{{.at = {Point::attn_k, 0},
                                                        .op = "matmul",
                                                        .inputs = {},
                                                        .weight = &weight_,
                                                        .rope = nullptr,
                                                        .number = 0,
                                                        .row = {rows}}});
    model_.graph = graph_.get();
    model_.weight = [](std::string_view) { return nullptr; };
  }

  std::vector<float> wrong(std::string_view id, std::string_view detail) const {
    return wrong_values(id, detail, weight_, model_);
  }

 private:
  std::array<float, 6> numbers_;
  Weight weight_;
  std::unique_ptr<Graph> graph_;
  ReplayModel model_;
};

TEST(Layout, ByHand) {
  using Values = std::vector<float>;
  const SmallMatrix wide(2);
  EXPECT_EQ(wide.wrong("weight-layout", "[n_out][n_in] used as [n_in][n_out]"), (Values{1, 3, 5, 2, 4, 6}));
  EXPECT_EQ(wide.wrong("weight-layout", "transposed in memory"), (Values{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(wide.wrong("gemm-dims", "rows n_out numbers apart"), (Values{1, 2, 3, 3, 4, 5}));
  EXPECT_EQ(wide.wrong("gemm-dims", "n_out products summed instead of n_in"), (Values{1, 2, 0, 4, 5, 0}));
  EXPECT_EQ(wide.wrong("gemm-dims", "n_out products summed instead of n_in, rows"),
            (Values{1, 2, 0, 3, 4, 0}));
  const SmallMatrix tall(3);  // 1 2, 3 4, 5 6
  EXPECT_EQ(tall.wrong("weight-layout", "[n_out][n_in] used as [n_in][n_out]"), (Values{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(tall.wrong("gemm-dims", "transposed, columns n_in numbers apart"), (Values{1, 3, 2, 4, 3, 5}));
  EXPECT_EQ(tall.wrong("gemm-dims", "n_in rows computed"), (Values{1, 2, 3, 4, 0, 0}));
  const SmallMatrix table(3, "token_embd.weight");
  EXPECT_EQ(table.wrong("embedding-column", "element i of token t"), (Values{1, 4, 2, 5, 3, 6}));
}

TEST(Layout, RowsOfNeighbours) {
  const TestModel model;
  const Weight& table = model.at("token_embd.weight");
  const auto right = right_values(table);
  std::vector<float> row(static_cast<size_t>(table.cols));
  const auto readings = weight_bug("embedding-row").readings(table, *model);
  ASSERT_EQ(readings.size(), 2U);
  ASSERT_TRUE(readings[0].decode_row(table, 7, row).ok());
  EXPECT_TRUE(std::equal(row.begin(), row.end(), right.begin() + 8 * table.cols));
  ASSERT_TRUE(readings[1].decode_row(table, 7, row).ok());
  EXPECT_TRUE(std::equal(row.begin(), row.end(), right.begin() + 6 * table.cols));
  EXPECT_FALSE(readings[0].decode_row(table, table.rows - 1, row).ok());
  EXPECT_FALSE(readings[1].decode_row(table, 0, row).ok());
}

}  // namespace
}  // namespace kilter::analysis
