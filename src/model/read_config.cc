#include <cmath>
#include <string>

#include "base/utf8.h"
#include "model/config.h"

namespace kilter {
namespace {

// More than any model has, and small enough that products of three of them fit 64 bits.
constexpr int64_t kLargest = int64_t{1} << 20;
constexpr int64_t kLargestLayerCount = 4096;
constexpr int64_t kLargestContext = int64_t{1} << 30;

constexpr std::string_view kCure = "the metadata is wrong; convert the model again";

std::string known_architectures() {
  std::string list;
  for (const Architecture* a : all_architectures()) {
    if (!list.empty()) list += ", ";
    list += std::string(a->name) + " (" + std::string(a->covers) + ")";
  }
  return list;
}

// Reads the keys of one architecture.
class Keys {
 public:
  Keys(const gguf::Metadata& metadata, std::string_view architecture)
      : metadata_(metadata), prefix_(std::string(architecture) + ".") {}

  std::string full(std::string_view key) const { return prefix_ + std::string(key); }
  std::string subject(std::string_view key) const { return "key '" + full(key) + "'"; }
  bool has(std::string_view key) const { return metadata_.find(full(key)) != nullptr; }

  // A count in [1, largest].
  Result<int64_t> count(std::string_view key, int64_t largest) const {
    KILTER_ASSIGN(const uint64_t value, metadata_.get_uint(full(key)));
    if (value < 1 || value > static_cast<uint64_t>(largest))
      return bad_count(key, std::to_string(value), largest);
    return static_cast<int64_t>(value);
  }
  Result<int64_t> count_or(std::string_view key, int64_t largest, int64_t fallback) const {
    return has(key) ? count(key, largest) : Result<int64_t>(fallback);
  }

  // A finite number above 0.
  Result<double> positive(std::string_view key) const {
    KILTER_ASSIGN(const double value, metadata_.get_float(full(key)));
    if (std::isfinite(value) && value > 0) return value;
    return bad_number(key, value, "above 0");
  }
  Result<double> positive_or(std::string_view key, double fallback) const {
    return has(key) ? positive(key) : Result<double>(fallback);
  }
  Result<double> finite_or(std::string_view key, double fallback) const {
    KILTER_ASSIGN(const double value, metadata_.get_float_or(full(key), fallback));
    if (std::isfinite(value)) return value;
    return bad_number(key, value, "of either sign");
  }
  // A finite number, 0 or above.
  Result<double> not_negative_or(std::string_view key, double fallback) const {
    KILTER_ASSIGN(const double value, metadata_.get_float_or(full(key), fallback));
    if (std::isfinite(value) && value >= 0) return value;
    return bad_number(key, value, "0 or above");
  }

  Result<std::string> word_or(std::string_view key, std::string fallback) const {
    return metadata_.get_string_or(full(key), std::move(fallback));
  }

  // One number for all layers, or an array with one for each.
  Result<std::vector<int64_t>> per_layer(std::string_view key, int64_t n_layer) const {
    const gguf::Value* value = metadata_.find(full(key));
    if (value == nullptr || !std::holds_alternative<gguf::Array>(*value)) {
      KILTER_ASSIGN(const int64_t same, count(key, kLargest));
      return std::vector<int64_t>(static_cast<size_t>(n_layer), same);
    }
    KILTER_ASSIGN(std::vector<int64_t> each, metadata_.get_ints(full(key)));
    if (each.size() < static_cast<size_t>(n_layer)) {
      return Error{
          ErrorCode::corrupt, subject(key),
          "has " + std::to_string(each.size()) + " entries for " + std::to_string(n_layer) + " layers",
          std::string(kCure)};
    }
    each.resize(static_cast<size_t>(n_layer));
    for (const int64_t n : each) {
      if (n < 1 || n > kLargest) return bad_count(key, std::to_string(n), kLargest);
    }
    return each;
  }

 private:
  Error bad_count(std::string_view key, const std::string& value, int64_t largest) const {
    return Error{ErrorCode::corrupt, subject(key),
                 "is " + value + ", and must be from 1 to " + std::to_string(largest), std::string(kCure)};
  }
  Error bad_number(std::string_view key, double value, std::string_view range) const {
    return Error{ErrorCode::corrupt, subject(key),
                 "is " + std::to_string(value) + ", and must be a finite number " + std::string(range),
                 std::string(kCure)};
  }

  const gguf::Metadata& metadata_;
  std::string prefix_;
};

Result<const Architecture*> read_architecture(const gguf::Metadata& metadata) {
  KILTER_ASSIGN(const std::string name, metadata.get_string("general.architecture"));
  if (const Architecture* found = find_architecture(name)) return found;
  return Error{ErrorCode::unsupported, "key 'general.architecture'",
               quoted(name) + " does not run here; these do: " + known_architectures(),
               "`kilter inspect` still reads this file"};
}

Status read_layers(const Keys& keys, Config& c) {
  KILTER_ASSIGN(const std::vector<int64_t> n_head, keys.per_layer("attention.head_count", c.n_layer));
  std::vector<int64_t> n_head_kv = n_head;
  if (keys.has("attention.head_count_kv")) {
    KILTER_ASSIGN(n_head_kv, keys.per_layer("attention.head_count_kv", c.n_layer));
  }
  KILTER_ASSIGN(const std::vector<int64_t> n_ff, keys.per_layer("feed_forward_length", c.n_layer));
  for (size_t il = 0; il < n_head.size(); ++il) {
    if (n_head[il] % n_head_kv[il] != 0) {
      return Error{ErrorCode::corrupt, keys.subject("attention.head_count"),
                   "layer " + std::to_string(il) + " has " + std::to_string(n_head[il]) +
                       " query heads, which " + std::to_string(n_head_kv[il]) +
                       " key and value heads cannot share evenly",
                   "check attention.head_count_kv"};
    }
    c.layers.push_back({n_head[il], n_head_kv[il], n_ff[il]});
  }
  return {};
}

Status read_head_widths(const Keys& keys, Config& c) {
  const int64_t n_head = c.layers[0].n_head;
  const bool stated = keys.has("attention.key_length") && keys.has("attention.value_length");
  if (!stated && c.n_embd % n_head != 0) {
    return Error{ErrorCode::corrupt, keys.subject("embedding_length"),
                 std::to_string(c.n_embd) + " is not a multiple of attention.head_count " +
                     std::to_string(n_head) + ", and attention.key_length or value_length is not given",
                 std::string(kCure)};
  }
  KILTER_ASSIGN(c.n_embd_head_k, keys.count_or("attention.key_length", kLargest, c.n_embd / n_head));
  KILTER_ASSIGN(c.n_embd_head_v, keys.count_or("attention.value_length", kLargest, c.n_embd / n_head));
  KILTER_ASSIGN(c.attention_scale, keys.not_negative_or("attention.scale", 0.0));
  if (c.attention_scale == 0) {  // not stated; llama.cpp's saver writes the 0
    c.attention_scale = 1 / std::sqrt(static_cast<double>(c.n_embd_head_k));
  }
  return {};
}

// llama.cpp's saver writes a yarn_ext_factor below 0 for "not stated", and beside it a yarn_attn_factor of 1
// that its own pass does not look at.
Status read_yarn_strength(const Keys& keys, RopeConfig& rope) {
  KILTER_ASSIGN(const double ext_factor,
                keys.finite_or("rope.scaling.yarn_ext_factor", rope.yarn_ext_factor));
  if (ext_factor < 0) return {};
  rope.yarn_ext_factor = ext_factor;
  KILTER_ASSIGN(rope.yarn_attn_factor, keys.not_negative_or("rope.scaling.yarn_attn_factor", 0.0));
  return {};
}

Status read_rope_scaling(const Keys& keys, Config& c) {
  // Files from before rope.scaling.type say rope.scale_linear; without any of the keys nothing is scaled.
  KILTER_ASSIGN(const double old_factor, keys.not_negative_or("rope.scale_linear", 1.0));
  KILTER_ASSIGN(c.rope.factor, keys.not_negative_or("rope.scaling.factor", old_factor));
  if (c.rope.factor == 0) c.rope.factor = 1.0;  // some converters write 0 for "not scaled"
  KILTER_ASSIGN(const std::string type,
                keys.word_or("rope.scaling.type", c.rope.factor == 1.0 ? "none" : "linear"));
  if (type == "none") {
    c.rope.scaling = RopeScaling::none;
  } else if (type == "linear") {
    c.rope.scaling = RopeScaling::linear;
  } else if (type == "yarn") {
    c.rope.scaling = RopeScaling::yarn;
  } else {
    return Error{ErrorCode::unsupported, keys.subject("rope.scaling.type"),
                 quoted(type) + " is not among those that run here: none, linear, yarn", ""};
  }
  KILTER_ASSIGN(c.rope.original_context_length,
                keys.count_or("rope.scaling.original_context_length", kLargestContext, c.n_ctx_train));
  KILTER_ASSIGN(c.rope.attn_factor, keys.positive_or("rope.scaling.attn_factor", 1.0));
  KILTER_ASSIGN(c.rope.yarn_beta_fast, keys.positive_or("rope.scaling.yarn_beta_fast", 32.0));
  KILTER_ASSIGN(c.rope.yarn_beta_slow, keys.positive_or("rope.scaling.yarn_beta_slow", 1.0));
  return read_yarn_strength(keys, c.rope);
}

Status read_rope(const Keys& keys, Config& c) {
  KILTER_ASSIGN(c.rope.dimension_count, keys.count_or("rope.dimension_count", kLargest, c.n_embd_head_k));
  if (c.rope.dimension_count % 2 != 0 || c.rope.dimension_count > c.n_embd_head_k) {
    return Error{ErrorCode::corrupt, keys.subject("rope.dimension_count"),
                 "is " + std::to_string(c.rope.dimension_count) +
                     ", and must be even and at most the head width " + std::to_string(c.n_embd_head_k),
                 "check attention.key_length"};
  }
  KILTER_ASSIGN(c.rope.freq_base, keys.positive_or("rope.freq_base", 10000.0));
  return read_rope_scaling(keys, c);
}

}  // namespace

Result<Config> read_config(const gguf::Metadata& metadata) {
  Config c;
  KILTER_ASSIGN(c.architecture, read_architecture(metadata));
  const Keys keys(metadata, c.architecture->name);
  KILTER_ASSIGN(const uint64_t n_expert, metadata.get_uint_or(keys.full("expert_count"), 0));
  if (n_expert != 0) {
    return Error{
        ErrorCode::unsupported, keys.subject("expert_count"),
        "this is a mixture of " + std::to_string(n_expert) + " experts, and only dense models run here", ""};
  }
  KILTER_ASSIGN(c.name, metadata.get_string_or("general.name", ""));
  KILTER_ASSIGN(c.n_layer, keys.count("block_count", kLargestLayerCount));
  KILTER_ASSIGN(c.n_embd, keys.count("embedding_length", kLargest));
  KILTER_ASSIGN(c.n_ctx_train, keys.count("context_length", kLargestContext));
  KILTER_ASSIGN(c.rms_eps, keys.positive("attention.layer_norm_rms_epsilon"));
  KILTER_TRY(read_layers(keys, c));
  KILTER_TRY(read_head_widths(keys, c));
  KILTER_TRY(read_rope(keys, c));
  return c;
}

}  // namespace kilter
