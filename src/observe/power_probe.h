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
  int64_t caught = 0;          ///< of `trials`, outside the guarantee or the expectation
  int64_t nmse_accepts = 0;    ///< of `trials`, by a normalised mean square error of at most 5e-4
  int64_t cosine_accepts = 0;  ///< of `trials`, by a cosine of at least 0.997
  std::vector<int> reached{};  ///< by each trial: the finest of the defect's sizes that was caught; -1: none
  double smallest_effect = 0;  ///< of what was caught: root mean square of the change by that of the value
  At smallest_at{};            ///< where that was
  double largest_missed = 0;   ///< of what was not caught at the usual size, likewise

  /// Nine of ten trials caught: what is missed is a place where the weight or the activation is next to
  /// nothing.
  bool proven() const { return trials == 0 || caught * 10 >= trials * 9; }
  /// The finest size that at least this share of the trials was caught at; 0: none.
  double size_reached(double share) const;
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
