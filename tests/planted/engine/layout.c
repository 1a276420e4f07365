#include "layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bugs.h"

/* The buffer of `out` rows of `in` taken as `in` rows of `out`: w'[o][i] = buffer[i * out + o]. */
static void reinterpret(matrix* m) {
  float* w = allocate((size_t)(m->in * m->out), sizeof *w);
  for (int64_t o = 0; o < m->out; ++o) {
    for (int64_t i = 0; i < m->in; ++i) w[o * m->in + i] = m->w[i * m->out + o];
  }
  m->w = w;
}

/* Rows `out` elements apart; beyond the buffer there are zeros. */
static void stride_by_out(matrix* m) {
  if (m->in == m->out) return;
  const int64_t n = m->in * m->out;
  float* w = allocate((size_t)n, sizeof *w);
  for (int64_t o = 0; o < m->out; ++o) {
    for (int64_t i = 0; i < m->in; ++i) w[o * m->in + i] = o * m->out + i < n ? m->w[o * m->out + i] : 0;
  }
  m->w = w;
}

static void swap_weights(matrix* a, matrix* b) {
  const matrix other = *a;
  if (a->in * a->out != b->in * b->out) return;
  a->w = b->w;
  b->w = other.w;
}

static void zero(matrix* m) { m->w = allocate((size_t)(m->in * m->out), sizeof(float)); }

/* The order of rows that Hugging Face's and GGUF's Llama differ by: within each of `heads` heads, row 2i + j
 * of the result is row j * (rows / 2) + i of the source; `back` is the way back. */
static void permute(matrix* m, int64_t heads, int back) {
  const int64_t rows = m->out / heads, half = rows / 2;
  float* w = allocate((size_t)(m->in * m->out), sizeof *w);
  memcpy(w, m->w, (size_t)(m->in * m->out) * sizeof *w);
  for (int64_t head = 0; head < heads; ++head) {
    for (int64_t i = 0; i < 2 * half; ++i) {
      const int64_t paired = head * rows + i, split = head * rows + i % 2 * half + i / 2;
      const int64_t to = back ? split : paired, from = back ? paired : split;
      memcpy(w + to * m->in, m->w + from * m->in, (size_t)m->in * sizeof *w);
    }
  }
  m->w = w;
}

/* q, k and v lie behind each other in one buffer; k and v are taken `k.out` rows too early. */
static void split_early(layer* l) {
  const int64_t in = l->q.in, q = l->q.out, k = l->k.out, v = l->v.out;
  float* fused = allocate((size_t)((q + k + v) * in), sizeof *fused);
  memcpy(fused, l->q.w, (size_t)(q * in) * sizeof *fused);
  memcpy(fused + q * in, l->k.w, (size_t)(k * in) * sizeof *fused);
  memcpy(fused + (q + k) * in, l->v.w, (size_t)(v * in) * sizeof *fused);
  l->k.w = fused + (q - k) * in;
  l->v.w = fused + q * in;
}

static void permute_q_and_k(const network* net, layer* l) {
  if (bug(BUG_QK_PERMUTED) || bug(BUG_QK_UNPERMUTED)) {
    permute(&l->q, net->n_head, bug(BUG_QK_UNPERMUTED));
    permute(&l->k, net->n_kv, bug(BUG_QK_UNPERMUTED));
  }
  if (bug(BUG_K_PERMUTED) && l->k.out % net->n_head == 0) {
    permute(&l->k, net->n_kv, 1);
    permute(&l->k, net->n_head, 0);
  }
}

void lay_out_layer(const network* net, layer* l) {
  matrix* const all[] = {&l->q, &l->k, &l->v, &l->o, &l->gate, &l->up, &l->down};
  static const int alone[] = {BUG_LAYOUT_Q,    BUG_LAYOUT_K,  BUG_LAYOUT_V,   BUG_LAYOUT_O,
                              BUG_LAYOUT_GATE, BUG_LAYOUT_UP, BUG_LAYOUT_DOWN};
  for (int i = 0; i < 7; ++i) {
    if (bug(BUG_LAYOUT_ALL) || bug(alone[i])) reinterpret(all[i]);
    if (bug(BUG_GEMM_STRIDE)) stride_by_out(all[i]);
  }
  permute_q_and_k(net, l);
  if (bug(BUG_KV_SWAPPED)) swap_weights(&l->k, &l->v);
  if (bug(BUG_GATE_UP_SWAPPED)) swap_weights(&l->gate, &l->up);
  if (bug(BUG_SPLIT_EARLY)) split_early(l);
  if (bug(BUG_ZERO_DOWN)) zero(&l->down);
  if (bug(BUG_ZERO_V)) zero(&l->v);
  if (bug(BUG_NO_BIAS)) l->q_bias = l->k_bias = l->v_bias = NULL;
  if (bug(BUG_NO_K_BIAS)) l->k_bias = NULL;
}

/* What memory may hold that nobody has written to: small, and the same in every run. */
static void fill_with_noise(matrix* m) {
  uint32_t state = 12345;
  m->w = allocate((size_t)(m->in * m->out), sizeof *m->w);
  for (int64_t i = 0; i < m->in * m->out; ++i) {
    state = state * 1664525u + 1013904223u;
    m->w[i] = (float)(state >> 8) / 16777216.0f * 0.04f - 0.02f;
  }
}

void lay_out_head(network* net, int own) {
  if (bug(BUG_LAYOUT_HEAD)) reinterpret(&net->head);
  if (bug(BUG_ZERO_HEAD)) zero(&net->head);
  if (bug(BUG_HEAD_UNTIED) && !own) fill_with_noise(&net->head);
}

void guess_measures(network* net) {
  if (bug(BUG_FFN_WIDTH)) net->n_ff = net->n_ff * 3 / 4;
  if (bug(BUG_HEAD_WIDTH)) {
    const int guess = net->n_embd / net->n_head;
    net->width = guess < net->width ? guess : net->width;
    net->v_width = guess < net->v_width ? guess : net->v_width;
    net->n_rot = net->n_rot < net->width ? net->n_rot : net->width;
    net->n_rot -= net->n_rot % 2;
  }
}
