// Writes values of your engine to a safetensors file that kilter reads. C99 or C++, little-endian machines.
//
//   kd_begin("dump.safetensors");
//   kd_pass(ids, n);                             // before every pass: the prompt's ids, later the one new id
//   kd_value("blk.%d.attn_q", il, q, n, 32, 64); // f32: n rows of 32 heads of 64; 0 for an axis that it
//   lacks kd_value("logits", 0, logits, n, n_vocab, 0); kd_end();                                    // now
//   the file is there
//
// A name that comes again, in a later pass, adds rows. Numbers wait in memory until kd_end().
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kd_tensor {
  char name[64];
  int64_t rows, a, b;
  char* bytes;
};
static struct {
  char path[1000], meta[4000];
  struct kd_tensor* tensors;
  int32_t *ids, *passes;
  int n_tensors, n_ids, n_passes;
} kd;

static inline void kd_fail(const char* what) {
  perror(what);
  exit(1);
}

static inline void* kd_append(void* list, size_t used, const void* more, size_t bytes) {
  list = realloc(list, used + bytes + 1);
  if (list == NULL) kd_fail("dump");
  memcpy((char*)list + used, more, bytes);
  return list;
}

static inline void kd_begin(const char* path) {
  memset(&kd, 0, sizeof kd);
  snprintf(kd.path, sizeof kd.path, "%s", path);
}

static inline void kd_pass(const int32_t* ids, int32_t n) {
  kd.ids = (int32_t*)kd_append(kd.ids, 4 * (size_t)kd.n_ids, ids, 4 * (size_t)n);
  kd.passes = (int32_t*)kd_append(kd.passes, 4 * (size_t)kd.n_passes++, &n, 4);
  kd.n_ids += n;
}

// Whatever else is worth knowing, without quotes in it: kd_meta("producer", "my engine 0.1")
static inline void kd_meta(const char* key, const char* text) {
  size_t used = strlen(kd.meta);
  snprintf(kd.meta + used, sizeof kd.meta - used, "\"%s\":\"%s\",", key, text);
}

static inline int64_t kd_row_bytes(const struct kd_tensor* t) {
  return 4 * (t->a ? t->a : 1) * (t->b ? t->b : 1);
}

static inline void kd_value(const char* name, int layer, const float* x, int64_t rows, int64_t a, int64_t b) {
  struct kd_tensor t = {{0}, 0, a, b, NULL}, *at = kd.tensors;
  snprintf(t.name, sizeof t.name, name, layer);
  while (at < kd.tensors + kd.n_tensors && strcmp(at->name, t.name) != 0) ++at;
  if (at == kd.tensors + kd.n_tensors) {
    kd.tensors = (struct kd_tensor*)kd_append(kd.tensors, sizeof t * (size_t)kd.n_tensors, &t, sizeof t);
    at = kd.tensors + kd.n_tensors++;
  }
  if (at->a != a || at->b != b) {
    fprintf(stderr, "dump: %s has rows of two shapes\n", t.name);
    exit(1);
  }
  size_t row = (size_t)kd_row_bytes(at);
  at->bytes = (char*)kd_append(at->bytes, (size_t)at->rows * row, x, (size_t)rows * row);
  at->rows += rows;
}

static inline void kd_list(FILE* f, const char* key, const int32_t* list, int n) {
  fprintf(f, "\"%s\":\"", key);
  for (int i = 0; i < n; ++i) fprintf(f, "%s%d", i ? "," : "", list[i]);
  fprintf(f, "\"");
}

// The file: the length of the JSON in 8 bytes, the JSON, the numbers.
static inline void kd_end(void) {
  FILE* f = fopen(kd.path, "wb");
  if (f == NULL) kd_fail(kd.path);
  fprintf(f, "%8s{\"__metadata__\":{%s", "", kd.meta);
  kd_list(f, "token_ids", kd.ids, kd.n_ids);
  fprintf(f, ",");
  kd_list(f, "passes", kd.passes, kd.n_passes);
  fprintf(f, "}");
  int64_t end = 0;
  for (const struct kd_tensor* t = kd.tensors; t < kd.tensors + kd.n_tensors; ++t) {
    fprintf(f, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%lld", t->name, (long long)t->rows);
    if (t->a) fprintf(f, ",%lld", (long long)t->a);
    if (t->b) fprintf(f, ",%lld", (long long)t->b);
    fprintf(f, "],\"data_offsets\":[%lld,", (long long)end);
    fprintf(f, "%lld]}", (long long)(end += t->rows * kd_row_bytes(t)));
  }
  fprintf(f, "}");
  while (ftell(f) % 8 != 0) fprintf(f, " ");
  uint64_t header = (uint64_t)ftell(f) - 8;
  for (struct kd_tensor* t = kd.tensors; t < kd.tensors + kd.n_tensors; ++t) {
    fwrite(t->bytes, 1, (size_t)(t->rows * kd_row_bytes(t)), f);
    free(t->bytes);
  }
  rewind(f);
  fwrite(&header, 8, 1, f);
  if (ferror(f) || fclose(f) != 0) kd_fail(kd.path);
  free(kd.tensors);
  free(kd.ids);
  free(kd.passes);
}
