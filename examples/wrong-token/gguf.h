/* Reads a GGUF model file: its metadata and where each tensor's bytes are. Nothing is decoded here. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* GGML's numbers of the tensor types that this engine knows. */
enum {
  TYPE_F32 = 0,
  TYPE_F16 = 1,
  TYPE_Q4_0 = 2,
  TYPE_Q4_1 = 3,
  TYPE_Q5_0 = 6,
  TYPE_Q5_1 = 7,
  TYPE_Q8_0 = 8,
  TYPE_Q2_K = 10,
  TYPE_Q3_K = 11,
  TYPE_Q4_K = 12,
  TYPE_Q5_K = 13,
  TYPE_Q6_K = 14,
  TYPE_BF16 = 30
};

/* Elements and bytes of one block; elements 0: a type that this engine does not know. */
typedef struct {
  const char* name;
  int elements;
  int bytes;
} type_info;

type_info type_of(int type);

/* ne[0] is the axis whose elements lie next to each other: the input width of a projection. */
typedef struct {
  char* name;
  int type;
  int64_t ne[2];
  uint64_t offset; /* of the first byte, from the start of the data section */
  size_t bytes;
  const uint8_t* data;
} gguf_tensor;

typedef struct {
  char* key;
  int type;
  uint64_t count; /* of an array; 1 otherwise */
  const uint8_t* value;
} gguf_entry;

typedef struct {
  const uint8_t* bytes;
  size_t size;
  size_t header_end; /* where the tensor table ends, before padding */
  size_t data_start;
  uint64_t alignment;
  uint64_t n_entries, n_tensors;
  gguf_entry* entries;
  gguf_tensor* tensors;
} gguf_file;

/* Prints a sentence and ends the program with 1. */
void die(const char* format, ...) __attribute__((format(printf, 1, 2), noreturn));
void* allocate(size_t count, size_t size);

gguf_file gguf_open(const char* path);
/* Numbers by key; `instead` where the file does not have it. Integer types of all widths are read. */
int64_t gguf_int(const gguf_file* file, const char* key, int64_t instead);
double gguf_real(const gguf_file* file, const char* key, double instead);
/* A string of at most 63 letters; "" where the file does not have it. */
void gguf_text(const gguf_file* file, const char* key, char text[64]);
/* Null where there is none. */
const gguf_tensor* gguf_find(const gguf_file* file, const char* name);
