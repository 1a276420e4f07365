#include "model.h"

#include <stdio.h>
#include <string.h>

#include "blocks.h"

static const gguf_tensor* weight(const gguf_file* file, const char* name, int64_t in, int64_t out) {
  const gguf_tensor* tensor = gguf_find(file, name);
  if (!tensor) die("the file has no %s", name);
  if (tensor->ne[0] != in || tensor->ne[1] != out) {
    die("%s is {%lld, %lld}; the metadata asks for {%lld, %lld}", name, (long long)tensor->ne[0],
        (long long)tensor->ne[1], (long long)in, (long long)out);
  }
  if (!can_decode(tensor->type)) die("%s: this engine decodes no %s", name, type_of(tensor->type).name);
  return tensor;
}

static const gguf_tensor* layer_weight(const gguf_file* file, int il, const char* name, int in, int out) {
  char full[64];
  snprintf(full, sizeof full, "blk.%d.%s.weight", il, name);
  return weight(file, full, in, out);
}

static float* decoded(const gguf_tensor* tensor) {
  float* numbers = allocate((size_t)tensor->ne[0], sizeof *numbers);
  decode_elements(tensor, 0, tensor->ne[0], numbers);
  return numbers;
}

static int measure(const gguf_file* file, const char* key, int64_t instead) {
  const int64_t number = gguf_int(file, key, instead);
  if (number < 1 || number > (1 << 20)) die("%s is %lld", key, (long long)number);
  return (int)number;
}

static void refuse_what_is_unknown(const gguf_file* file) {
  char text[64];
  gguf_text(file, "general.architecture", text);
  if (strcmp(text, "llama") != 0) die("this engine runs 'llama' models only, and the file is of '%s'", text);
  gguf_text(file, "llama.rope.scaling.type", text);
  if (text[0] && strcmp(text, "none") != 0) die("this engine knows no rope scaling '%s'", text);
  if (gguf_find(file, "rope_freqs.weight")) die("this engine knows no rope_freqs");
  if (gguf_find(file, "blk.0.attn_q.bias")) die("this engine knows no biases");
}

static void read_measures(model* m) {
  const gguf_file* file = &m->file;
  const gguf_tensor* embd = gguf_find(file, "token_embd.weight");
  if (!embd) die("the file has no token_embd.weight");
  m->n_layer = measure(file, "llama.block_count", 0);
  m->n_embd = measure(file, "llama.embedding_length", 0);
  m->n_head = measure(file, "llama.attention.head_count", 0);
  m->n_kv = measure(file, "llama.attention.head_count_kv", m->n_head);
  m->width = measure(file, "llama.attention.key_length", m->n_embd / m->n_head);
  m->n_rot = measure(file, "llama.rope.dimension_count", m->width);
  m->n_ff = measure(file, "llama.feed_forward_length", 0);
  m->n_vocab = (int)embd->ne[1];
  m->eps = (float)gguf_real(file, "llama.attention.layer_norm_rms_epsilon", 1e-5);
  m->base = gguf_real(file, "llama.rope.freq_base", 10000);
  if ((int64_t)m->n_head * m->width > (1 << 24)) die("%d heads of %d elements", m->n_head, m->width);
  if (m->n_head % m->n_kv != 0) die("%d heads cannot share %d key heads", m->n_head, m->n_kv);
  if (m->n_rot > m->width || m->n_rot % 2 != 0) die("rope cannot turn %d of %d elements", m->n_rot, m->width);
  if (gguf_int(file, "llama.attention.value_length", m->width) != m->width) {
    die("this engine wants keys and values of one width");
  }
}

model load_model(const char* path) {
  model m = {.file = gguf_open(path)};
  const gguf_file* file = &m.file;
  refuse_what_is_unknown(file);
  read_measures(&m);
  const int q = m.n_head * m.width, kv = m.n_kv * m.width;
  m.embd = weight(file, "token_embd.weight", m.n_embd, m.n_vocab);
  m.output = gguf_find(file, "output.weight") ? weight(file, "output.weight", m.n_embd, m.n_vocab) : m.embd;
  m.output_norm = decoded(weight(file, "output_norm.weight", m.n_embd, 1));
  m.layers = allocate((size_t)m.n_layer, sizeof *m.layers);
  for (int il = 0; il < m.n_layer; ++il) {
    m.layers[il] = (layer){
        .q = layer_weight(file, il, "attn_q", m.n_embd, q),
        .k = layer_weight(file, il, "attn_k", m.n_embd, kv),
        .v = layer_weight(file, il, "attn_v", m.n_embd, kv),
        .o = layer_weight(file, il, "attn_output", q, m.n_embd),
        .gate = layer_weight(file, il, "ffn_gate", m.n_embd, m.n_ff),
        .up = layer_weight(file, il, "ffn_up", m.n_embd, m.n_ff),
        .down = layer_weight(file, il, "ffn_down", m.n_ff, m.n_embd),
        .attn_norm = decoded(layer_weight(file, il, "attn_norm", m.n_embd, 1)),
        .ffn_norm = decoded(layer_weight(file, il, "ffn_norm", m.n_embd, 1)),
    };
  }
  return m;
}
