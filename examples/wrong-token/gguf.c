#define _POSIX_C_SOURCE 200809L
#include "gguf.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void die(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("engine: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

void* allocate(size_t count, size_t size) {
  void* memory = calloc(count > 0 ? count : 1, size);
  if (!memory) die("no memory for %zu x %zu bytes", count, size);
  return memory;
}

type_info type_of(int type) {
  switch (type) {
    case TYPE_F32:
      return (type_info){"F32", 1, 4};
    case TYPE_F16:
      return (type_info){"F16", 1, 2};
    case TYPE_BF16:
      return (type_info){"BF16", 1, 2};
    case TYPE_Q4_0:
      return (type_info){"Q4_0", 32, 18};
    case TYPE_Q4_1:
      return (type_info){"Q4_1", 32, 20};
    case TYPE_Q5_0:
      return (type_info){"Q5_0", 32, 22};
    case TYPE_Q5_1:
      return (type_info){"Q5_1", 32, 24};
    case TYPE_Q8_0:
      return (type_info){"Q8_0", 32, 34};
    case TYPE_Q2_K:
      return (type_info){"Q2_K", 256, 84};
    case TYPE_Q3_K:
      return (type_info){"Q3_K", 256, 110};
    case TYPE_Q4_K:
      return (type_info){"Q4_K", 256, 144};
    case TYPE_Q5_K:
      return (type_info){"Q5_K", 256, 176};
    case TYPE_Q6_K:
      return (type_info){"Q6_K", 256, 210};
    default:
      return (type_info){"unknown", 0, 0};
  }
}

/* ---- A cursor that cannot leave the file ---- */

typedef struct {
  const uint8_t* bytes;
  size_t at, size;
} cursor;

static const uint8_t* take(cursor* c, uint64_t count) {
  if (count > c->size - c->at) die("the file ends within its header, at byte %zu", c->at);
  const uint8_t* bytes = c->bytes + c->at;
  c->at += (size_t)count;
  return bytes;
}

/* GGUF is little-endian, and so are the machines that this example runs on. */
static uint64_t take_number(cursor* c, int bytes) {
  uint64_t number = 0;
  memcpy(&number, take(c, (uint64_t)bytes), (size_t)bytes);
  return number;
}

static char* take_text(cursor* c) {
  const uint64_t length = take_number(c, 8);
  const uint8_t* letters = take(c, length);
  char* text = allocate((size_t)length + 1, 1);
  memcpy(text, letters, (size_t)length);
  return text;
}

/* ---- Metadata ---- */

enum {
  KIND_U8,
  KIND_I8,
  KIND_U16,
  KIND_I16,
  KIND_U32,
  KIND_I32,
  KIND_F32,
  KIND_BOOL,
  KIND_TEXT,
  KIND_ARRAY,
  KIND_U64,
  KIND_I64,
  KIND_F64,
  KINDS
};

static int kind_bytes(int kind) {
  static const int bytes[KINDS] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return bytes[kind];
}

static void skip_value(cursor* c, int kind) {
  if (kind == KIND_TEXT) {
    take(c, take_number(c, 8));
  } else {
    take(c, (uint64_t)kind_bytes(kind));
  }
}

static int take_kind(cursor* c) {
  const uint64_t kind = take_number(c, 4);
  if (kind >= KINDS) die("metadata of an unknown type %llu at byte %zu", (unsigned long long)kind, c->at);
  return (int)kind;
}

static gguf_entry take_entry(cursor* c) {
  gguf_entry entry = {.key = take_text(c), .type = take_kind(c), .count = 1};
  entry.value = c->bytes + c->at;
  if (entry.type != KIND_ARRAY) {
    skip_value(c, entry.type);
    return entry;
  }
  const int kind = take_kind(c);
  if (kind == KIND_ARRAY) die("%s is an array of arrays, which this engine does not read", entry.key);
  entry.count = take_number(c, 8);
  if (entry.count > c->size) die("%s has more elements than the file has bytes", entry.key);
  for (uint64_t i = 0; i < entry.count; ++i) skip_value(c, kind);
  return entry;
}

static const gguf_entry* find_entry(const gguf_file* file, const char* key) {
  for (uint64_t i = 0; i < file->n_entries; ++i) {
    if (strcmp(file->entries[i].key, key) == 0) return &file->entries[i];
  }
  return NULL;
}

double gguf_real(const gguf_file* file, const char* key, double instead) {
  const gguf_entry* entry = find_entry(file, key);
  if (!entry) return instead;
  float f32;
  double f64;
  switch (entry->type) {
    case KIND_F32:
      memcpy(&f32, entry->value, 4);
      return (double)f32;
    case KIND_F64:
      memcpy(&f64, entry->value, 8);
      return f64;
    default:
      return (double)gguf_int(file, key, 0);
  }
}

int64_t gguf_int(const gguf_file* file, const char* key, int64_t instead) {
  const gguf_entry* entry = find_entry(file, key);
  if (!entry) return instead;
  uint64_t number = 0;
  if (kind_bytes(entry->type) == 0) die("%s is no number", key);
  memcpy(&number, entry->value, (size_t)kind_bytes(entry->type));
  switch (entry->type) {
    case KIND_I8:
      return (int8_t)number;
    case KIND_I16:
      return (int16_t)number;
    case KIND_I32:
      return (int32_t)number;
    case KIND_F32:
    case KIND_F64:
      die("%s is no whole number", key);
    default:
      return (int64_t)number;
  }
}

void gguf_text(const gguf_file* file, const char* key, char text[64]) {
  memset(text, 0, 64);
  const gguf_entry* entry = find_entry(file, key);
  if (!entry || entry->type != KIND_TEXT) return;
  uint64_t length;
  memcpy(&length, entry->value, 8);
  memcpy(text, entry->value + 8, (size_t)(length < 63 ? length : 63));
}

/* ---- Tensors ---- */

static gguf_tensor take_tensor(cursor* c) {
  gguf_tensor tensor = {.name = take_text(c), .ne = {1, 1}};
  const uint64_t axes = take_number(c, 4);
  if (axes < 1 || axes > 2)
    die("%s has %llu axes; a Llama has 1 or 2", tensor.name, (unsigned long long)axes);
  for (uint64_t i = 0; i < axes; ++i) {
    const uint64_t extent = take_number(c, 8);
    if (extent < 1 || extent > (1u << 30)) die("%s: no axis is that long", tensor.name);
    tensor.ne[i] = (int64_t)extent;
  }
  tensor.type = (int)take_number(c, 4);
  tensor.offset = take_number(c, 8);
  return tensor;
}

static void place_tensor(const gguf_file* file, gguf_tensor* tensor) {
  const type_info type = type_of(tensor->type);
  if (type.elements == 0)
    die("%s is of type %d, which this engine does not know", tensor->name, tensor->type);
  if (tensor->ne[0] % type.elements != 0) die("%s: a row is not whole %s blocks", tensor->name, type.name);
  tensor->bytes = (size_t)(tensor->ne[0] / type.elements * tensor->ne[1]) * (size_t)type.bytes;
  const size_t room = file->size - file->data_start;
  if (tensor->offset > room || tensor->bytes > room - tensor->offset) {
    die("%s lies beyond the end of the file; is the download complete?", tensor->name);
  }
  tensor->data = file->bytes + file->data_start + tensor->offset;
}

const gguf_tensor* gguf_find(const gguf_file* file, const char* name) {
  for (uint64_t i = 0; i < file->n_tensors; ++i) {
    if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
  }
  return NULL;
}

/* ---- The file ---- */

static cursor map_file(const char* path) {
  const int descriptor = open(path, O_RDONLY);
  struct stat info;
  if (descriptor < 0 || fstat(descriptor, &info) != 0) die("%s cannot be opened", path);
  if (!S_ISREG(info.st_mode) || info.st_size == 0) die("%s is empty or no file", path);
  const size_t size = (size_t)info.st_size;
  const void* bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (bytes == MAP_FAILED) die("%s cannot be mapped", path);
  close(descriptor);
  return (cursor){bytes, 0, size};
}

gguf_file gguf_open(const char* path) {
  cursor c = map_file(path);
  gguf_file file = {.bytes = c.bytes, .size = c.size};
  if (c.size < 24 || memcmp(take(&c, 4), "GGUF", 4) != 0) die("%s is no GGUF file", path);
  const uint64_t version = take_number(&c, 4);
  if (version < 2 || version > 3) die("GGUF version %llu; 2 and 3 are known", (unsigned long long)version);
  file.n_tensors = take_number(&c, 8);
  file.n_entries = take_number(&c, 8);
  if (file.n_tensors > c.size || file.n_entries > c.size) die("%s: its counts cannot be true", path);

  file.entries = allocate((size_t)file.n_entries, sizeof *file.entries);
  file.tensors = allocate((size_t)file.n_tensors, sizeof *file.tensors);
  for (uint64_t i = 0; i < file.n_entries; ++i) file.entries[i] = take_entry(&c);
  for (uint64_t i = 0; i < file.n_tensors; ++i) file.tensors[i] = take_tensor(&c);

  const int64_t alignment = gguf_int(&file, "general.alignment", 32);
  if (alignment < 1 || alignment > (1 << 20)) die("an alignment of %lld cannot be", (long long)alignment);
  file.alignment = (uint64_t)alignment;
  file.header_end = c.at;
  file.data_start = (c.at + file.alignment - 1) / file.alignment * file.alignment;
  if (file.data_start > file.size) die("%s ends after its header", path);
  for (uint64_t i = 0; i < file.n_tensors; ++i) place_tensor(&file, &file.tensors[i]);
  return file;
}
