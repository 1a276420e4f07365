// Writes a few numbers of your engine to a JSON file that kilter reads: ten of each value are often enough.
//
//   kf_begin("few.json");
//   kf_pass(ids, n);                             // before every pass: the prompt's ids, later the one new id
//   kf_value("blk.%d.attn_q", il, row, q, 10);   // row: which token of the run; its first ten numbers
//   kf_weight("blk.%d.attn_q.weight", il, 3, decoded, n_in);   // row 3 of a weight, as you decode it
//   kf_end();
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// Parts of the file: the lists "tokens", "passes", "values" and "weights".
static struct { FILE *file, *part[4]; } kf;

static inline void kf_begin(const char* path) {
  kf.file = fopen(path, "w");
  for (int i = 0; i < 4; ++i) kf.part[i] = tmpfile();
  if (kf.file == NULL || kf.part[3] == NULL) {
    perror(path);
    exit(1);
  }
}

static inline void kf_comma(FILE* part) {
  if (ftell(part) != 0) fprintf(part, ",");
}

static inline void kf_pass(const int32_t* ids, int n) {
  for (int i = 0; i < n; ++i) {
    kf_comma(kf.part[0]);
    fprintf(kf.part[0], "%d", ids[i]);
  }
  kf_comma(kf.part[1]);
  fprintf(kf.part[1], "%d", n);
}

static inline void kf_row(FILE* part, const char* name, int layer, int64_t row, const float* x, int n) {
  kf_comma(part);
  fprintf(part, "\n  {\"name\":\"");
  fprintf(part, name, layer);
  fprintf(part, "\",\"row\":%lld,\"data\":[", (long long)row);
  for (int i = 0; i < n; ++i) {
    fprintf(part, i ? "," : "");
    fprintf(part, isfinite(x[i]) ? "%.9g" : "\"%g\"", (double)x[i]);  // 9 digits are an f32, exactly
  }
  fprintf(part, "]}");
}

static inline void kf_value(const char* name, int layer, int64_t row, const float* x, int n) {
  kf_row(kf.part[2], name, layer, row, x, n);
}

static inline void kf_weight(const char* name, int layer, int64_t row, const float* x, int n) {
  kf_row(kf.part[3], name, layer, row, x, n);
}

static inline void kf_end(void) {
  static const char* const keys[] = {"{\"tokens\":[", "],\n \"passes\":[", "],\n \"values\":[",
                                     "],\n \"weights\":["};
  for (int i = 0; i < 4; ++i) {
    fputs(keys[i], kf.file);
    rewind(kf.part[i]);
    for (int c = fgetc(kf.part[i]); c != EOF; c = fgetc(kf.part[i])) fputc(c, kf.file);
    fclose(kf.part[i]);
  }
  fputs("]}\n", kf.file);
  if (ferror(kf.file) || fclose(kf.file) != 0) {
    perror("dump");
    exit(1);
  }
}
