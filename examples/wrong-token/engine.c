/* A small Llama engine for GGUF files, with the four bugs of docs/wrong-token.md as switches. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "dump.h"
#include "model.h"

typedef struct {
  int layout;       /* quantised projections: [out][in] in the file, used as [in][out] */
  int silu_up;      /* silu(up) * gate instead of silu(gate) * up */
  int no_cache;     /* decoding forgets the earlier tokens, and starts at position 0 again */
  int embed_column; /* the embedding is gathered with stride n_vocab */
} bugs;

typedef struct {
  model m;
  bugs bug;
  dump* dump;
  int n_ctx;             /* tokens of the whole run */
  float *k, *v;          /* [n_layer][n_ctx][n_kv * width] */
  float *x, *h, *branch; /* [n_ctx][n_embd] */
  float *q, *mix;        /* [n_ctx][n_head * width] */
  float *gate, *up;      /* [n_ctx][n_ff] */
  float* scores;         /* [n_ctx][n_head][n_ctx] */
  float* logits;         /* [n_ctx][n_vocab] */
} engine;

/* ---- Dumping ---- */

static void show(engine* e, int il, const char* name, int rows, int a, int b, const float* data) {
  char full[64];
  if (il < 0) {
    snprintf(full, sizeof full, "%s", name);
  } else {
    snprintf(full, sizeof full, "blk.%d.%s", il, name);
  }
  dump_rows(e->dump, full, rows, a, b, data);
}

/* ---- Operations, on `rows` tokens at once ---- */

static float dot(const float* a, const float* b, int64_t n) {
  float sum[8] = {0};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; ++j) sum[j] += a[i + j] * b[i + j];
  }
  for (; i < n; ++i) sum[0] += a[i] * b[i];
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* y[t][o] = sum over i of w[o][i] x[t][i], where the file has w as `out` rows of `in` elements. */
static void multiply(const gguf_tensor* w, int rows, const float* x, float* y) {
  const int64_t in = w->ne[0], out = w->ne[1];
  float* row = allocate((size_t)in, sizeof *row);
  for (int64_t o = 0; o < out; ++o) {
    decode_elements(w, o * in, in, row);
    for (int t = 0; t < rows; ++t) y[t * out + o] = dot(row, x + t * in, in);
  }
  free(row);
}

/* The same buffer taken as `in` rows of `out` elements: the shape {in, out} that a GGUF file states was
 * taken for rows and columns. A square matrix comes out transposed, any other one in pieces. */
static void multiply_wrong_layout(const gguf_tensor* w, int rows, const float* x, float* y) {
  enum { CHUNK = 4096 };
  const int64_t in = w->ne[0], out = w->ne[1], n = in * out;
  float chunk[CHUNK];
  memset(y, 0, (size_t)(rows * out) * sizeof *y);
  for (int64_t first = 0; first < n; first += CHUNK) {
    const int64_t count = n - first < CHUNK ? n - first : CHUNK;
    decode_elements(w, first, count, chunk);
    for (int64_t c = 0; c < count;) {
      const int64_t i = (first + c) / out, o = (first + c) % out;
      const int64_t run = out - o < count - c ? out - o : count - c;
      for (int t = 0; t < rows; ++t) {
        const float factor = x[t * in + i];
        for (int64_t j = 0; j < run; ++j) y[t * out + o + j] += factor * chunk[c + j];
      }
      c += run;
    }
  }
}

/* The author of the original converted F16 and F32 weights on another path, which was right. */
static void project(const engine* e, const gguf_tensor* w, int rows, const float* x, float* y) {
  const int quantised = type_of(w->type).elements > 1;
  if (e->bug.layout && quantised) {
    multiply_wrong_layout(w, rows, x, y);
  } else {
    multiply(w, rows, x, y);
  }
}

static void embed(const engine* e, int rows, const int32_t* tokens, float* x) {
  const model* m = &e->m;
  const int block = type_of(m->embd->type).elements;
  float decoded[256];
  for (int t = 0; t < rows; ++t) {
    float* row = x + (int64_t)t * m->n_embd;
    if (!e->bug.embed_column) {
      decode_elements(m->embd, (int64_t)tokens[t] * m->n_embd, m->n_embd, row);
      continue;
    }
    for (int64_t i = 0; i < m->n_embd; ++i) {
      const int64_t element = i * m->n_vocab + tokens[t];
      decode_elements(m->embd, element / block * block, block, decoded);
      row[i] = decoded[element % block];
    }
  }
}

static void rmsnorm(const model* m, const float* weight, int rows, const float* x, float* y) {
  for (int t = 0; t < rows; ++t, x += m->n_embd, y += m->n_embd) {
    const float scale = 1 / sqrtf(dot(x, x, m->n_embd) / (float)m->n_embd + m->eps);
    for (int i = 0; i < m->n_embd; ++i) y[i] = x[i] * scale * weight[i];
  }
}

/* Turns the elements 2i and 2i + 1 of each head by position * base^(-2i / n_rot). */
static void rope(const model* m, int heads, int rows, int position, float* x) {
  for (int t = 0; t < rows; ++t) {
    for (int i = 0; i < m->n_rot / 2; ++i) {
      const double angle = (position + t) * pow(m->base, -2.0 * i / m->n_rot);
      const float c = (float)cos(angle), s = (float)sin(angle);
      for (int head = 0; head < heads; ++head) {
        float* pair = x + ((int64_t)t * heads + head) * m->width + 2 * i;
        const float a = pair[0], b = pair[1];
        pair[0] = a * c - b * s;
        pair[1] = a * s + b * c;
      }
    }
  }
}

static void softmax(float* scores, int keys) {
  float largest = scores[0], sum = 0;
  for (int i = 1; i < keys; ++i) largest = scores[i] > largest ? scores[i] : largest;
  for (int i = 0; i < keys; ++i) sum += scores[i] = expf(scores[i] - largest);
  for (int i = 0; i < keys; ++i) scores[i] /= sum;
}

static void add(int64_t n, const float* branch, float* x) {
  for (int64_t i = 0; i < n; ++i) x[i] += branch[i];
}

/* ---- A layer ---- */

/* scores[t][head][key] for the keys up to the token's own; -infinity for later ones. */
static void score(engine* e, int rows, int position, const float* keys) {
  const model* m = &e->m;
  const int q_size = m->n_head * m->width, kv_size = m->n_kv * m->width;
  for (int t = 0; t < rows; ++t) {
    for (int head = 0; head < m->n_head; ++head) {
      const float* q = e->q + (int64_t)t * q_size + head * m->width;
      const float* k = keys + head / (m->n_head / m->n_kv) * m->width;
      float* out = e->scores + ((int64_t)t * m->n_head + head) * e->n_ctx;
      for (int p = 0; p < e->n_ctx; ++p) {
        out[p] = p > position + t ? -INFINITY
                                  : dot(q, k + (int64_t)p * kv_size, m->width) / sqrtf((float)m->width);
      }
    }
  }
}

static void mix_values(engine* e, int rows, int position, const float* values) {
  const model* m = &e->m;
  const int q_size = m->n_head * m->width, kv_size = m->n_kv * m->width;
  memset(e->mix, 0, (size_t)(rows * q_size) * sizeof *e->mix);
  for (int t = 0; t < rows; ++t) {
    for (int head = 0; head < m->n_head; ++head) {
      const float* share = e->scores + ((int64_t)t * m->n_head + head) * e->n_ctx;
      const float* v = values + head / (m->n_head / m->n_kv) * m->width;
      float* out = e->mix + (int64_t)t * q_size + head * m->width;
      for (int p = 0; p <= position + t; ++p) {
        for (int i = 0; i < m->width; ++i) out[i] += share[p] * v[(int64_t)p * kv_size + i];
      }
    }
  }
}

static void attention(engine* e, int il, int rows, int position) {
  const model* m = &e->m;
  const layer* w = &m->layers[il];
  const int kv_size = m->n_kv * m->width;
  float *keys = e->k + (int64_t)il * e->n_ctx * kv_size, *k = keys + (int64_t)position * kv_size;
  float *values = e->v + (int64_t)il * e->n_ctx * kv_size, *v = values + (int64_t)position * kv_size;

  rmsnorm(m, w->attn_norm, rows, e->x, e->h);
  show(e, il, "attn_norm", rows, m->n_embd, 0, e->h);
  project(e, w->q, rows, e->h, e->q);
  show(e, il, "attn_q", rows, m->n_head, m->width, e->q);
  rope(m, m->n_head, rows, position, e->q);
  show(e, il, "attn_q_rope", rows, m->n_head, m->width, e->q);
  project(e, w->k, rows, e->h, k);
  show(e, il, "attn_k", rows, m->n_kv, m->width, k);
  rope(m, m->n_kv, rows, position, k);
  show(e, il, "attn_k_rope", rows, m->n_kv, m->width, k);
  project(e, w->v, rows, e->h, v);
  show(e, il, "attn_v", rows, m->n_kv, m->width, v);
  show(e, il, "attn_k_cache", rows, m->n_kv, m->width, k);
  show(e, il, "attn_v_cache", rows, m->n_kv, m->width, v);

  score(e, rows, position, keys);
  show(e, il, "attn_scores", rows, m->n_head, e->n_ctx, e->scores);
  for (int i = 0; i < rows * m->n_head; ++i) softmax(e->scores + (int64_t)i * e->n_ctx, e->n_ctx);
  show(e, il, "attn_softmax", rows, m->n_head, e->n_ctx, e->scores);
  mix_values(e, rows, position, values);
  show(e, il, "attn_mix", rows, m->n_head, m->width, e->mix);
  project(e, w->o, rows, e->mix, e->branch);
  show(e, il, "attn_output", rows, m->n_embd, 0, e->branch);
  add((int64_t)rows * m->n_embd, e->branch, e->x);
  show(e, il, "attn_residual", rows, m->n_embd, 0, e->x);
}

static float silu(float x) { return x / (1 + expf(-x)); }

static void feed_forward(engine* e, int il, int rows) {
  const model* m = &e->m;
  const layer* w = &m->layers[il];
  rmsnorm(m, w->ffn_norm, rows, e->x, e->h);
  show(e, il, "ffn_norm", rows, m->n_embd, 0, e->h);
  project(e, w->gate, rows, e->h, e->gate);
  show(e, il, "ffn_gate", rows, m->n_ff, 0, e->gate);
  project(e, w->up, rows, e->h, e->up);
  show(e, il, "ffn_up", rows, m->n_ff, 0, e->up);

  float *act = e->bug.silu_up ? e->up : e->gate, *other = e->bug.silu_up ? e->gate : e->up;
  const int64_t n = (int64_t)rows * m->n_ff;
  for (int64_t i = 0; i < n; ++i) act[i] = silu(act[i]);
  show(e, il, "ffn_act", rows, m->n_ff, 0, act);
  for (int64_t i = 0; i < n; ++i) act[i] *= other[i];
  show(e, il, "ffn_gated", rows, m->n_ff, 0, act);
  project(e, w->down, rows, act, e->branch);
  show(e, il, "ffn_down", rows, m->n_embd, 0, e->branch);
  add((int64_t)rows * m->n_embd, e->branch, e->x);
  show(e, il, "ffn_residual", rows, m->n_embd, 0, e->x);
}

/* ---- A pass over `rows` tokens, of which the first is at `position` ---- */

static void forward(engine* e, const int32_t* tokens, int rows, int position) {
  const model* m = &e->m;
  dump_pass(e->dump, tokens, rows);
  embed(e, rows, tokens, e->x);
  show(e, -1, "token_embd", rows, m->n_embd, 0, e->x);
  for (int il = 0; il < m->n_layer; ++il) {
    attention(e, il, rows, position);
    feed_forward(e, il, rows);
  }
  show(e, -1, "output_rows", rows, m->n_embd, 0, e->x);
  rmsnorm(m, m->output_norm, rows, e->x, e->h);
  show(e, -1, "output_norm", rows, m->n_embd, 0, e->h);
  multiply(m->output, rows, e->h, e->logits);
  show(e, -1, "logits", rows, m->n_vocab, 0, e->logits);
}

static int32_t largest(const float* logits, int n) {
  int32_t best = 0;
  for (int i = 1; i < n; ++i) {
    if (logits[i] > logits[best]) best = i;
  }
  return best;
}

/* The prompt in one pass, then `steps` tokens, one by one, each the likeliest. */
static void generate(engine* e, const int32_t* prompt, int n_prompt, int steps) {
  int rows = n_prompt, position = 0;
  int32_t token = 0;
  forward(e, prompt, n_prompt, 0);
  for (int step = 0;; ++step) {
    const float* logits = e->logits + (int64_t)(rows - 1) * e->m.n_vocab;
    position += rows;
    rows = 1;
    token = largest(logits, e->m.n_vocab);
    printf("position %d: token %d, logit %.3f\n", position, token, (double)logits[token]);
    if (step == steps) return;
    forward(e, &token, 1, e->bug.no_cache ? 0 : position);
  }
}

static engine make_engine(const char* path, int n_ctx) {
  engine e = {.m = load_model(path), .n_ctx = n_ctx};
  const model* m = &e.m;
  const size_t n = (size_t)n_ctx, q_size = (size_t)(m->n_head * m->width);
  const size_t kv_size = (size_t)(m->n_kv * m->width), cached = (size_t)m->n_layer * n * kv_size;
  e.k = allocate(cached, sizeof(float));
  e.v = allocate(cached, sizeof(float));
  e.x = allocate(n * (size_t)m->n_embd, sizeof(float));
  e.h = allocate(n * (size_t)m->n_embd, sizeof(float));
  e.branch = allocate(n * (size_t)m->n_embd, sizeof(float));
  e.q = allocate(n * q_size, sizeof(float));
  e.mix = allocate(n * q_size, sizeof(float));
  e.gate = allocate(n * (size_t)m->n_ff, sizeof(float));
  e.up = allocate(n * (size_t)m->n_ff, sizeof(float));
  e.scores = allocate(n * (size_t)m->n_head * n, sizeof(float));
  e.logits = allocate(n * (size_t)m->n_vocab, sizeof(float));
  return e;
}

/* ---- The command line ---- */

typedef struct {
  const char *model_path, *dump_path;
  bugs bug;
  dump_kind kind;
  int32_t ids[256];
  int n_ids, steps;
} options;

static const char usage[] =
    "Usage: engine MODEL.gguf [--ids 1,450,...] [--steps N] [--bug NAME]...\n"
    "                         [--dump FILE] [--dump-kind full|ten|logits]\n"
    "Runs a Llama from token ids (default: 1) and N steps more (default: 1), always the likeliest token.\n"
    "Bugs: layout, silu-up, no-cache, embed-column, all\n";

static void set_bug(bugs* bug, const char* name) {
  const int all = strcmp(name, "all") == 0;
  const bugs before = *bug;
  if (all || strcmp(name, "layout") == 0) bug->layout = 1;
  if (all || strcmp(name, "silu-up") == 0) bug->silu_up = 1;
  if (all || strcmp(name, "no-cache") == 0) bug->no_cache = 1;
  if (all || strcmp(name, "embed-column") == 0) bug->embed_column = 1;
  if (memcmp(&before, bug, sizeof before) == 0) die("no new bug '%s'\n%s", name, usage);
}

static long whole_number(const char* text, char** end, long limit) {
  const long number = strtol(text, end, 10);
  if (*end == text || number < 0 || number > limit) die("'%s' is no number from 0 to %ld", text, limit);
  return number;
}

static void set_ids(options* o, const char* text) {
  char* end;
  for (o->n_ids = 0; o->n_ids < 256; text = end + 1) {
    o->ids[o->n_ids++] = (int32_t)whole_number(text, &end, 1 << 30);
    if (*end == 0) return;
    if (*end != ',') die("--ids wants numbers with commas between them");
  }
  die("at most 256 tokens");
}

static dump_kind kind_named(const char* name) {
  if (strcmp(name, "full") == 0) return DUMP_FULL;
  if (strcmp(name, "ten") == 0) return DUMP_TEN;
  if (strcmp(name, "logits") == 0) return DUMP_LOGITS;
  die("no dump kind '%s'\n%s", name, usage);
}

static options read_options(int count, char** words) {
  options o = {.ids = {1}, .n_ids = 1, .steps = 1};
  char* end;
  for (int i = 1; i < count; ++i) {
    const char *word = words[i], *value = i + 1 < count ? words[i + 1] : NULL;
    if (strncmp(word, "--", 2) != 0) {
      if (o.model_path) die("one model, please\n%s", usage);
      o.model_path = word;
      continue;
    }
    if (strcmp(word, "--help") == 0) {
      fputs(usage, stdout);
      exit(0);
    }
    if (!value) die("%s wants a value\n%s", word, usage);
    ++i;
    if (strcmp(word, "--ids") == 0) {
      set_ids(&o, value);
    } else if (strcmp(word, "--steps") == 0) {
      o.steps = (int)whole_number(value, &end, 256);
    } else if (strcmp(word, "--bug") == 0) {
      set_bug(&o.bug, value);
    } else if (strcmp(word, "--dump") == 0) {
      o.dump_path = value;
    } else if (strcmp(word, "--dump-kind") == 0) {
      o.kind = kind_named(value);
    } else {
      die("no option %s\n%s", word, usage);
    }
  }
  if (!o.model_path) die("which model?\n%s", usage);
  return o;
}

int main(int count, char** words) {
  options o = read_options(count, words);
  engine e = make_engine(o.model_path, o.n_ids + o.steps);
  dump values = {.kind = o.kind};
  for (int i = 0; i < o.n_ids; ++i) {
    if (o.ids[i] >= e.m.n_vocab) die("token %d: the model has %d", o.ids[i], e.m.n_vocab);
  }
  e.bug = o.bug;
  if (o.dump_path) e.dump = &values;
  generate(&e, o.ids, o.n_ids, o.steps);
  if (o.dump_path) dump_write(&values, o.dump_path);
  return 0;
}
