/* The measures and decoded weights of a llama, qwen2 or qwen3. */
#pragma once

#include "gguf.h"

/* w[o * in + i]; `quantised` tells whose activations round_activations() rounds. */
typedef struct {
  float* w;
  int64_t out, in;
  int quantised;
} matrix;

/* Biases and head norms are null where the model has none. */
typedef struct {
  matrix q, k, v, o, gate, up, down;
  float *q_bias, *k_bias, *v_bias, *o_bias, *gate_bias, *up_bias, *down_bias;
  float *attn_norm, *ffn_norm, *q_norm, *k_norm;
} layer;

typedef struct {
  gguf_file file;
  char arch[64];
  int n_layer, n_embd, n_head, n_kv, width, v_width, n_rot, n_ff, n_vocab;
  int halves; /* rope pairs (i, i + n_rot / 2); else (2i, 2i + 1) */
  double eps, base, rope_factor;
  float* rope_freqs;
  matrix embd, head;
  float *output_norm, *output_bias;
  layer* layers;
} network;

network load_network(const char* path);
/* `rows` rows of a tensor as this engine decodes them, [rows][ne0]. */
float* decode_rows(const network* net, const char* name, int64_t first, int64_t rows, int64_t* cols);
