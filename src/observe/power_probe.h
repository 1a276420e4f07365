// Which defects the judgement would see: they are put into the values of real calls, and judged by the same
// bounds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "observe/defects.h"
#include "observe/verifying_ops.h"

namespace kilter {

/// What became of one kind of defect.
struct DefectPower {
  const Defect* defect = nullptr;
  int64_t trials = 0;          ///< of the usual size, that changed a bit
  int64_t unchanged = 0;       ///< that changed none: nobody could see them
  int64_t caught = 0;          ///< of `trials`, outside the guarantee
  int64_t nmse_accepts = 0;    ///< of `trials`, by a normalised mean square error of at most 5e-4
  int64_t cosine_accepts = 0;  ///< of `trials`, by a cosine of at least 0.997
  double finest = 0;           ///< the smallest size that was caught at all; 0: none
  double reliable = 0;         ///< the smallest size that was caught in each trial; 0: none
  double smallest_effect = 0;  ///< of what was caught: root mean square of the change by that of the value
  At smallest_at{};            ///< where that was
};

/// To be given the calls of VerifyingOps. Only calls that are right themselves are used.
class PowerProbe {
 public:
  /// `trials`: places for each kind of defect in each product.
  explicit PowerProbe(int trials);

  void look_at(const JudgedCall& judged);
  const std::vector<DefectPower>& powers() const { return powers_; }

 private:
  void try_product(const JudgedCall& judged, const Product& product, DefectPower& power);
  void try_rounding(const JudgedCall& judged, DefectPower& power);

  int trials_;
  uint64_t draw_ = 0;
  std::vector<DefectPower> powers_;
};

}  // namespace kilter
