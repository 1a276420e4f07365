#include "bugs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gguf.h"

typedef struct {
  const char *name, *ids, *sentence;
} bug_row;

static const bug_row table[N_BUGS] = {
#define BUG(symbol, name, ids, sentence) {name, ids, sentence},
#include "bug_table.inc"
#undef BUG
};

static const struct {
  const char *name, *sentence;
} rounding_table[N_ROUNDINGS] = {
#define X(symbol, name, sentence) {name, sentence},
    ROUNDINGS(X)
#undef X
};

enum { EVERY_LAYER = -1 };

static struct {
  int on, layer;
  double number;
} state[N_BUGS];
static int rounding_on[N_ROUNDINGS];
static int current_layer = -1;

int bug(int which) {
  return state[which].on && (state[which].layer == EVERY_LAYER || state[which].layer == current_layer);
}

double bug_number(int which) { return state[which].number; }
int rounding(int which) { return rounding_on[which]; }
void enter_layer(int il) { current_layer = il; }
int layer_entered(void) { return current_layer; }

/* The numbers that a name alone stands for. */
static double usual_number(int which) {
  switch (which) {
    case BUG_ROPE_BASE:
      return 500000;
    case BUG_EPS:
      return 1e-6;
    case BUG_SCORE_CAP:
      return 50;
    case BUG_WINDOW:
      return 4;
    case BUG_CLAMP:
      return 1;
    default:
      return 0;
  }
}

void switch_bug_on(const char* text) {
  char name[64];
  snprintf(name, sizeof name, "%s", text);
  char *layer = strchr(name, '@'), *number = strchr(name, '=');
  if (layer) *layer++ = 0;
  if (number) *number++ = 0;
  for (int i = 0; i < N_BUGS; ++i) {
    if (strcmp(table[i].name, name) != 0) continue;
    state[i].on = 1;
    state[i].layer = layer ? atoi(layer) : EVERY_LAYER;
    state[i].number = number ? atof(number) : usual_number(i);
    return;
  }
  die("no bug '%s'; --list shows them", text);
}

void switch_rounding_on(const char* name) {
  for (int i = 0; i < N_ROUNDINGS; ++i) {
    if (strcmp(rounding_table[i].name, name) != 0) continue;
    rounding_on[i] = 1;
    return;
  }
  die("no rounding '%s'; --list-roundings shows them", name);
}

void list_bugs(void) {
  for (int i = 0; i < N_BUGS; ++i) printf("%s\t%s\t%s\n", table[i].name, table[i].ids, table[i].sentence);
}

void list_roundings(void) {
  for (int i = 0; i < N_ROUNDINGS; ++i)
    printf("%s\t%s\n", rounding_table[i].name, rounding_table[i].sentence);
}
