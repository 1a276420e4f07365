#include "engine/backend_choice.h"

#include <algorithm>
#include <array>

#include "backend/cpu/cpu_ops.h"
#include "backend/cpu/int8_peak.h"
#include "backend/cpu/select_kernels.h"
#include "backend/cpu/weight_store.h"
#include "backend/reference/reference_ops.h"
#include "base/thread_pool.h"

namespace kilter {
namespace {

struct Mode {
  std::string_view name;
  Arithmetic arithmetic;
};
constexpr std::array kModes = {Mode{"fast", Arithmetic::fast}, Mode{"accurate", Arithmetic::accurate},
                               Mode{"exact", Arithmetic::exact}, Mode{"f32", Arithmetic::f32}};

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

Error unknown(std::string option, const std::string& value, const std::vector<std::string>& known) {
  return {ErrorCode::usage, std::move(option), "'" + value + "' is not in this build",
          "choose one of: " + joined(known)};
}

Result<Arithmetic> mode_of(const std::string& name) {
  if (name.empty()) return Arithmetic::accurate;
  for (const Mode& mode : kModes) {
    if (mode.name == name) return mode.arithmetic;
  }
  return unknown("--mode", name, mode_names());
}

Result<cpu::KvType> kv_type_of(const std::string& name, Arithmetic mode) {
  if (name == "f16") return cpu::KvType::f16;
  if (name == "f32") return cpu::KvType::f32;
  if (!name.empty()) return unknown("--kv", name, {"f16", "f32"});
  const bool rounds_more = mode == Arithmetic::fast || mode == Arithmetic::accurate;
  return rounds_more ? cpu::KvType::f16 : cpu::KvType::f32;
}

Result<std::unique_ptr<Ops>> make_cpu(const LoadOptions& options, int threads) {
  cpu::CpuOptions cpu;
  KILTER_ASSIGN(cpu.kernels, cpu::select_kernels(options.isa));
  KILTER_ASSIGN(cpu.mode, mode_of(options.mode));
  KILTER_ASSIGN(cpu.kv, kv_type_of(options.kv, cpu.mode));
  cpu.threads = threads;
  cpu.affinity = options.pin_threads ? Affinity::pinned : Affinity::none;
  return std::unique_ptr<Ops>(std::make_unique<cpu::CpuOps>(cpu));
}

Error not_of_reference(std::string option) {
  return {ErrorCode::usage, std::move(option),
          "the reference backend has one arithmetic, f64, and no kernels",
          "leave it out, or choose --backend cpu"};
}

Result<std::unique_ptr<Ops>> make_reference(const LoadOptions& options, int threads) {
  for (const auto& [option, value] :
       {std::pair{"--mode", options.mode}, std::pair{"--isa", options.isa}, std::pair{"--kv", options.kv}}) {
    if (!value.empty()) return not_of_reference(option);
  }
  if (options.pin_threads) return not_of_reference("--pin");
  return std::unique_ptr<Ops>(std::make_unique<reference::ReferenceOps>(threads));
}

}  // namespace

std::vector<std::string> backend_names() { return {"cpu", "reference"}; }

std::vector<std::string> mode_names() {
  std::vector<std::string> names;
  for (const Mode& mode : kModes) names.emplace_back(mode.name);
  return names;
}

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const cpu::BuiltKernels& kernels : cpu::runnable_kernels()) names.emplace_back(kernels.name);
  return names;
}

Result<BackendNames> backend_names_of(const LoadOptions& options) {
  if (options.backend != "cpu") return BackendNames{.mode = "f64", .kv = "f64", .isa = ""};
  KILTER_ASSIGN(const Arithmetic mode, mode_of(options.mode));
  KILTER_ASSIGN(const cpu::KvType kv, kv_type_of(options.kv, mode));
  const auto named =
      std::find_if(kModes.begin(), kModes.end(), [mode](const Mode& m) { return m.arithmetic == mode; });
  const std::vector<std::string> isas = isa_names();
  return BackendNames{.mode = std::string(named->name),
                      .kv = kv == cpu::KvType::f16 ? "f16" : "f32",
                      .isa = options.isa.empty() ? isas.front() : options.isa};
}

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets;
  bool chosen = false;
  for (const cpu::BuiltKernels& built : cpu::built_kernels()) {
    const bool runs = built.runs_here();
    sets.push_back({built.name, built.needs, runs, runs && !chosen});
    chosen = chosen || runs;
  }
  return sets;
}

int64_t prepared_bytes(const Model& model) { return cpu::WeightStore::bytes_for(model.weights()); }

Result<std::unique_ptr<Ops>> make_backend(const LoadOptions& options) {
  const int threads = options.threads > 0 ? options.threads : usable_processors();
  if (options.backend == "cpu") return make_cpu(options, threads);
  if (options.backend == "reference") return make_reference(options, threads);
  return unknown("--backend", options.backend, backend_names());
}

Result<Arithmetic> arithmetic_of(const LoadOptions& options) {
  if (options.backend == "cpu") return mode_of(options.mode);
  if (options.backend == "reference") return Arithmetic::reference;
  return unknown("--backend", options.backend, backend_names());
}

Status prepare_backend(Ops& ops, const Model& model, const LoadOptions& options) {
  // Pages of the file that were read stay with the process until they are given back: not all of them at
  // once, and not after every small weight either.
  constexpr int64_t kKeptBytes = int64_t{8} << 20;
  int64_t forgotten = 0;
  bool stopped = false;
  const auto progress = [&](int64_t done, int64_t all) {
    if (done - forgotten >= kKeptBytes || done == all) {
      model.file->forget_pages();
      forgotten = done;
    }
    if (options.on_load && !stopped) stopped = options.on_load(done, all) == Go::stop;
  };
  KILTER_TRY(ops.prepare(model.weights(), progress));
  if (stopped) return Error{ErrorCode::interrupted, "", "stopped while the model was being loaded", ""};
  return {};
}

Result<WeightUseOf> weight_use_of(const LoadOptions& options) {
  if (options.backend != "cpu") {
    return WeightUseOf([](const Weight& w) {
      return WeightUse{.bytes = static_cast<int64_t>(w.bytes.size()), .planes = 0};
    });
  }
  KILTER_ASSIGN(const Arithmetic mode, mode_of(options.mode));
  return WeightUseOf([mode](const Weight& w) {
    const cpu::PackedWeight packed = cpu::packed_form(w);
    return WeightUse{.bytes = packed.panels() * packed.panel_bytes(),
                     .planes = packed.kind == cpu::PanelKind::integer ? cpu::planes_of(mode) : 0};
  });
}

Result<double> measured_int8_peak(const LoadOptions& options, int threads) {
  KILTER_ASSIGN(const cpu::KernelTable* kernels, cpu::select_kernels(options.isa));
  return cpu::measured_int8_peak(*kernels, threads);
}

int64_t default_chunk(const Ops& ops) {
  // Expanded stages keep scores of every position for every row; fused ones need little memory, and weights
  // that are read once serve all rows of a pass.
  return ops.stages() == Stages::fused ? 512 : 64;
}

}  // namespace kilter
