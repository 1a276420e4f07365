/* Rotary positions. */
#include <math.h>

#include "arithmetic.h"
#include "bugs.h"
#include "pass.h"

/* The position that this engine believes row t of the pass to be at. */
static double believed_position(const run* r, int t) {
  const int position = r->start + t;
  if (bug(BUG_POS_ZERO)) return 0;
  if (bug(BUG_POS_SAME)) return r->start;
  if (bug(BUG_POS_FROM_ONE)) return position + 1;
  if (bug(BUG_ODD_SQUARE)) return (double)position * position;
  if (!decoding(r)) return position;
  if (bug(BUG_POS_ZERO_DECODE) || bug(BUG_NO_CACHE)) return 0;
  if (bug(BUG_POS_RESTART)) return position - r->n_prompt;
  if (bug(BUG_POS_PLUS)) return position + 1;
  if (bug(BUG_POS_MINUS)) return position - 1;
  if (bug(BUG_POS_JUMP)) return position + r->n_prompt;
  return position;
}

/* Llama 3's factors: long waves are slowed down 8 times, short ones are left, those between are mixed. */
static double invented_factor(double frequency) {
  const double wave = 2 * acos(-1.0) / frequency, context = 8192, low = 1, high = 4, factor = 8;
  if (wave < context / high) return 1;
  if (wave > context / low) return factor;
  const double share = (context / wave - low) / (high - low);
  return 1 / ((1 - share) / factor + share);
}

static double frequency_of(const network* net, int pair, int n_rot, int width) {
  const double base = bug(BUG_ROPE_BASE) ? bug_number(BUG_ROPE_BASE) : net->base;
  const double over = bug(BUG_ROPE_WIDTH) ? width : n_rot;
  double exponent = 2.0 * pair / over;
  if (bug(BUG_ROPE_EXPONENT)) exponent = pair / over;
  if (bug(BUG_ROPE_NEXT)) exponent = 2.0 * (pair + 1) / over;
  double frequency = pow(base, -exponent) / net->rope_factor;
  if (net->rope_freqs && !bug(BUG_FREQS_IGNORED) && pair < net->n_rot / 2) {
    frequency /= (double)net->rope_freqs[pair];
  }
  if (!net->rope_freqs && bug(BUG_FREQS_INVENTED)) frequency /= invented_factor(frequency);
  return frequency;
}

/* Where the two elements of a pair stand in a head. */
static void pair_places(const network* net, int pair, int n_rot, int width, int* a, int* b) {
  const int halves = bug(BUG_ROPE_PAIRS) ? !net->halves : net->halves;
  *a = halves ? pair : 2 * pair;
  *b = halves ? pair + n_rot / 2 : 2 * pair + 1;
  if (bug(BUG_ROPE_PARTNER) && halves) *b = pair + width / 2;
  if (bug(BUG_ROPE_OVERLAP)) {
    *a = pair;
    *b = pair + 1;
  }
}

static void turn_pair(float* a, float* b, double angle) {
  float c = (float)cos(angle), s = (float)sin(angle);
  if (rounding(ROUND_ROPE_F32)) {
    c = cosf((float)angle);
    s = sinf((float)angle);
  }
  if (rounding(ROUND_ROPE_BF16)) {
    c = to_bf16(c);
    s = to_bf16(s);
  }
  if (bug(BUG_ROPE_SIGN)) s = -s;
  const float x = *a, y = *b;
  *a = x * c - y * s;
  *b = (bug(BUG_ROPE_IN_PLACE) ? *a : x) * s + y * c;
}

void turn(run* r, int heads, int width, float* x) {
  const network* net = &r->net;
  int n_rot = net->n_rot < width ? net->n_rot : width;
  if (bug(BUG_ROPE_WHOLE)) n_rot = width - width % 2;
  for (int t = 0; t < r->rows; ++t) {
    for (int pair = 0; pair < n_rot / 2; ++pair) {
      double angle = believed_position(r, t) * frequency_of(net, pair, n_rot, width);
      if (rounding(ROUND_ROPE_F32)) {
        angle = (double)((float)believed_position(r, t) * (float)frequency_of(net, pair, n_rot, width));
      }
      int a, b;
      pair_places(net, pair, n_rot, width, &a, &b);
      for (int head = 0; head < heads; ++head) {
        float* start = x + ((int64_t)t * heads + head) * width;
        turn_pair(start + a, start + b, angle);
      }
    }
  }
  store(x, (int64_t)r->rows * heads * width);
}
