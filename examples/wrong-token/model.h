/* What the engine needs of the file: the measures and the weights of a Llama. */
#pragma once

#include "gguf.h"

typedef struct {
  const gguf_tensor *q, *k, *v, *o, *gate, *up, *down;
  float *attn_norm, *ffn_norm;
} layer;

typedef struct {
  gguf_file file;
  int n_layer, n_embd, n_head, n_kv, width, n_rot, n_ff, n_vocab;
  float eps;
  double base;
  const gguf_tensor *embd, *output;
  float* output_norm;
  layer* layers;
} model;

/* Reads it and checks every shape. */
model load_model(const char* path);
