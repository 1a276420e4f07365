// One answer, to the bit: however a prompt is cut, whatever computes it, watched or not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/verify/request.h"

namespace kilter::cli {

/// The logits of one other way to run the prompt, against those of the plain run.
struct BitCheck {
  std::string name;       ///< "chunks of 7"
  int64_t differing = 0;  ///< logits with other bits
  int64_t token = -1;     ///< position of the first of them; -1 where there is none
  int64_t logit = -1;     ///< its place in the vocabulary
  float was = 0;          ///< in the plain run
  float is = 0;
};

struct BitChecks {
  int64_t tokens = 0;  ///< of the prompt, repeated so that it does not end in the first block of the cache
  std::string plain;   ///< the run that the others are held against
  std::vector<BitCheck> checks;

  bool all_same() const;
};

/// Chunks of several sizes, the same run again, stages expanded, every value recorded, several numbers of
/// threads, every instruction set that runs here. Errors: those of loaded_backend and run_logits.
Result<BitChecks> check_bits(const VerifyRequest& request);

}  // namespace kilter::cli
