/* Decodes blocks, rightly or with one of the bugs of decoding. */
#pragma once

#include <stdint.h>

/* Bytes from one block to the next, as this engine believes. */
int stride_of(int type);
/* The type that this engine takes the number for. */
int believed_type(int type, int type_of_layer_zero);
/* `count` elements, whole blocks, of which the first is element `first` of its tensor. Reads
 * count / elements blocks of stride_of(type) bytes. */
void decode_blocks(int type, const uint8_t* bytes, int64_t first, int64_t count, float* out);
float half_to_float(uint16_t half);
