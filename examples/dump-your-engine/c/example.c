// A stand-in for an engine: two passes, numbers that can be worked out by hand. Usage: example FOLDER
#include "kilter_dump.h"
#include "kilter_few.h"

// "An engine" of 2 heads of 2 and 3 tokens of vocabulary. Row t of q is 10 t + 0, 1, 2, 3.
static void run_pass(int first, int n) {
  float q[4 * 2], logits[3 * 2];
  for (int t = 0; t < n; ++t) {
    for (int i = 0; i < 4; ++i) q[4 * t + i] = (float)(10 * (first + t) + i);
    for (int i = 0; i < 3; ++i) logits[3 * t + i] = (float)i / 4 - (float)(first + t);
  }
  kd_value("blk.%d.attn_q", 0, q, n, 2, 2);
  kd_value("logits", 0, logits, n, 3, 0);
  kf_value("blk.%d.attn_q", 0, first + n - 1, q + 4 * (n - 1), 2);
  kf_value("logits", 0, first + n - 1, logits + 3 * (n - 1), 3);
}

int main(int argc, char** argv) {
  const int32_t prompt[] = {1, 450}, next[] = {13};
  const float decoded[] = {0.1F, -INFINITY, NAN};
  char path[1000];
  if (argc != 2) return 2;
  snprintf(path, sizeof path, "%s/c.safetensors", argv[1]);
  kd_begin(path);
  kd_meta("producer", "example.c");
  snprintf(path, sizeof path, "%s/c.json", argv[1]);
  kf_begin(path);

  kd_pass(prompt, 2);
  kf_pass(prompt, 2);
  run_pass(0, 2);
  kf_weight("blk.%d.attn_q.weight", 0, 3, decoded, 3);
  kd_pass(next, 1);
  kf_pass(next, 1);
  run_pass(2, 1);

  kd_end();
  kf_end();
  return 0;
}
