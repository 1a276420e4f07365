// Which format each tensor of a model gets, for every name that people call a quantised file by.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "kilter/result.h"
#include "tensor/dtype.h"

namespace kilter {

/// What a matrix does in the model.
enum class Role { token_embd, output, attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down };

/// A kind of file: "q4_k_m", "f16".
struct FileType {
  std::string_view name;
  uint32_t number;  ///< general.file_type
  DType base;       ///< of the tensors that no rule names
};

/// Every file type that can be asked for.
std::span<const FileType> all_file_types();

/// The file type called `name`, in any letter case.
/// Errors: usage, with the list of names.
Result<const FileType*> find_file_type(std::string_view name);

/// Where a matrix stands.
struct MatrixPlace {
  Role role;
  int64_t layer = 0;  ///< 0 outside the layers
  int64_t n_layer = 1;
  int64_t heads_per_kv = 1;
  int64_t n_cols = 0;  ///< length of a row
};

/// `mixed`: as llama.cpp's quantiser without an importance matrix; `pure`: the base type everywhere.
enum class Mixture { mixed, pure };

/// The format of one matrix. A row that is not whole blocks falls back to a
/// format of smaller blocks, or to F16.
///
/// Source: llama.cpp, src/llama-quant.cpp (llama_tensor_get_type, tensor_type_fallback), without its
/// exceptions for mixtures of experts and for models of 80 layers. There MXFP4 is for experts only and NVFP4
/// for no file; here both are in every matrix but the token embedding and the output, which are Q8_0. Q1_0
/// and NVFP4, for which it has no fallback, fall back to Q4_0 and MXFP4.
DType matrix_type(const FileType& file_type, Mixture mixture, const MatrixPlace& place);

}  // namespace kilter
