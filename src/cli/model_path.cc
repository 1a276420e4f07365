#include "cli/model_path.h"

#include <fmt/format.h>

#include <filesystem>

#include "cli/pull/spec.h"

namespace kilter::cli {
namespace {

template <typename Spec>
Result<std::string> find_pulled(const Spec& spec, const std::string& argument,
                                const Environment& environment) {
  KILTER_ASSIGN(const std::string folder, models_folder(environment));
  const std::string path = folder + "/" + cache_path(spec);
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return path;
  return Error{ErrorCode::not_found, argument, "was not pulled yet", fmt::format("kilter pull {}", argument)};
}

}  // namespace

Result<std::string> models_folder(const Environment& environment) {
  if (!environment.xdg_cache_home.empty()) return environment.xdg_cache_home + "/kilter/models";
  if (!environment.home.empty()) return environment.home + "/.cache/kilter/models";
  return Error{ErrorCode::usage, "HOME", "is not set, so there is no folder for models",
               "set XDG_CACHE_HOME, or give a path"};
}

Result<std::string> find_model(const std::string& argument, const Environment& environment) {
  KILTER_ASSIGN(const ModelSpec spec, parse_spec(argument));
  if (const auto* hub = std::get_if<HubSpec>(&spec)) return find_pulled(*hub, argument, environment);
  if (const auto* package = std::get_if<PackageSpec>(&spec))
    return find_pulled(*package, argument, environment);
  return std::get<LocalPath>(spec).path;
}

}  // namespace kilter::cli
