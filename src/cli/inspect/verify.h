// Decoding every block of a model, looking for what a healthy file does not have.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "gguf/file.h"
#include "kilter/result.h"
#include "quant/scan.h"

namespace kilter::cli {

/// How bad a finding is.
enum class Severity {
  broken,      ///< the tensor cannot be computed with
  suspicious,  ///< it can, and a healthy file seldom has it
};

/// Something that may be found in a block.
struct FindingKind {
  std::string_view name;  ///< "zero scale"
  std::string_view key;   ///< "zero_scales"
  Severity severity;
  quant::Sighting quant::BlockScan::*sighting;
};

std::span<const FindingKind> all_finding_kinds();

/// What was found in one tensor.
struct TensorScan {
  const gguf::TensorInfo* tensor;
  quant::BlockScan scan;

  /// The kinds that were found and that the tensor's type makes worth a word.
  std::vector<const FindingKind*> findings() const;
  bool broken() const;
};

/// Scans all tensors, on all processors, with a progress bar. Errors: interrupted.
Result<std::vector<TensorScan>> scan_tensors(const gguf::File& file);

}  // namespace kilter::cli
