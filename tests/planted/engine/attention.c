/* Queries, keys and values; the cache; who sees whom. */
#include <math.h>
#include <string.h>

#include "arithmetic.h"
#include "bugs.h"
#include "pass.h"

/* ---- Queries, keys, values ---- */

static void add_bias(run* r, const char* name, int heads, int width, const float* bias, float* x) {
  if (!bias) return;
  const int n = heads * width;
  for (int t = 0; t < r->rows; ++t) {
    for (int i = 0; i < n; ++i) x[(int64_t)t * n + i] += bias[i];
  }
  store(x, (int64_t)r->rows * n);
  show(r, name, heads, width, x);
}

static void head_norm(run* r, const char* name, int heads, const float* weight, float* x) {
  const int width = r->net.width, n = heads * width;
  if (!weight || bug(BUG_QK_NORM_MISSING)) return;
  if (bug(BUG_QK_NORM_ROW)) {
    for (int t = 0; t < r->rows; ++t) {
      float* row = x + (int64_t)t * n;
      const float scale = 1 / sqrtf(sum_of_squares(row, n) / (float)n + (float)r->net.eps);
      for (int i = 0; i < n; ++i) row[i] = row[i] * scale * weight[i % width];
    }
  } else {
    normalise(&r->net, weight, r->rows * heads, width, x, x);
  }
  show(r, name, heads, width, x);
}

typedef struct {
  const matrix* w;
  const float *bias, *norm;
  int heads;
  const char *name, *bias_name, *norm_name, *rope_name;
  int turned;
} branch;

/* A query or a key: projection, bias, norm of each head, position. */
static void make_heads(run* r, const branch* b, float* x) {
  const int width = r->net.width;
  project(b->w, r->rows, r->net.n_embd, b->heads * width, r->h, x);
  show(r, b->name, b->heads, width, x);
  add_bias(r, b->bias_name, b->heads, width, b->bias, x);
  if (!bug(BUG_QK_NORM_LATE)) head_norm(r, b->norm_name, b->heads, b->norm, x);
  if (b->turned) turn(r, b->heads, width, x);
  if (!bug(BUG_QK_NORM_LATE) || !b->norm) {
    show(r, b->rope_name, b->heads, width, x);
    return;
  }
  show(r, b->rope_name, b->heads, width, x);
  head_norm(r, b->norm_name, b->heads, b->norm, x);
}

static void make_values(run* r, const layer* l) {
  const network* net = &r->net;
  project(&l->v, r->rows, net->n_embd, net->n_kv * net->v_width, r->h, r->new_v);
  show(r, "attn_v", net->n_kv, net->v_width, r->new_v);
  add_bias(r, "attn_v_bias", net->n_kv, net->v_width, l->v_bias, r->new_v);
  if (bug(BUG_ROPE_V)) turn(r, net->n_kv, net->v_width, r->new_v);
}

/* ---- The cache ---- */

static int slot_of(const run* r, int t) {
  if (decoding(r) && bug(BUG_KV_OVERWRITE)) return r->start + t - r->n_prompt;
  if (decoding(r) && bug(BUG_NO_CACHE)) return t;
  return r->start + t;
}

static float kept(float x) {
  if (rounding(ROUND_KV_F16)) return to_f16(x);
  if (rounding(ROUND_KV_BF16)) return to_bf16(x);
  return x;
}

static void store_rows(const run* r, int n, const float* from, float* cache) {
  for (int t = 0; t < r->rows; ++t) {
    for (int i = 0; i < n; ++i) cache[(int64_t)slot_of(r, t) * n + i] = kept(from[(int64_t)t * n + i]);
  }
}

/* What the cache holds of the rows of this pass. */
static void show_cached(run* r, const char* name, int heads, int width, const float* cache) {
  show(r, name, heads, width, cache + (int64_t)slot_of(r, 0) * heads * width);
}

static void reverse_heads(const run* r, float* v) {
  const int width = r->net.v_width;
  for (int i = 0; i < r->rows * r->net.n_kv; ++i) {
    float* head = v + (int64_t)i * width;
    for (int j = 0; j < width / 2; ++j) {
      const float other = head[j];
      head[j] = head[width - 1 - j];
      head[width - 1 - j] = other;
    }
  }
}

/* ---- Scores ---- */

/* Whether row t of the pass looks at row p of the cache. */
static int sees(const run* r, int t, int p) {
  const int position = r->start + t;
  if (decoding(r)) {
    if (bug(BUG_NO_CACHE)) return p == t;
    if (bug(BUG_SINGLE_KEY)) return p == position;
    if (bug(BUG_KV_WHOLE)) return p <= position || p >= r->n_ctx;
  }
  if (p >= r->n_ctx) return 0;
  if (bug(BUG_NO_MASK)) return p < r->start + r->rows;
  if (bug(BUG_MASK_NO_OFFSET)) return p <= t;
  if (bug(BUG_MASK_OWN)) return p < position || (p == 0 && position == 0);
  if (bug(BUG_MASK_NEXT)) return p <= position + 1 && p < r->start + r->rows;
  if (bug(BUG_WINDOW)) return p <= position && p > position - (int)bug_number(BUG_WINDOW);
  return p <= position;
}

/* Which key head a query head reads; -1: there is none, zeros are read. */
static int key_head(const network* net, int head) {
  if (bug(BUG_GQA_MOD)) return head % net->n_kv;
  if (bug(BUG_KV_IS_HEADS)) return head < net->n_kv ? head : -1;
  return head / (net->n_head / net->n_kv);
}

static float scale_of(const network* net) {
  const float usual = 1 / sqrtf((float)net->width);
  if (bug(BUG_SCALE_MISSING)) return 1;
  if (bug(BUG_SCALE_TWICE)) return usual * usual;
  if (bug(BUG_SCALE_EMBD)) return 1 / sqrtf((float)net->n_embd);
  if (bug(BUG_SCALE_GUESSED)) return 1 / sqrtf((float)net->n_embd / (float)net->n_head);
  return usual;
}

static void score_head(const run* r, const float* keys, int t, int head, float* out) {
  const network* net = &r->net;
  const int from = key_head(net, head);
  const float* q = r->q + ((int64_t)t * net->n_head + head) * net->width;
  for (int p = 0; p < r->n_slots; ++p) {
    if (!sees(r, t, p)) {
      out[p] = -INFINITY;
      continue;
    }
    const float* k = keys + ((int64_t)p * net->n_kv + (from < 0 ? 0 : from)) * net->width;
    out[p] = from < 0 ? 0 : sum_of_products(q, k, net->width) * scale_of(net);
    if (bug(BUG_SCORE_CAP)) {
      const float cap = (float)bug_number(BUG_SCORE_CAP);
      out[p] = cap * tanhf(out[p] / cap);
    }
  }
  store(out, r->n_slots);
}

static void softmax(float* scores, int n) {
  float largest = -INFINITY, sum = 0;
  for (int i = 0; i < n; ++i) largest = fmaxf(largest, scores[i]);
  for (int i = 0; i < n; ++i) sum += scores[i] = expf(scores[i] - largest);
  if (bug(BUG_ODD_SOFTMAX)) sum = sqrtf(sum);
  for (int i = 0; i < n; ++i) scores[i] /= sum;
  store(scores, n);
}

static void mix_head(const run* r, const float* values, int t, int head, float* out) {
  const network* net = &r->net;
  const int width = net->v_width, from = key_head(net, head);
  const float* shares = r->scores + ((int64_t)t * net->n_head + head) * r->n_slots;
  memset(out, 0, (size_t)width * sizeof *out);
  for (int p = 0; p < r->n_slots && from >= 0; ++p) {
    const float* v = values + ((int64_t)p * net->n_kv + from) * width;
    for (int i = 0; i < width; ++i) out[i] += shares[p] * v[i];
  }
  if (bug(BUG_ODD_HEAD) && head == 1) {
    for (int i = 0; i < width; ++i) out[i] *= 1.25f;
  }
}

/* The scores without the rows that are never filled: what a dump shows. */
static void show_scores(run* r, const char* name) {
  const int n = r->rows * r->net.n_head;
  float* shown = allocate((size_t)n * (size_t)r->n_ctx, sizeof *shown);
  for (int i = 0; i < n; ++i) {
    memcpy(shown + (int64_t)i * r->n_ctx, r->scores + (int64_t)i * r->n_slots,
           (size_t)r->n_ctx * sizeof *shown);
  }
  show(r, name, r->net.n_head, r->n_ctx, shown);
}

static void look_up(run* r, const float* keys, const float* values) {
  const network* net = &r->net;
  const int group = net->n_head / net->n_kv;
  for (int i = 0; i < r->rows * net->n_head; ++i) {
    score_head(r, keys, i / net->n_head, i % net->n_head, r->scores + (int64_t)i * r->n_slots);
  }
  show_scores(r, "attn_scores");
  for (int i = 0; i < r->rows * net->n_head; ++i) softmax(r->scores + (int64_t)i * r->n_slots, r->n_slots);
  show_scores(r, "attn_softmax");
  for (int i = 0; i < r->rows * net->n_head; ++i) {
    const int t = i / net->n_head, head = i % net->n_head;
    int to = head;
    if (bug(BUG_HEADS_BY_GROUP)) to = head % group * net->n_kv + head / group;
    mix_head(r, values, t, head, r->mix + ((int64_t)t * net->n_head + to) * net->v_width);
  }
  store(r->mix, (int64_t)r->rows * net->n_head * net->v_width);
  show(r, "attn_mix", net->n_head, net->v_width, r->mix);
}

void attention(run* r, int il) {
  const network* net = &r->net;
  const layer* l = &net->layers[il];
  const int k_size = net->n_kv * net->width, v_size = net->n_kv * net->v_width;
  const int64_t place = bug(BUG_KV_SHARED) ? 0 : (int64_t)il * r->n_slots;
  float *keys = r->k + place * k_size, *values = r->v + place * v_size;
  const branch q = {&l->q,         l->q_bias,     l->q_norm,     net->n_head,         "attn_q",
                    "attn_q_bias", "attn_q_norm", "attn_q_rope", !bug(BUG_ROPE_NOT_Q)};
  const branch k = {&l->k,         l->k_bias,     l->k_norm,     net->n_kv,           "attn_k",
                    "attn_k_bias", "attn_k_norm", "attn_k_rope", !bug(BUG_ROPE_NOT_K)};

  make_heads(r, &q, r->q);
  make_heads(r, &k, r->new_k);
  make_values(r, l);
  if (bug(BUG_ODD_V)) reverse_heads(r, r->new_v);
  store_rows(r, k_size, r->new_k, keys);
  store_rows(r, v_size, r->new_v, values);
  show_cached(r, "attn_k_cache", net->n_kv, net->width, keys);
  show_cached(r, "attn_v_cache", net->n_kv, net->v_width, values);
  look_up(r, keys, values);

  project(&l->o, r->rows, net->n_head * net->v_width, net->n_embd, r->mix, r->branch);
  for (int64_t i = 0; bug(BUG_ODD_LEAK) && i + 1 < (int64_t)r->rows * net->n_embd; ++i) {
    r->branch[i] += 0.1f * r->branch[i + 1];
  }
  show(r, "attn_output", net->n_embd, 0, r->branch);
  add_row_bias(r, "attn_output_bias", net->n_embd, l->o_bias, r->branch);
}
