#include "cli/verify/decode_check.h"

#include <bit>
#include <cmath>
#include <vector>

#include "cli/inspect/block_walk.h"
#include "engine/backend_choice.h"
#include "quant/codec.h"

namespace kilter::cli {
namespace {

bool same_number(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

// A piece as a table of one row, which the reference backend's embed() decodes.
Result<std::vector<float>> decoded_by_oracle(const BlockPiece& piece, size_t values) {
  KILTER_ASSIGN(const std::unique_ptr<Ops> oracle, make_backend({.backend = "reference", .threads = 1}));
  const Weight table{.name = piece.tensor->name,
                     .type = piece.tensor->type,
                     .rows = 1,
                     .cols = static_cast<int64_t>(values),
                     .bytes = piece.bytes};
  std::vector<float> row(values);
  Tensor y{row.data(), {1, static_cast<int64_t>(values)}};
  const int32_t only = 0;
  oracle->embed(at(Point::token_embd), {&only, 1}, table, y);
  return row;
}

Status check_piece(const BlockPiece& piece, DecodeCheck& found) {
  const DTypeInfo& info = dtype_info(piece.tensor->type);
  found.blocks = piece.bytes.size() / info.block_bytes;
  found.values = found.blocks * info.block_values;
  std::vector<float> decoded(found.values);
  KILTER_TRY(quant::decode(piece.tensor->type, piece.bytes, decoded));
  KILTER_ASSIGN(const std::vector<float> oracle, decoded_by_oracle(piece, decoded.size()));
  for (size_t i = 0; i < decoded.size(); ++i) {
    if (same_number(decoded[i], oracle[i])) continue;
    ++found.differing;
    if (found.first) continue;
    found.first = DecodedTwice{.tensor = piece.tensor->name,
                               .block = piece.first_block + i / info.block_values,
                               .element = i % info.block_values,
                               .decoded = decoded[i],
                               .oracle = oracle[i]};
  }
  return {};
}

}  // namespace

Result<DecodeCheck> check_decoding(const gguf::File& file) {
  const std::vector<BlockPiece> pieces = pieces_of(file.tensors());
  std::vector<DecodeCheck> found(pieces.size());
  KILTER_TRY(
      walk_blocks(pieces, "decoding twice", [&](size_t i) { return check_piece(pieces[i], found[i]); }));
  DecodeCheck all{.tensors = file.tensors().size(), .first = {}};
  for (DecodeCheck& piece : found) {
    all.blocks += piece.blocks;
    all.values += piece.values;
    all.differing += piece.differing;
    if (!all.first) all.first = std::move(piece.first);
  }
  return all;
}

}  // namespace kilter::cli
