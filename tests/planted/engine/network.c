#include "network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic.h"
#include "bugs.h"
#include "decode.h"
#include "layout.h"

/* ---- From the file to numbers ---- */

/* Where this engine believes the tensor's first byte to be, from the start of the file. */
static uint64_t believed_place(const gguf_file* file, const gguf_tensor* tensor) {
  if (bug(BUG_OFFSET_ABSOLUTE)) return tensor->offset;
  if (bug(BUG_OFFSET_TWICE)) return 2 * file->data_start + tensor->offset;
  if (bug(BUG_NO_PADDING)) return file->header_end + tensor->offset;
  if (bug(BUG_ALIGN_64)) {
    const uint64_t unit = 2 * file->alignment;
    return file->data_start + (tensor->offset + unit - 1) / unit * unit;
  }
  return file->data_start + tensor->offset;
}

static const gguf_tensor* first_in_file(const gguf_file* file) {
  const gguf_tensor* first = &file->tensors[0];
  for (uint64_t i = 1; i < file->n_tensors; ++i) {
    if (file->tensors[i].offset < first->offset) first = &file->tensors[i];
  }
  return first;
}

static int is_projection(const char* name) {
  return strncmp(name, "blk.", 4) == 0 && strstr(name, ".weight") && !strstr(name, "norm");
}

/* All elements in the order of the file. Bytes beyond its end are zeros. */
static float* decode_tensor(const network* net, const gguf_tensor* tensor) {
  const gguf_file* file = &net->file;
  const gguf_tensor* zero = gguf_find(file, "blk.0.attn_q.weight");
  const int type = believed_type(tensor->type, zero ? zero->type : tensor->type);
  const int64_t count = tensor->ne[0] * tensor->ne[1];
  const size_t size = (size_t)(count / type_of(type).elements + 1) * (size_t)stride_of(type) + 16;
  uint8_t* bytes = allocate(size, 1);
  uint64_t place = believed_place(file, tensor);
  if (bug(BUG_FIRST_TENSOR) && is_projection(tensor->name)) place = believed_place(file, first_in_file(file));
  if (place < file->size) {
    memcpy(bytes, file->bytes + place, file->size - place < size ? file->size - place : size);
  }
  float* out = allocate((size_t)count, sizeof *out);
  decode_blocks(type, bytes, 0, count, out);
  free(bytes);
  for (int64_t i = 0; i < count; ++i) {
    if (rounding(ROUND_WEIGHTS_BF16)) out[i] = to_bf16(out[i]);
    if (rounding(ROUND_WEIGHTS_F16)) out[i] = to_f16(out[i]);
  }
  return out;
}

static const gguf_tensor* find_shaped(const network* net, const char* name, int64_t in, int64_t out) {
  const gguf_tensor* tensor = gguf_find(&net->file, name);
  if (tensor && (tensor->ne[0] != in || tensor->ne[1] != out)) {
    die("%s is {%lld, %lld}, and {%lld, %lld} was expected", name, (long long)tensor->ne[0],
        (long long)tensor->ne[1], (long long)in, (long long)out);
  }
  return tensor;
}

static float* optional_vector(const network* net, const char* name, int64_t n) {
  const gguf_tensor* tensor = find_shaped(net, name, n, 1);
  return tensor ? decode_tensor(net, tensor) : NULL;
}

static float* vector(const network* net, const char* name, int64_t n) {
  float* numbers = optional_vector(net, name, n);
  if (!numbers) die("the file has no %s", name);
  return numbers;
}

static matrix load_matrix(const network* net, const char* name, int64_t in, int64_t out) {
  const gguf_tensor* tensor = find_shaped(net, name, in, out);
  if (!tensor) die("the file has no %s", name);
  return (matrix){decode_tensor(net, tensor), out, in, type_of(tensor->type).elements > 1};
}

/* ---- A layer ---- */

/* Whose projections layer il really gets. */
static int believed_layer(const network* net, int il) {
  if (bug(BUG_LAYER_ZERO)) return 0;
  if (bug(BUG_LAYER_SHIFTED)) return il + 1 < net->n_layer ? il + 1 : il;
  return il;
}

static matrix layer_matrix(const network* net, int il, const char* name, int64_t in, int64_t out) {
  char full[64];
  snprintf(full, sizeof full, "blk.%d.%s.weight", believed_layer(net, il), name);
  return load_matrix(net, full, in, out);
}

static float* layer_vector(const network* net, int il, const char* name, int64_t n) {
  char full[64];
  snprintf(full, sizeof full, "blk.%d.%s", il, name);
  return optional_vector(net, full, n);
}

static void load_norms(const network* net, int il, layer* l) {
  l->attn_norm = layer_vector(net, il, "attn_norm.weight", net->n_embd);
  l->ffn_norm = layer_vector(net, il, "ffn_norm.weight", net->n_embd);
  l->q_norm = layer_vector(net, il, "attn_q_norm.weight", net->width);
  l->k_norm = layer_vector(net, il, "attn_k_norm.weight", net->width);
  if (!l->attn_norm || !l->ffn_norm) die("layer %d has no norms", il);
  if (bug(BUG_NORMS_SWAPPED)) {
    float* other = l->attn_norm;
    l->attn_norm = l->ffn_norm;
    l->ffn_norm = other;
  }
}

static layer load_layer(const network* net, int il) {
  const int64_t embd = net->n_embd, ff = net->n_ff;
  const int64_t q = (int64_t)net->n_head * net->width, mix = (int64_t)net->n_head * net->v_width;
  const int64_t k = (int64_t)net->n_kv * net->width, v = (int64_t)net->n_kv * net->v_width;
  enter_layer(il);
  layer l = {
      .q = layer_matrix(net, il, "attn_q", embd, q),
      .k = layer_matrix(net, il, "attn_k", embd, k),
      .v = layer_matrix(net, il, "attn_v", embd, v),
      .o = layer_matrix(net, il, "attn_output", mix, embd),
      .gate = layer_matrix(net, il, "ffn_gate", embd, ff),
      .up = layer_matrix(net, il, "ffn_up", embd, ff),
      .down = layer_matrix(net, il, "ffn_down", ff, embd),
      .q_bias = layer_vector(net, il, "attn_q.bias", q),
      .k_bias = layer_vector(net, il, "attn_k.bias", k),
      .v_bias = layer_vector(net, il, "attn_v.bias", v),
      .o_bias = layer_vector(net, il, "attn_output.bias", embd),
      .gate_bias = layer_vector(net, il, "ffn_gate.bias", ff),
      .up_bias = layer_vector(net, il, "ffn_up.bias", ff),
      .down_bias = layer_vector(net, il, "ffn_down.bias", embd),
  };
  load_norms(net, il, &l);
  lay_out_layer(net, &l);
  enter_layer(-1);
  return l;
}

/* ---- The whole ---- */

static int64_t measure(const network* net, const char* key, int64_t instead) {
  char full[160];
  snprintf(full, sizeof full, "%s.%s", net->arch, key);
  const int64_t number = gguf_int(&net->file, full, instead);
  if (number < 1 || number > (1 << 20)) die("%s is %lld", full, (long long)number);
  return number;
}

static double real(const network* net, const char* key, double instead) {
  char full[160];
  snprintf(full, sizeof full, "%s.%s", net->arch, key);
  return gguf_real(&net->file, full, instead);
}

static void read_rope(network* net) {
  char key[160], kind[64];
  snprintf(key, sizeof key, "%s.rope.scaling.type", net->arch);
  gguf_text(&net->file, key, kind);
  net->rope_factor = strcmp(kind, "linear") == 0 ? real(net, "rope.scaling.factor", 1) : 1;
  if (kind[0] && strcmp(kind, "none") != 0 && strcmp(kind, "linear") != 0)
    die("no rope scaling '%s' here", kind);
  net->base = real(net, "rope.freq_base", 10000);
  net->n_rot = (int)measure(net, "rope.dimension_count", net->width);
  net->halves = strcmp(net->arch, "llama") != 0;
  if (net->n_rot > net->width || net->n_rot % 2 != 0) die("rope cannot turn %d elements", net->n_rot);
}

static void read_measures(network* net) {
  const gguf_tensor* embd = gguf_find(&net->file, "token_embd.weight");
  gguf_text(&net->file, "general.architecture", net->arch);
  if (strcmp(net->arch, "llama") != 0 && strcmp(net->arch, "qwen2") != 0 && strcmp(net->arch, "qwen3") != 0) {
    die("no architecture '%s' here", net->arch);
  }
  if (!embd) die("the file has no token_embd.weight");
  net->n_vocab = (int)embd->ne[1];
  net->n_layer = (int)measure(net, "block_count", 0);
  net->n_embd = (int)measure(net, "embedding_length", 0);
  net->n_head = (int)measure(net, "attention.head_count", 0);
  net->n_kv = (int)measure(net, "attention.head_count_kv", net->n_head);
  net->width = (int)measure(net, "attention.key_length", net->n_embd / net->n_head);
  net->v_width = (int)measure(net, "attention.value_length", net->n_embd / net->n_head);
  net->n_ff = (int)measure(net, "feed_forward_length", 0);
  net->eps = real(net, "attention.layer_norm_rms_epsilon", 1e-5);
  if (net->n_head % net->n_kv != 0) die("%d heads cannot share %d", net->n_head, net->n_kv);
  read_rope(net);
}

static void load_head(network* net) {
  const int own = gguf_find(&net->file, "output.weight") != NULL;
  net->output_norm = vector(net, "output_norm.weight", net->n_embd);
  net->output_bias = optional_vector(net, "output.bias", net->n_vocab);
  net->head = net->embd;
  if (own && !bug(BUG_HEAD_TIED)) net->head = load_matrix(net, "output.weight", net->n_embd, net->n_vocab);
  lay_out_head(net, own);
  if (bug(BUG_WRONG_OUTPUT_NORM)) net->output_norm = net->layers[net->n_layer - 1].ffn_norm;
}

network load_network(const char* path) {
  network net = {.file = gguf_open(path)};
  read_measures(&net);
  net.embd = load_matrix(&net, "token_embd.weight", net.n_embd, net.n_vocab);
  net.rope_freqs = optional_vector(&net, "rope_freqs.weight", net.n_rot / 2);
  net.layers = allocate((size_t)net.n_layer, sizeof *net.layers);
  for (int il = 0; il < net.n_layer; ++il) net.layers[il] = load_layer(&net, il);
  load_head(&net);
  guess_measures(&net);
  return net;
}

float* decode_rows(const network* net, const char* name, int64_t first, int64_t rows, int64_t* cols) {
  const gguf_tensor* tensor = gguf_find(&net->file, name);
  if (!tensor) die("the file has no %s", name);
  if (first < 0 || rows < 1 || first + rows > tensor->ne[1]) die("%s has no such rows", name);
  float* all = decode_tensor(net, tensor);
  *cols = tensor->ne[0];
  memmove(all, all + first * tensor->ne[0], (size_t)(rows * tensor->ne[0]) * sizeof *all);
  return all;
}
