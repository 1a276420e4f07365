// Writes values of your engine to a safetensors file that kilter reads. C99 or C++, little-endian machines.
//
//   kd_begin("dump.safetensors");
//   kd_pass(ids, n);                          before every pass: the ids of the prompt, later the one new id
//   kd_value("blk.%d.attn_q", il, q, n, 32, 64);   f32, n rows of 32 heads of 64; 0 for an axis that it lacks
//   kd_value("logits", 0, logits, n, n_vocab, 0);
//   kd_end();                                 now the file is there
//
// A name that comes again in a later pass adds rows below those that are there. The numbers wait in
// dump.safetensors.part, not in memory.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kd_info {
  char name[64];
  int64_t rows, a, b;
};  // all of its passes
struct kd_piece {
  int value;
  int64_t at, bytes;
};  // what one pass gave, in the .part file
static struct {
  char path[1000], part[1010], meta[4000];
  FILE* data;
  int64_t at;
  struct kd_info* values;
  struct kd_piece* pieces;
  int32_t *ids, *passes;
  int n_values, n_pieces, n_ids, n_passes;
} kd;

static inline void kd_fail(const char* what) {
  perror(what);
  exit(1);
}

static inline void* kd_grow(void* list, int n, size_t size) {  // room for one more of n
  if ((n & (n - 1)) == 0 && (list = realloc(list, (n ? 2 * (size_t)n : 1) * size)) == NULL) kd_fail("dump");
  return list;
}

static inline void kd_begin(const char* path) {
  memset(&kd, 0, sizeof kd);
  snprintf(kd.path, sizeof kd.path, "%s", path);
  snprintf(kd.part, sizeof kd.part, "%s.part", path);
  if ((kd.data = fopen(kd.part, "w+b")) == NULL) kd_fail(kd.part);
}

static inline void kd_pass(const int32_t* ids, int n) {
  for (int i = 0; i < n; ++i) {
    kd.ids = (int32_t*)kd_grow(kd.ids, kd.n_ids, sizeof *kd.ids);
    kd.ids[kd.n_ids++] = ids[i];
  }
  kd.passes = (int32_t*)kd_grow(kd.passes, kd.n_passes, sizeof *kd.passes);
  kd.passes[kd.n_passes++] = n;
}

// Whatever else is worth knowing, without quotes in it: kd_meta("producer", "my engine 0.1")
static inline void kd_meta(const char* key, const char* text) {
  size_t used = strlen(kd.meta);
  snprintf(kd.meta + used, sizeof kd.meta - used, "\"%s\":\"%s\",", key, text);
}

static inline void kd_value(const char* name, int layer, const float* x, int64_t rows, int64_t a, int64_t b) {
  struct kd_info v = {{0}, 0, a, b};
  int64_t bytes = 4 * rows * (a ? a : 1) * (b ? b : 1);
  int i = 0;
  snprintf(v.name, sizeof v.name, name, layer);
  while (i < kd.n_values && strcmp(kd.values[i].name, v.name) != 0) ++i;
  if (i == kd.n_values) {
    kd.values = (struct kd_info*)kd_grow(kd.values, kd.n_values, sizeof v);
    kd.values[kd.n_values++] = v;
  }
  if (kd.values[i].a != a || kd.values[i].b != b) {
    fprintf(stderr, "dump: %s has rows of two shapes\n", v.name);
    exit(1);
  }
  kd.values[i].rows += rows;
  kd.pieces = (struct kd_piece*)kd_grow(kd.pieces, kd.n_pieces, sizeof *kd.pieces);
  kd.pieces[kd.n_pieces].value = i;
  kd.pieces[kd.n_pieces].at = kd.at;
  kd.pieces[kd.n_pieces++].bytes = bytes;
  kd.at += bytes;
  if (fwrite(x, 1, (size_t)bytes, kd.data) != (size_t)bytes) kd_fail(kd.part);
}

static inline void kd_list(FILE* f, const char* key, const int32_t* list, int n) {
  fprintf(f, "\"%s\":\"", key);
  for (int i = 0; i < n; ++i) fprintf(f, i ? ",%d" : "%d", list[i]);
  fputs("\"", f);
}

// A safetensors file: 8 bytes that hold the length of the JSON, the JSON, the numbers.
static inline void kd_end(void) {
  FILE* f = fopen(kd.path, "wb");
  if (f == NULL) kd_fail(kd.path);
  fprintf(f, "%8s{\"__metadata__\":{%s", "", kd.meta);
  kd_list(f, "token_ids", kd.ids, kd.n_ids);
  fputs(",", f);
  kd_list(f, "passes", kd.passes, kd.n_passes);
  fputs("}", f);
  int64_t at = 0;
  for (int i = 0; i < kd.n_values; ++i) {
    const struct kd_info* v = &kd.values[i];
    int64_t bytes = 4 * v->rows * (v->a ? v->a : 1) * (v->b ? v->b : 1);
    fprintf(f, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%lld", v->name, (long long)v->rows);
    if (v->a) fprintf(f, ",%lld", (long long)v->a);
    if (v->b) fprintf(f, ",%lld", (long long)v->b);
    fprintf(f, "],\"data_offsets\":[%lld,%lld]}", (long long)at, (long long)(at + bytes));
    at += bytes;
  }
  fputs("}", f);
  while (ftell(f) % 8 != 0) fputs(" ", f);
  uint64_t header = (uint64_t)ftell(f) - 8;
  for (int i = 0; i < kd.n_values; ++i) {
    for (int j = 0; j < kd.n_pieces; ++j) {
      char buffer[65536];
      if (kd.pieces[j].value != i || fseek(kd.data, (long)kd.pieces[j].at, SEEK_SET) != 0) continue;
      for (int64_t left = kd.pieces[j].bytes; left > 0;) {
        size_t n = left < (int64_t)sizeof buffer ? (size_t)left : sizeof buffer;
        if (fread(buffer, 1, n, kd.data) != n || fwrite(buffer, 1, n, f) != n) kd_fail(kd.path);
        left -= (int64_t)n;
      }
    }
  }
  rewind(f);
  if (fwrite(&header, 8, 1, f) != 1 || fclose(f) != 0) kd_fail(kd.path);
  fclose(kd.data);
  remove(kd.part);
  free(kd.values), free(kd.pieces), free(kd.ids), free(kd.passes);
}
