#include "dump.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gguf.h"

static void* grow(void* memory, int64_t count, size_t size) {
  void* larger = realloc(memory, (size_t)count * size);
  if (!larger) die("no memory for the dump");
  return larger;
}

static dump_value* value_named(dump* to, const char* name) {
  for (int i = 0; i < to->n_values; ++i) {
    if (strcmp(to->values[i].name, name) == 0) return &to->values[i];
  }
  if (to->n_values == to->value_room) {
    to->value_room = to->value_room * 2 + 64;
    to->values = grow(to->values, to->value_room, sizeof *to->values);
  }
  dump_value* value = &to->values[to->n_values++];
  memset(value, 0, sizeof *value);
  snprintf(value->name, sizeof value->name, "%s", name);
  return value;
}

void dump_rows(dump* to, const char* name, int64_t rows, int64_t a, int64_t b, const float* data) {
  if (!to || (to->kind == DUMP_LOGITS && strcmp(name, "logits") != 0)) return;
  dump_value* value = value_named(to, name);
  value->axes = b > 0 ? 2 : 1;
  value->shape[0] = a;
  value->shape[1] = b;
  const int64_t row_size = b > 0 ? a * b : a;
  if (value->rows + rows > value->room) {
    value->room = (value->rows + rows) * 2;
    value->data = grow(value->data, value->room * row_size, sizeof(float));
  }
  memcpy(value->data + value->rows * row_size, data, (size_t)(rows * row_size) * sizeof(float));
  value->rows += rows;
}

void dump_pass(dump* to, const int32_t* tokens, int64_t count) {
  if (!to) return;
  to->tokens = grow(to->tokens, to->n_tokens + count, sizeof *to->tokens);
  to->passes = grow(to->passes, to->n_passes + 1, sizeof *to->passes);
  memcpy(to->tokens + to->n_tokens, tokens, (size_t)count * sizeof *tokens);
  to->n_tokens += count;
  to->passes[to->n_passes++] = (int32_t)count;
}

static int64_t row_size(const dump_value* value) {
  return value->axes == 2 ? value->shape[0] * value->shape[1] : value->shape[0];
}

static void print_list(FILE* file, const int32_t* numbers, int64_t count) {
  for (int64_t i = 0; i < count; ++i) fprintf(file, "%s%d", i ? "," : "", numbers[i]);
}

static void print_shape(FILE* file, const dump_value* value) {
  fprintf(file, "\"shape\":[%lld,%lld", (long long)value->rows, (long long)value->shape[0]);
  if (value->axes == 2) fprintf(file, ",%lld", (long long)value->shape[1]);
  fputc(']', file);
}

/* ---- safetensors: 8 bytes with the length of a JSON header, the header, the numbers ---- */

static void print_header(FILE* file, const dump* from) {
  fputs("{\"__metadata__\":{\"token_ids\":\"", file);
  print_list(file, from->tokens, from->n_tokens);
  fputs("\",\"passes\":\"", file);
  print_list(file, from->passes, from->n_passes);
  fputs("\"}", file);
  long long at = 0;
  for (int i = 0; i < from->n_values; ++i) {
    const dump_value* value = &from->values[i];
    const long long bytes = (long long)(value->rows * row_size(value)) * 4;
    fprintf(file, ",\"%s\":{\"dtype\":\"F32\",", value->name);
    print_shape(file, value);
    fprintf(file, ",\"data_offsets\":[%lld,%lld]}", at, at + bytes);
    at += bytes;
  }
  for (int i = 0; i < from->n_weights; ++i) {
    const dump_weight* weight = &from->weights[i];
    const long long bytes = (long long)(weight->rows * weight->cols) * 4;
    fprintf(file, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%lld,%lld],\"data_offsets\":[%lld,%lld]}",
            weight->name, (long long)weight->rows, (long long)weight->cols, at, at + bytes);
    at += bytes;
  }
  fputc('}', file);
}

static void write_safetensors(const dump* from, FILE* file) {
  const char nothing[8] = {0};
  fwrite(nothing, 1, 8, file);
  print_header(file, from);
  uint64_t length = (uint64_t)ftell(file) - 8;
  while (length % 8 != 0) {
    fputc(' ', file);
    ++length;
  }
  for (int i = 0; i < from->n_values; ++i) {
    const dump_value* value = &from->values[i];
    fwrite(value->data, sizeof(float), (size_t)(value->rows * row_size(value)), file);
  }
  for (int i = 0; i < from->n_weights; ++i) {
    const dump_weight* weight = &from->weights[i];
    fwrite(weight->data, sizeof(float), (size_t)(weight->rows * weight->cols), file);
  }
  rewind(file);
  fwrite(&length, 1, 8, file);
}

/* ---- JSON: what somebody writes who only has printf ---- */

static void print_numbers(FILE* file, const float* numbers, int64_t count) {
  fputs("\"data\":[", file);
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0) fputc(',', file);
    if (isnan(numbers[i])) {
      fputs("\"nan\"", file);
    } else if (isinf(numbers[i])) {
      fputs(numbers[i] > 0 ? "\"inf\"" : "\"-inf\"", file);
    } else {
      fprintf(file, "%.9g", (double)numbers[i]);
    }
  }
  fputc(']', file);
}

/* Which token row r of the value is: a value with a row a pass has the pass's last. */
static int64_t token_of_row(const dump* from, const dump_value* value, int64_t row) {
  if (value->rows == from->n_tokens || value->rows != from->n_passes) return row;
  int64_t token = -1;
  for (int64_t pass = 0; pass <= row; ++pass) token += from->passes[pass];
  return token;
}

static void print_value(FILE* file, const dump* from, const dump_value* value, const char** comma) {
  fprintf(file, "%s\n{\"name\":\"%s\",", *comma, value->name);
  print_shape(file, value);
  fputs(",\"rows\":[", file);
  for (int64_t row = 0; row < value->rows; ++row) {
    fprintf(file, "%s%lld", row ? "," : "", (long long)token_of_row(from, value, row));
  }
  fputs("],", file);
  print_numbers(file, value->data, value->rows * row_size(value));
  fputc('}', file);
  *comma = ",";
}

static void print_ten(FILE* file, const dump* from, const dump_value* value, int64_t row,
                      const char** comma) {
  const int64_t size = row_size(value);
  fprintf(file, "%s\n{\"name\":\"%s\",", *comma, value->name);
  print_shape(file, value);
  fprintf(file, ",\"row\":%lld,\"first\":0,", (long long)token_of_row(from, value, row));
  print_numbers(file, value->data + row * size, size < 10 ? size : 10);
  fputc('}', file);
  *comma = ",";
}

static void print_weights(FILE* file, const dump* from) {
  const char* comma = "";
  for (int i = 0; i < from->n_weights; ++i) {
    const dump_weight* weight = &from->weights[i];
    for (int64_t row = 0; row < weight->rows; ++row) {
      fprintf(file, "%s\n{\"name\":\"%s\",\"row\":%lld,", comma, weight->name,
              (long long)(weight->first_row + row));
      print_numbers(file, weight->data + row * weight->cols, weight->cols);
      fputc('}', file);
      comma = ",";
    }
  }
}

static void write_json(const dump* from, FILE* file) {
  const char* comma = "";
  fputs("{\"tokens\":[", file);
  print_list(file, from->tokens, from->n_tokens);
  fputs("],\"passes\":[", file);
  print_list(file, from->passes, from->n_passes);
  fputs("],\"values\":[", file);
  for (int i = 0; i < from->n_values; ++i) {
    const dump_value* value = &from->values[i];
    if (from->kind != DUMP_TEN) {
      print_value(file, from, value, &comma);
      continue;
    }
    print_ten(file, from, value, 0, &comma);
    if (value->rows > 1) print_ten(file, from, value, value->rows - 1, &comma);
  }
  fputs("],\"weights\":[", file);
  print_weights(file, from);
  fputs("\n]}\n", file);
}

void dump_write(const dump* from, const char* path) {
  const size_t length = strlen(path);
  const int json = from->kind == DUMP_TEN || (length > 5 && strcmp(path + length - 5, ".json") == 0);
  FILE* file = fopen(path, "wb");
  if (!file) die("%s cannot be written", path);
  if (json) {
    write_json(from, file);
  } else {
    write_safetensors(from, file);
  }
  const int failed = ferror(file);
  if (fclose(file) != 0 || failed) die("%s cannot be written to its end; is the disk full?", path);
}
