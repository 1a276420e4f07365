/* A correct engine for small models, with every known bug as a switch: ../README.md. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bugs.h"
#include "pass.h"

enum { MOST_TOKENS = 4096 };

typedef struct {
  int32_t ids[MOST_TOKENS];
  int count;
} token_list;

typedef struct {
  const char *model_path, *dump_path, *weight;
  dump_kind kind;
  token_list prompt, decoded;
  int last_row_only;
} options;

static const char usage[] =
    "Usage: planted MODEL.gguf --ids 1,5,... [--decode 4,9,...] [--bug NAME[=NUMBER][@LAYER]]...\n"
    "               [--round NAME]... [--logits all|last] [--dump FILE] [--dump-kind full|ten|logits]\n"
    "               [--weight NAME:ROW:COUNT]\n"
    "       planted --list | --list-roundings\n";

static token_list read_ids(const char* text) {
  token_list list = {.count = 0};
  char* end;
  for (;; text = end + 1) {
    const long id = strtol(text, &end, 10);
    if (end == text || id < 0 || id > 1 << 30) die("'%s' is no token id", text);
    if (list.count == MOST_TOKENS) die("at most %d tokens", MOST_TOKENS);
    list.ids[list.count++] = (int32_t)id;
    if (*end == 0) return list;
    if (*end != ',') die("token ids want commas between them");
  }
}

static dump_kind kind_named(const char* name) {
  if (strcmp(name, "full") == 0) return DUMP_FULL;
  if (strcmp(name, "ten") == 0) return DUMP_TEN;
  if (strcmp(name, "logits") == 0) return DUMP_LOGITS;
  die("no dump kind '%s'", name);
}

static void read_option(options* o, const char* word, const char* value) {
  if (strcmp(word, "--ids") == 0) {
    o->prompt = read_ids(value);
  } else if (strcmp(word, "--decode") == 0) {
    o->decoded = read_ids(value);
  } else if (strcmp(word, "--bug") == 0) {
    switch_bug_on(value);
  } else if (strcmp(word, "--round") == 0) {
    switch_rounding_on(value);
  } else if (strcmp(word, "--logits") == 0) {
    o->last_row_only = strcmp(value, "last") == 0;
  } else if (strcmp(word, "--dump") == 0) {
    o->dump_path = value;
  } else if (strcmp(word, "--dump-kind") == 0) {
    o->kind = kind_named(value);
  } else if (strcmp(word, "--weight") == 0) {
    o->weight = value;
  } else {
    die("no option %s\n%s", word, usage);
  }
}

static options read_options(int count, char** words) {
  options o = {.model_path = NULL};
  for (int i = 1; i < count; ++i) {
    if (strcmp(words[i], "--list") == 0 || strcmp(words[i], "--list-roundings") == 0) {
      strcmp(words[i], "--list") == 0 ? list_bugs() : list_roundings();
      exit(0);
    }
    if (strncmp(words[i], "--", 2) != 0) {
      o.model_path = words[i];
      continue;
    }
    if (i + 1 == count) die("%s wants a value\n%s", words[i], usage);
    read_option(&o, words[i], words[i + 1]);
    ++i;
  }
  if (!o.model_path) die("which model?\n%s", usage);
  if (o.prompt.count == 0 && !o.weight) die("which tokens?\n%s", usage);
  return o;
}

/* ---- Bugs of the prompt ---- */

static void insert(token_list* list, int at, int32_t id) {
  if (list->count == MOST_TOKENS) return;
  memmove(list->ids + at + 1, list->ids + at, (size_t)(list->count - at) * sizeof *list->ids);
  list->ids[at] = id;
  ++list->count;
}

static void drop_first(token_list* list) {
  memmove(list->ids, list->ids + 1, (size_t)(list->count - 1) * sizeof *list->ids);
  --list->count;
}

static void spoil_prompt(token_list* prompt, int n_vocab) {
  if (bug(BUG_BOS_TWICE)) insert(prompt, 0, prompt->ids[0]);
  if (bug(BUG_BOS_MISSING) && prompt->count > 1) drop_first(prompt);
  if (bug(BUG_EOS_APPENDED)) insert(prompt, prompt->count, 2);
  if (bug(BUG_PREFIX_LOST) && prompt->count > 1) prompt->ids[1] = (prompt->ids[1] + 17) % n_vocab;
  if (bug(BUG_SPECIAL_SPLIT) && prompt->count > 1) {
    const int32_t id = prompt->ids[1];
    prompt->ids[1] = (id + 3) % n_vocab;
    insert(prompt, 2, (id + 8) % n_vocab);
    insert(prompt, 3, (id + 5) % n_vocab);
  }
  if (bug(BUG_LAST_TWICE)) insert(prompt, prompt->count, prompt->ids[prompt->count - 1]);
}

/* ---- What it does ---- */

static void dump_some_rows(const options* o, const network* net, dump* values) {
  char name[64];
  long first, rows;
  if (sscanf(o->weight, "%63[^:]:%ld:%ld", name, &first, &rows) != 3) die("--weight wants NAME:ROW:COUNT");
  dump_weight* weight = &values->weights[values->n_weights++];
  snprintf(weight->name, sizeof weight->name, "%s", name);
  weight->first_row = first;
  weight->rows = rows;
  weight->data = decode_rows(net, name, first, rows, &weight->cols);
}

static void check_ids(const token_list* list, int n_vocab) {
  for (int i = 0; i < list->count; ++i) {
    if (list->ids[i] >= n_vocab) die("token %d: the model has %d", list->ids[i], n_vocab);
  }
}

int main(int count, char** words) {
  options o = read_options(count, words);
  /* Room for what bugs of the prompt may add. */
  run r = make_run(o.model_path, o.prompt.count, o.prompt.count + o.decoded.count + 4);
  dump values = {.kind = o.kind};
  if (o.weight) {
    dump_some_rows(&o, &r.net, &values);
  } else {
    check_ids(&o.prompt, r.net.n_vocab);
    check_ids(&o.decoded, r.net.n_vocab);
    spoil_prompt(&o.prompt, r.net.n_vocab);
    r.n_prompt = o.prompt.count;
    r.n_ctx = o.prompt.count + o.decoded.count;
    r.last_row_only = o.last_row_only;
    r.dump = &values;
    forward(&r, o.prompt.ids, o.prompt.count, 0);
    for (int i = 0; i < o.decoded.count; ++i) forward(&r, &o.decoded.ids[i], 1, o.prompt.count + i);
  }
  if (o.dump_path) dump_write(&values, o.dump_path);
  return 0;
}
