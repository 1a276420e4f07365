// What `kilter verify` is asked for, and the run of a prompt that its checks share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/loaded_model.h"
#include "kilter/engine.h"
#include "kilter/result.h"
#include "observe/name_filter.h"
#include "ops/ops.h"

namespace kilter::cli {

struct VerifyRequest {
  const LoadedModel& loaded;
  LoadOptions options;  ///< of the backend that is verified
  std::vector<int32_t> ids;
  NameFilter filter;                ///< which ops are judged: by the name of the op or of its value
  std::optional<std::string> twin;  ///< a mode of `cpu` whose own error is shown too
  int trials = 0;                   ///< places for each kind of defect in each product; 0: no defects
};

/// The backend with the model's weights laid out.
Result<std::unique_ptr<Ops>> loaded_backend(const VerifyRequest& request, const LoadOptions& options);

/// [T, V] logits of every token, in passes of at most `chunk`. Errors: those of Sequence; interrupted.
Result<std::vector<float>> run_logits(const Model& model, Ops& ops, std::span<const int32_t> ids,
                                      int64_t chunk);

}  // namespace kilter::cli
