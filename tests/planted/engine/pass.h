/* One run of a network over a prompt and some decoded tokens. */
#pragma once

#include "../../../examples/wrong-token/dump.h"
#include "network.h"

typedef struct {
  network net;
  dump* dump;
  int n_prompt, n_ctx; /* tokens of the prompt, of the whole run */
  int n_slots;         /* rows of the cache: n_ctx, and some that are never filled */
  int last_row_only;   /* logits of the last row of a pass, not of all */
  float *k, *v;        /* [n_layer][n_slots][n_kv * width] */
  float *x, *h, *branch, *q, *new_k, *new_v, *mix, *gate, *up, *scores, *logits;
  /* The pass that is being computed: `rows` tokens, the first of which is token `start` of the run. */
  int rows, start;
} run;

run make_run(const char* model_path, int n_prompt, int n_ctx);
/* [rows][n_vocab], or one row */
const float* forward(run* r, const int32_t* tokens, int rows, int start);

int decoding(const run* r);
/* Shows rows of [a] (b = 0) or [a, b] under the name, or "blk.N.name" inside layer N; NULL shows nothing. */
void show(run* r, const char* name, int a, int b, const float* data);
/* y[t][o], t < rows, o < out, from the first `in` elements of the matrix's first `out` rows */
void project(const matrix* w, int rows, int in, int out, const float* x, float* y);
/* Each row of n: y = x / rms(x) * weight */
void normalise(const network* net, const float* weight, int rows, int n, const float* x, float* y);
/* Adds the bias, where there is one, to rows of n, and shows them. */
void add_row_bias(run* r, const char* name, int n, const float* bias, float* x);
void attention(run* r, int il);
void turn(run* r, int heads, int width, float* x);
