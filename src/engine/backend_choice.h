// From the name of a backend to its ops, ready for a model.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kilter/engine.h"
#include "model/model.h"
#include "observe/timing_ops.h"
#include "ops/contract.h"
#include "ops/ops.h"

namespace kilter {

/// The backend that the options ask for. Errors: usage for an unknown name, mode or cache type, with the list
/// of those in this build, and for an option that the backend does not have; unsupported for an instruction
/// set that this processor lacks.
Result<std::unique_ptr<Ops>> make_backend(const LoadOptions& options);

/// What options come to when all that they leave open is chosen.
struct BackendNames {
  std::string mode;  ///< "accurate"; "f64" for the reference
  std::string kv;    ///< what keys and values are kept as: "f16", "f32"; "f64" for the reference
  std::string isa;   ///< "avx512"; empty where there are no kernels to choose from
};
/// Errors: those of make_backend.
Result<BackendNames> backend_names_of(const LoadOptions& options);

/// In which arithmetic that backend computes. Errors: usage, for an unknown name.
Result<Arithmetic> arithmetic_of(const LoadOptions& options);

/// One instruction set of backend "cpu".
struct InstructionSet {
  std::string_view name;   ///< "avx512"
  std::string_view needs;  ///< "AVX-512 with VNNI"
  bool runs_here = false;  ///< on this processor, under this system
  bool chosen = false;     ///< the one that is taken where none is asked for
};
/// All of this build, the fastest first.
std::vector<InstructionSet> instruction_sets();

/// Bytes that the weights take as backend "cpu" lays them out in memory.
int64_t prepared_bytes(const Model& model);

/// Lays out the model's weights for the backend, which from then on does not read them in the file. Errors:
/// memory; interrupted, by options.on_load.
Status prepare_backend(Ops& ops, const Model& model, const LoadOptions& options);

/// How the products of that backend read weights. Errors: those of make_backend.
Result<WeightUseOf> weight_use_of(const LoadOptions& options);

/// 8-bit multiply-adds a second that `threads` threads reach at best with the kernels that the options ask
/// for, measured now; 0 where they cannot say. Errors: those of make_backend.
Result<double> measured_int8_peak(const LoadOptions& options, int threads);

/// Tokens in a pass where nobody asks for a number.
int64_t default_chunk(const Ops& ops);

}  // namespace kilter
