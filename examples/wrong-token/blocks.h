/* From a tensor's bytes to numbers. */
#pragma once

#include "gguf.h"

/* Decodes `count` elements of the tensor, from element `first` on, in the order in which they lie in the
 * file; both are multiples of the type's block. */
void decode_elements(const gguf_tensor* tensor, int64_t first, int64_t count, float* out);
/* Whether decode_elements knows the type. */
int can_decode(int type);
float half_to_float(uint16_t half);
