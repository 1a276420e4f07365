#include "model/random/metadata.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace kilter {
namespace {

// Adds keys with one prefix.
class KeyWriter {
 public:
  KeyWriter(gguf::Metadata& metadata, std::string prefix) : metadata_(metadata), prefix_(std::move(prefix)) {}

  void add(std::string_view key, gguf::Value value) {
    metadata_.entries.push_back({prefix_ + std::string(key), std::move(value)});
  }
  void add_count(std::string_view key, int64_t n) { add(key, static_cast<uint32_t>(n)); }
  void add_number(std::string_view key, double x) { add(key, static_cast<float>(x)); }

 private:
  gguf::Metadata& metadata_;
  std::string prefix_;
};

void add_rope_scaling(const ModelShape& s, KeyWriter& keys) {
  if (s.rope_scaling == "none") return;
  const int64_t unscaled =
      std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(s.n_ctx) / s.rope_factor));
  keys.add("rope.scaling.type", s.rope_scaling);
  keys.add_number("rope.scaling.factor", s.rope_factor);
  keys.add_count("rope.scaling.original_context_length", s.rope_orig_ctx != 0 ? s.rope_orig_ctx : unscaled);
}

}  // namespace

void add_general_keys(const std::string& name, const std::string& description, uint32_t file_type,
                      const ModelShape& shape, gguf::Metadata& metadata) {
  KeyWriter keys(metadata, "general.");
  keys.add("architecture", shape.arch);
  keys.add("type", "model");
  keys.add("name", name);
  keys.add("description", description);
  keys.add("file_type", file_type);
  keys.add("quantization_version", uint32_t{2});
}

void add_shape_keys(const ModelShape& s, gguf::Metadata& metadata) {
  KeyWriter keys(metadata, s.arch + ".");
  keys.add_count("block_count", s.n_layer);
  keys.add_count("context_length", s.n_ctx);
  keys.add_count("embedding_length", s.n_embd);
  keys.add_count("feed_forward_length", s.n_ff);
  keys.add_count("attention.head_count", s.n_head);
  keys.add_count("attention.head_count_kv", s.n_head_kv);
  if (s.key_length != 0) keys.add_count("attention.key_length", s.key_length);
  if (s.value_length != 0) keys.add_count("attention.value_length", s.value_length);
  keys.add_number("attention.layer_norm_rms_epsilon", s.rms_eps);
  keys.add_count("rope.dimension_count", s.head_width_k());
  keys.add_number("rope.freq_base", s.rope_base);
  add_rope_scaling(s, keys);
  keys.add_count("vocab_size", s.n_vocab);
}

}  // namespace kilter
