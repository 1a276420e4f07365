// Every op of a model on real activations, judged by the contract; and what the judgement would see.
#pragma once

#include <cstdint>
#include <vector>

#include "cli/verify/request.h"
#include "numerics/decision.h"
#include "observe/power_probe.h"
#include "observe/verifying_ops.h"

namespace kilter::cli {

/// One choice at every token.
struct Choices {
  size_t k = 0;  ///< the k largest logits; 1 is the greedy token
  int64_t same = 0;
  int64_t undecidable = 0;
  int64_t different = 0;
  double smallest_ratio = 0;  ///< of the gap to its bound
};

struct OpCheck {
  std::vector<int64_t> passes;  ///< tokens of each: a prompt, then one more token, as generation has them
  std::vector<VerifiedValue> values;
  std::vector<VerifiedOp> ops;
  Margins all;
  std::vector<Choices> choices;  ///< by the logits that the last op should have given; empty without logits
  int64_t greedy_as_in_f64 = 0;  ///< tokens whose largest logit is that of a whole run in f64; none with NaN
  double worst_logit_error = 0;  ///< largest distance of a logit from that run
  double smallest_greedy_gap = 0;   ///< in that run, between the two largest logits
  std::vector<DefectPower> powers;  ///< empty where no defects were asked for
};

/// Runs the prompt on the oracle, then on the backend with each op judged. Errors: usage, when the filter
/// lets no op through; those of loaded_backend and run_logits; interrupted.
Result<OpCheck> check_ops(const VerifyRequest& request);

}  // namespace kilter::cli
