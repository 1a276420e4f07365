#include "engine/backend_choice.h"

#include "backend/reference/reference_ops.h"
#include "base/thread_pool.h"
#include "kilter/engine.h"

namespace kilter {

std::vector<std::string> backend_names() { return {"reference"}; }

Result<std::unique_ptr<Ops>> make_backend(std::string_view name, int threads) {
  if (threads <= 0) threads = usable_processors();
  if (name == "reference") return std::unique_ptr<Ops>(std::make_unique<reference::ReferenceOps>(threads));
  std::string known;
  for (const std::string& n : backend_names()) known += (known.empty() ? "" : ", ") + n;
  return Error{ErrorCode::usage, "--backend", "'" + std::string(name) + "' is not in this build",
               "choose one of: " + known};
}

}  // namespace kilter
