#include "pass.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic.h"
#include "bugs.h"

int decoding(const run* r) { return r->start >= r->n_prompt; }

void show(run* r, const char* name, int a, int b, const float* data) {
  char full[64];
  const int il = layer_entered();
  if (!name) return;
  if (il < 0) {
    snprintf(full, sizeof full, "%s", name);
  } else {
    snprintf(full, sizeof full, "blk.%d.%s", il, name);
  }
  dump_rows(r->dump, full, r->rows, a, b, data);
}

/* ---- Operations ---- */

void project(const matrix* w, int rows, int in, int out, const float* x, float* y) {
  float* seen = allocate((size_t)in, sizeof *seen);
  for (int t = 0; t < rows; ++t) {
    memcpy(seen, x + (int64_t)t * in, (size_t)in * sizeof *seen);
    if (w->quantised) round_activations(seen, in);
    for (int o = 0; o < out; ++o) y[(int64_t)t * out + o] = sum_of_products(w->w + o * w->in, seen, in);
  }
  free(seen);
  store(y, (int64_t)rows * out);
}

static float cast_before_weight(float x) {
  if (rounding(ROUND_NORM_CAST_BF16)) return to_bf16(x);
  if (rounding(ROUND_NORM_CAST_F16)) return to_f16(x);
  return x;
}

/* What an element is multiplied with, by the bugs that concern a norm's weight. */
static float weight_of(float w) {
  if (bug(BUG_NORM_PLUS)) return w + 1;
  if (bug(BUG_NORM_MINUS)) return w - 1;
  if (bug(BUG_NORM_TWICE)) return w * w;
  if (bug(BUG_NORM_NEVER)) return 1;
  return w;
}

static float size_of(const float* x, int n, float eps) {
  if (bug(BUG_ODD_NORM)) {
    float sum = 0;
    for (int i = 0; i < n; ++i) sum += fabsf(x[i]);
    return sum / (float)n + eps;
  }
  const int counted = bug(BUG_NORM_HALF) ? n / 2 : n;
  const float mean = sum_of_squares(x, counted) / (float)counted;
  return bug(BUG_EPS_OUTSIDE) ? sqrtf(mean) + eps : sqrtf(mean + eps);
}

void normalise(const network* net, const float* weight, int rows, int n, const float* x, float* y) {
  const float eps = (float)(bug(BUG_EPS) ? bug_number(BUG_EPS) : net->eps);
  float* row = allocate((size_t)n, sizeof *row);
  for (int t = 0; t < rows; ++t) {
    memcpy(row, x + (int64_t)t * n, (size_t)n * sizeof *row);
    if (bug(BUG_LAYER_NORM)) {
      float sum = 0;
      for (int i = 0; i < n; ++i) sum += row[i];
      for (int i = 0; i < n; ++i) row[i] -= sum / (float)n;
    }
    const float scale = 1 / size_of(row, n, eps);
    for (int i = 0; i < n; ++i) {
      y[(int64_t)t * n + i] = cast_before_weight(row[i] * scale) * weight_of(weight[i]);
    }
  }
  free(row);
  store(y, (int64_t)rows * n);
}

/* ---- A layer ---- */

/* x becomes (kept) + branch; both are [rows][n_embd]. */
static void add_branch(run* r, const float* branch, int without, int twice, const float* normed) {
  const float scale = bug(BUG_RESIDUAL_SCALE) ? 0.22f : 1.0f;
  const float limit = (float)bug_number(BUG_CLAMP);
  const int64_t n = (int64_t)r->rows * r->net.n_embd;
  for (int64_t i = 0; i < n; ++i) {
    const float residual = without ? 0 : bug(BUG_RESIDUAL_NORMED) ? normed[i] : r->x[i];
    r->x[i] = residual * (twice ? 2.0f : 1.0f) + branch[i] * scale;
    if (bug(BUG_CLAMP)) r->x[i] = fminf(fmaxf(r->x[i], -limit), limit);
  }
  store(r->x, n);
}

static void attention_part(run* r, int il) {
  const network* net = &r->net;
  const layer* l = &net->layers[il];
  const int n = net->n_embd;
  if (bug(BUG_POST_NORM)) {
    memcpy(r->h, r->x, (size_t)(r->rows * n) * sizeof *r->h);
    attention(r, il);
    normalise(net, l->attn_norm, r->rows, n, r->branch, r->branch);
    show(r, "attn_norm", n, 0, r->branch);
  } else {
    normalise(net, l->attn_norm, r->rows, n, r->x, r->h);
    show(r, "attn_norm", n, 0, r->h);
    attention(r, il);
  }
  add_branch(r, r->branch, bug(BUG_NO_ATTN_RESIDUAL), bug(BUG_RESIDUAL_TWICE), r->h);
  show(r, "attn_residual", n, 0, r->x);
}

void add_row_bias(run* r, const char* name, int n, const float* bias, float* x) {
  if (!bias) return;
  for (int64_t i = 0; i < (int64_t)r->rows * n; ++i) x[i] += bias[i % n];
  store(x, (int64_t)r->rows * n);
  show(r, name, n, 0, x);
}

static float activation(float x) {
  if (bug(BUG_NO_ACTIVATION)) return x;
  if (bug(BUG_RELU)) return x > 0 ? x : 0;
  if (bug(BUG_GELU_ERF)) return 0.5f * x * (1 + erff(x * 0.70710678f));
  if (bug(BUG_GELU_TANH)) return 0.5f * x * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
  return x / (1 + expf(-x));
}

static void gate_and_up(run* r) {
  const int64_t n = (int64_t)r->rows * r->net.n_ff;
  float *act = r->gate, *other = r->up;
  if (bug(BUG_SILU_UP)) {
    act = r->up;
    other = r->gate;
  }
  if (bug(BUG_SILU_PRODUCT)) {
    for (int64_t i = 0; i < n; ++i) r->gate[i] = activation(r->gate[i] * r->up[i]);
    show(r, "ffn_gated", r->net.n_ff, 0, r->gate);
    return;
  }
  for (int64_t i = 0; i < n; ++i) act[i] = activation(act[i]);
  store(act, n);
  show(r, "ffn_act", r->net.n_ff, 0, act);
  for (int64_t i = 0; i < n; ++i) r->gate[i] = act[i] * other[i];
  store(r->gate, n);
  show(r, "ffn_gated", r->net.n_ff, 0, r->gate);
}

static void add_noise(float* x, int64_t n) {
  uint32_t state = 99;
  for (int64_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    x[i] *= 1 + 0.06f * ((float)(state >> 8) / 16777216.0f - 0.5f);
  }
}

static void feed_forward(run* r, int il) {
  const network* net = &r->net;
  const layer* l = &net->layers[il];
  normalise(net, l->ffn_norm, r->rows, net->n_embd, r->x, r->h);
  show(r, "ffn_norm", net->n_embd, 0, r->h);
  project(&l->gate, r->rows, net->n_embd, net->n_ff, r->h, r->gate);
  show(r, "ffn_gate", net->n_ff, 0, r->gate);
  add_row_bias(r, "ffn_gate_bias", net->n_ff, l->gate_bias, r->gate);
  project(&l->up, r->rows, net->n_embd, net->n_ff, r->h, r->up);
  for (int64_t i = 0; bug(BUG_ODD_SEVENTH) && i < (int64_t)r->rows * net->n_ff; i += 7) r->up[i] = 0;
  show(r, "ffn_up", net->n_ff, 0, r->up);
  add_row_bias(r, "ffn_up_bias", net->n_ff, l->up_bias, r->up);
  gate_and_up(r);
  project(&l->down, r->rows, net->n_ff, net->n_embd, r->gate, r->branch);
  if (bug(BUG_ODD_NOISE)) add_noise(r->branch, (int64_t)r->rows * net->n_embd);
  show(r, "ffn_down", net->n_embd, 0, r->branch);
  add_row_bias(r, "ffn_down_bias", net->n_embd, l->down_bias, r->branch);
  add_branch(r, r->branch, bug(BUG_NO_FFN_RESIDUAL), 0, r->h);
  show(r, "ffn_residual", net->n_embd, 0, r->x);
}

/* ---- Both ends ---- */

static void embed(run* r, const int32_t* tokens) {
  const network* net = &r->net;
  for (int t = 0; t < r->rows; ++t) {
    const int64_t token = bug(BUG_EMBED_NEXT) ? (tokens[t] + 1) % net->n_vocab : tokens[t];
    for (int64_t i = 0; i < net->n_embd; ++i) {
      const int64_t element = bug(BUG_EMBED_COLUMN) ? i * net->n_vocab + token : token * net->n_embd + i;
      r->x[t * net->n_embd + i] = net->embd.w[element];
      if (bug(BUG_EMBED_SCALE)) r->x[t * net->n_embd + i] *= sqrtf((float)net->n_embd);
    }
  }
  store(r->x, (int64_t)r->rows * net->n_embd);
  show(r, "token_embd", net->n_embd, 0, r->x);
}

static void change_logits(const network* net, int rows, float* logits) {
  for (int64_t i = 0; i < (int64_t)rows * net->n_vocab; ++i) {
    if (bug(BUG_LOGIT_SCALE)) logits[i] /= 8;
    if (bug(BUG_LOGIT_CAP)) logits[i] = 30 * tanhf(logits[i] / 30);
    if (bug(BUG_ODD_TAIL) && i % net->n_vocab >= net->n_vocab - 16) logits[i] = 0;
  }
}

/* Copies the rows whose logits are wanted to the start of h. */
static int take_rows(run* r) {
  const int n = r->net.n_embd, rows = r->last_row_only ? 1 : r->rows;
  for (int t = 0; t < rows; ++t) {
    const int from = bug(BUG_LOGITS_FIRST_ROW) ? 0 : r->last_row_only ? r->rows - 1 : t;
    memcpy(r->h + (int64_t)t * n, r->x + (int64_t)from * n, (size_t)n * sizeof *r->h);
  }
  return rows;
}

static void head(run* r) {
  const network* net = &r->net;
  const int rows = take_rows(r), all = r->rows;
  r->rows = rows;
  show(r, "output_rows", net->n_embd, 0, r->h);
  if (!bug(BUG_NO_OUTPUT_NORM)) normalise(net, net->output_norm, rows, net->n_embd, r->h, r->h);
  show(r, "output_norm", net->n_embd, 0, r->h);
  project(&net->head, rows, net->n_embd, net->n_vocab, r->h, r->logits);
  if (net->output_bias) {
    show(r, "output", net->n_vocab, 0, r->logits);
    for (int64_t i = 0; i < (int64_t)rows * net->n_vocab; ++i)
      r->logits[i] += net->output_bias[i % net->n_vocab];
  }
  change_logits(net, rows, r->logits);
  show(r, "logits", net->n_vocab, 0, r->logits);
  r->rows = all;
}

const float* forward(run* r, const int32_t* tokens, int rows, int start) {
  r->rows = rows;
  r->start = start;
  dump_pass(r->dump, tokens, rows);
  embed(r, tokens);
  for (int il = 0; il < r->net.n_layer; ++il) {
    enter_layer(il);
    attention_part(r, il);
    feed_forward(r, il);
  }
  enter_layer(-1);
  head(r);
  return r->logits;
}

run make_run(const char* model_path, int n_prompt, int n_ctx) {
  run r = {.net = load_network(model_path), .n_prompt = n_prompt, .n_ctx = n_ctx, .n_slots = n_ctx + 16};
  const network* net = &r.net;
  const size_t n = (size_t)n_ctx, slots = (size_t)(r.n_slots * net->n_layer), f = sizeof(float);
  const size_t k_size = (size_t)(net->n_kv * net->width), v_size = (size_t)(net->n_kv * net->v_width);
  r.k = allocate(slots * k_size, f);
  r.v = allocate(slots * v_size, f);
  r.x = allocate(n * (size_t)net->n_embd, f);
  r.h = allocate(n * (size_t)net->n_embd, f);
  r.branch = allocate(n * (size_t)net->n_embd, f);
  r.q = allocate(n * (size_t)(net->n_head * net->width), f);
  r.new_k = allocate(n * k_size, f);
  r.new_v = allocate(n * v_size, f);
  r.mix = allocate(n * (size_t)(net->n_head * net->v_width), f);
  r.gate = allocate(n * (size_t)net->n_ff, f);
  r.up = allocate(n * (size_t)net->n_ff, f);
  r.scores = allocate(n * (size_t)(net->n_head * r.n_slots), f);
  r.logits = allocate(n * (size_t)net->n_vocab, f);
  return r;
}
