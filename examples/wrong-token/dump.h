/* Collects the values of a run and writes them to a file, under the names that `kilter explain` prints. */
#pragma once

#include <stdint.h>

typedef enum {
  DUMP_FULL,   /* every value */
  DUMP_TEN,    /* the first ten numbers of each value, of the first token and of the last */
  DUMP_LOGITS, /* the logits only */
} dump_kind;

typedef struct {
  char name[64];
  int axes;         /* of one row: 1 or 2 */
  int64_t shape[2]; /* of one row, slowest axis first */
  int64_t rows, room;
  float* data;
} dump_value;

/* Rows of a weight, as this engine decoded them. */
typedef struct {
  char name[64];
  int64_t first_row, rows, cols;
  float* data;
} dump_weight;

typedef struct {
  dump_kind kind;
  int n_values, value_room;
  dump_value* values;
  int n_weights;
  dump_weight weights[16];
  int64_t n_tokens, n_passes;
  int32_t *tokens, *passes; /* ids of the whole run; how many of them each pass took */
} dump;

/* Appends `rows` rows of [a] (b = 0) or [a, b] to the value of that name. A null dump takes nothing. */
void dump_rows(dump* to, const char* name, int64_t rows, int64_t a, int64_t b, const float* data);
void dump_pass(dump* to, const int32_t* tokens, int64_t count);
/* The format follows from the name: .json, else safetensors; ten numbers are always JSON. */
void dump_write(const dump* from, const char* path);
