// Which value of ours somebody else's name means: a table for each family of engines.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/dump/raw_dump.h"
#include "kilter/result.h"
#include "ops/graph.h"

namespace kilter::analysis {

/// What else is known of a value by its name.
enum class Aspect : uint8_t {
  plain,
  with_bias,  ///< behind the bias, where the model has one: a module's output in PyTorch
  unscaled,   ///< scores before they are multiplied by attention's scale
  fused_qkv,  ///< q, k and v of a token side by side
  fused_gate_up,
  leftover,  ///< a step inside one of our ops, or the same numbers again: no value of ours
};

/// Elements inside a query or key head, in models whose rope turns adjacent pairs.
enum class HeadOrder : uint8_t {
  gguf,
  hugging_face,  ///< GGUF's element 2j + h stands at h * Hk/2 + j
};

/// Which axis comes first where extents do not tell.
enum class FirstAxis : uint8_t { tokens, heads };

struct NameMatch {
  At at{Point::token_embd, -1};
  Aspect aspect = Aspect::plain;
  HeadOrder order = HeadOrder::gguf;
  FirstAxis first = FirstAxis::tokens;
  std::string_view how;  ///< "llama.cpp's name"
};

/// The lines of a user's own map.
class UserNames {
 public:
  /// Lines `their name = our name`; `#` begins a comment; a `*` on both sides stands for the layer's number.
  /// Errors: not_found, io; usage, naming the line.
  static Result<UserNames> read(const std::string& path);

  std::optional<NameMatch> match(std::string_view name) const;
  /// Our name of a weight, or nothing.
  std::optional<std::string> match_weight(std::string_view name) const;

 private:
  struct Line {
    std::string theirs;
    std::string ours;
  };
  std::optional<std::string> translate(std::string_view name) const;
  std::vector<Line> lines_;
};

/// "blk.3.attn_q_rope"
std::optional<NameMatch> match_kilter(std::string_view name);
/// Of a value that llama.cpp printed, by op and sources first, which are clearer than its names; of its plain
/// names elsewhere. `graph` may be null.
std::optional<NameMatch> match_llama_cpp(const RawValue& value, const Graph* graph);
/// Modules of Hugging Face's Llama, Qwen2, Qwen3: outputs, and inputs where the name says so.
std::optional<NameMatch> match_hugging_face(std::string_view name, const Graph* graph);
/// Hook points of TransformerLens: blocks.0.attn.hook_q.
std::optional<NameMatch> match_transformer_lens(std::string_view name);
/// Meta's names, which candle, mistral.rs and others keep: layers.0.attention.wq.
std::optional<NameMatch> match_dotted_path(std::string_view name);
/// Variables of llama2.c (x, xb, q, hb ...) with a layer's number: its buffers are used again, so most names
/// may be several values. In the order of computation; empty for other names. `graph` may be null.
std::vector<At> llama2_c_candidates(std::string_view name, const Graph* graph);

/// All but the last, in this order, after the user's map (which may be null).
std::optional<NameMatch> match_name(const RawValue& value, const Graph* graph, const UserNames* user);

/// A weight, by GGUF's name or Hugging Face's.
struct WeightMatch {
  std::string tensor;  ///< GGUF's
  HeadOrder order = HeadOrder::gguf;
};
std::optional<WeightMatch> match_weight(std::string_view name, const UserNames* user);

/// A name cut at its layer: "model.layers.3.mlp.up_proj" is {"model", 3, "mlp.up_proj"}. Blocks are called
/// layers, layer, blk, blocks, block, h, l; the number follows a separator (. _ / - [) or directly.
struct LayerName {
  std::string prefix;
  int il = -1;
  std::string rest;
};
std::optional<LayerName> split_layer(std::string_view name);
/// The point of that name, without its layer: "attn_q".
std::optional<Point> point_from_name(std::string_view name);

}  // namespace kilter::analysis
