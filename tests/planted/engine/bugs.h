/* Which bugs and which ways of rounding are switched on. */
#pragma once

enum {
#define BUG(symbol, name, ids, sentence) BUG_##symbol,
#include "bug_table.inc"
#undef BUG
  N_BUGS
};

/* Ways of rounding that are no bugs: somebody's engine is right, and differs in the last digits. */
#define ROUNDINGS(X)                                                                  \
  X(ACTS_Q8_0, "acts-q8_0", "quantised matrices see activations in blocks of 8 bits") \
  X(ACTS_Q8_K, "acts-q8_k", "the same in blocks of 256, with a scale in f32")         \
  X(BF16, "bf16", "every result is stored as bf16")                                   \
  X(F16, "f16", "every result is stored as f16")                                      \
  X(KV_F16, "kv-f16", "keys and values are kept as f16")                              \
  X(KV_BF16, "kv-bf16", "keys and values are kept as bf16")                           \
  X(ROPE_BF16, "rope-bf16", "cos and sin are rounded to bf16")                        \
  X(ROPE_F32, "rope-f32", "angles are computed in f32")                               \
  X(SUM_REVERSE, "sum-reverse", "sums run backwards, one by one")                     \
  X(SUM_F64, "sum-f64", "sums are in f64")                                            \
  X(TF32, "tf32", "factors of products are rounded to 11 bits")                       \
  X(NORM_CAST_BF16, "norm-cast-bf16", "bf16 between a norm and its weight, as in HF") \
  X(NORM_CAST_F16, "norm-cast-f16", "f16 between a norm and its weight")              \
  X(WEIGHTS_BF16, "weights-bf16", "decoded weights are rounded to bf16")              \
  X(WEIGHTS_F16, "weights-f16", "decoded weights are rounded to f16")

enum {
#define X(symbol, name, sentence) ROUND_##symbol,
  ROUNDINGS(X)
#undef X
      N_ROUNDINGS
};

/* Whether the bug is on, in the layer that is being computed. */
int bug(int which);
/* Its number: "eps=1e-6". */
double bug_number(int which);
int rounding(int which);
/* The layer that the questions are about; -1 outside the layers. */
void enter_layer(int il);
int layer_entered(void);

/* "NAME", "NAME=NUMBER", "NAME@LAYER". Ends the program where there is no such bug. */
void switch_bug_on(const char* text);
void switch_rounding_on(const char* name);
/* One a line: name, ids, sentence, with tabs between them. */
void list_bugs(void);
void list_roundings(void);
