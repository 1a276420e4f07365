#include "cli/verify/bit_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>

#include "base/processors.h"
#include "cli/progress.h"
#include "engine/backend_choice.h"
#include "observe/recording_ops.h"
#include "ops/kv.h"

namespace kilter::cli {
namespace {

using Logits = std::vector<float>;

// Takes every value, as a trace does, and keeps none.
class Watcher final : public ValueSink {
 public:
  bool wants(At) override { return true; }
  void take(At, const Shape&, std::span<const float>) override {}
};

struct Variation {
  std::string name;
  std::function<Result<Logits>()> run;
};

BitCheck compared(std::string name, const Logits& plain, const Logits& other, int64_t n_vocab) {
  BitCheck check{.name = std::move(name)};
  for (size_t i = 0; i < plain.size(); ++i) {
    if (std::bit_cast<uint32_t>(plain[i]) == std::bit_cast<uint32_t>(other[i])) continue;
    if (check.differing++ != 0) continue;
    check.token = static_cast<int64_t>(i) / n_vocab;
    check.logit = static_cast<int64_t>(i) % n_vocab;
    check.was = plain[i];
    check.is = other[i];
  }
  return check;
}

// All ways to run `ids`; `ops` is the plain run's backend.
std::vector<Variation> variations(const VerifyRequest& request, Ops& ops, std::span<const int32_t> ids) {
  const Model& model = request.loaded.model;
  const auto all = static_cast<int64_t>(ids.size());
  std::vector<Variation> ways;
  ways.push_back({"the same again", [=, &model, &ops] { return run_logits(model, ops, ids, all); }});
  for (const int64_t chunk : {1, 3, 7, 64}) {
    if (chunk >= all) continue;
    ways.push_back({fmt::format("passes of {}", chunk),
                    [=, &model, &ops] { return run_logits(model, ops, ids, chunk); }});
  }
  ways.push_back({"fused stages op by op", [=, &model, &ops] {
                    OpsWrapper expanded(ops);
                    return run_logits(model, expanded, ids, all);
                  }});
  ways.push_back({"every value recorded", [=, &model, &ops] {
                    Watcher watcher;
                    RecordingOps recording(ops, watcher);
                    return run_logits(model, recording, ids, all);
                  }});
  const auto add = [&](std::string name, const LoadOptions& options) {
    ways.push_back({std::move(name), [=, &request, &model]() -> Result<Logits> {
                      KILTER_ASSIGN(const std::unique_ptr<Ops> other, loaded_backend(request, options));
                      return run_logits(model, *other, ids, all);
                    }});
  };
  for (const int threads : {1, 2, 3, usable_processors()}) {
    const auto name = fmt::format("{} thread{}", threads, threads == 1 ? "" : "s");
    const bool known =
        std::any_of(ways.begin(), ways.end(), [&](const Variation& way) { return way.name == name; });
    LoadOptions options = request.options;
    options.threads = threads;
    if (!known) add(name, options);
  }
  for (const std::string& isa : isa_names()) {
    LoadOptions options = request.options;
    options.isa = isa;
    add("instruction set " + isa, options);
  }
  return ways;
}

}  // namespace

bool BitChecks::all_same() const {
  return std::all_of(checks.begin(), checks.end(), [](const BitCheck& c) { return c.differing == 0; });
}

Result<BitChecks> check_bits(const VerifyRequest& request) {
  // The second block of the cache is the first place where tiles of the attention are merged.
  std::vector<int32_t> ids = request.ids;
  while (ids.size() <= static_cast<size_t>(kKvBlock) + 5) ids.push_back(ids[ids.size() - request.ids.size()]);

  KILTER_ASSIGN(const std::unique_ptr<Ops> ops, loaded_backend(request, request.options));
  const Model& model = request.loaded.model;
  const auto all = static_cast<int64_t>(ids.size());
  BitChecks found{.tokens = all, .plain = "one pass", .checks = {}};
  KILTER_ASSIGN(const Logits plain, run_logits(model, *ops, ids, all));
  const std::vector<Variation> ways = variations(request, *ops, ids);
  Progress progress("comparing bits", ways.size(), ProgressUnit::steps);
  for (const Variation& way : ways) {
    KILTER_ASSIGN(const Logits other, way.run());
    found.checks.push_back(compared(way.name, plain, other, model.n_vocab()));
    progress.update(found.checks.size());
  }
  return found;
}

}  // namespace kilter::cli
