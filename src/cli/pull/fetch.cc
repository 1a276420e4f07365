#include "cli/pull/fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <thread>

#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/pull/part_file.h"
#include "cli/pull/sha256.h"

namespace kilter::cli {
namespace {

using std::chrono::milliseconds;

/// Pauses before a try that follows tries without a single new byte.
constexpr std::array kPauses = {milliseconds(250), milliseconds(1000), milliseconds(4000),
                                milliseconds(16000)};
constexpr milliseconds kPoll(50);
constexpr int kMaxRedirects = 5;
constexpr size_t kTagDigits = 16;
constexpr std::string_view kGoesOn = "what has arrived is kept; the same command goes on from there";

Status pause(milliseconds duration) {
  for (milliseconds waited(0); waited < duration; waited += kPoll) {
    if (interrupted()) return interrupted_error();
    std::this_thread::sleep_for(kPoll);
  }
  return {};
}

/// A short name for the content that the hub has now.
std::string content_tag(const HubFile& file) {
  Sha256 hash;
  hash.update(file.etag);
  return hash.hex().substr(0, kTagDigits);
}

/// "bytes 500-999/1000" starts at `offset`.
bool continues_at(const HttpHead& head, uint64_t offset) {
  return head.status == 206 && head.header("content-range").starts_with(fmt::format("bytes {}-", offset));
}

/// The transfers that bring one file, in one part file.
class Fetch {
 public:
  Fetch(const Hub& hub, const HubSpec& spec, const HubFile& file, PartFile& part)
      : hub_(hub), spec_(spec), file_(file), part_(part) {}

  /// One try: from what is there to the end of the file. `retryable` is set with an error.
  Status transfer(bool& retryable);

 private:
  Status follow(std::string url, bool& retryable);
  Status take(const HttpHead& head, std::string_view bytes, Progress& progress);
  Error answered(int status) const;
  std::string label() const { return spec_.path.substr(spec_.path.rfind('/') + 1); }

  const Hub& hub_;
  const HubSpec& spec_;
  const HubFile& file_;
  PartFile& part_;
  bool started_ = false;
};

Status Fetch::transfer(bool& retryable) {
  // Without a name for the content and its size nobody knows whether the rest belongs to what is there.
  const bool resumable = !file_.etag.empty() && file_.size && part_.size() <= *file_.size;
  if (!resumable) KILTER_TRY(part_.clear());
  if (file_.size && part_.size() == *file_.size) return {};
  if (file_.size) KILTER_TRY(part_.check_room(*file_.size - part_.size()));
  return follow(file_.url, retryable);
}

Status Fetch::follow(std::string url, bool& retryable) {
  Progress progress(label(), file_.size.value_or(0), ProgressUnit::bytes, part_.size());
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    HttpRequest request{HttpMethod::get, url, hub_.headers_for(url)};
    if (part_.size() != 0) request.headers.push_back(fmt::format("Range: bytes={}-", part_.size()));
    started_ = false;
    const HttpOutcome outcome = http_exchange(
        request, [&](const HttpHead& head, std::string_view bytes) { return take(head, bytes, progress); });
    const int status = outcome.head.status;
    retryable = outcome.retryable || status / 100 == 5 || status == 429;
    if (!outcome.transfer.ok()) return outcome.transfer;
    if (!outcome.head.redirects()) {
      return status / 100 == 2 ? Status() : Status(answered(status));
    }
    url = http_resolve(url, outcome.head.header("location"));
    if (url.empty()) return answered(status);
  }
  return Error{ErrorCode::io, url, "redirects in a circle", "try again later"};
}

Status Fetch::take(const HttpHead& head, std::string_view bytes, Progress& progress) {
  const bool from_the_start = !started_ && !continues_at(head, part_.size());
  started_ = true;
  if (from_the_start && part_.size() != 0) KILTER_TRY(part_.clear());
  KILTER_TRY(part_.append(bytes));
  if (part_.size() > file_.size.value_or(UINT64_MAX)) {
    return Error{ErrorCode::mismatch, label(),
                 fmt::format("more arrives than the {} bytes that the hub named", *file_.size),
                 "try again later"};
  }
  progress.update(part_.size());
  return {};
}

Error Fetch::answered(int status) const {
  return {ErrorCode::io, http_origin(file_.url), fmt::format("answered with status {}", status),
          "try again later"};
}

/// What one try leaves to the next.
struct State {
  HubFile file;
  std::optional<PartFile> part;
  std::string tag;
  bool retryable = false;  ///< whether the error of the last try may pass

  uint64_t arrived() const { return part ? part->size() : 0; }
};

/// Opens the part file of what the hub has now: the one that is open while the content is the same.
Status open_part(const std::string& destination, State& state) {
  const std::string tag = content_tag(state.file);
  if (state.part && state.tag == tag) return {};
  state.part.reset();
  KILTER_ASSIGN(state.part, PartFile::open(destination, tag));
  state.tag = tag;
  return {};
}

Status check_content(const HubFile& file, const std::string& destination, PartFile& part) {
  if (file.size && part.size() != *file.size) {
    return Error{ErrorCode::mismatch, destination,
                 fmt::format("{} bytes arrived, the hub named {}", part.size(), *file.size),
                 std::string(kGoesOn)};
  }
  if (file.sha256.empty()) {
    say(destination + ": the hub names no SHA-256, so only the size was checked");
    return {};
  }
  KILTER_ASSIGN(const std::string sha256, part.sha256());
  if (sha256 == file.sha256) return {};
  KILTER_ASSIGN(const std::string kept, part.set_aside());
  return Error{ErrorCode::mismatch, destination,
               fmt::format("the SHA-256 of what arrived is {}, the hub says {}", sha256, file.sha256),
               fmt::format("pull again; what arrived is in {}", kept)};
}

/// Locates the file, and brings what is missing of it.
Status try_once(const Hub& hub, const HubSpec& spec, const std::string& destination, State& state) {
  KILTER_ASSIGN(state.file, hub.locate(spec, state.retryable));
  state.retryable = false;
  KILTER_TRY(open_part(destination, state));
  return Fetch(hub, spec, state.file, *state.part).transfer(state.retryable);
}

}  // namespace

Status fetch_from_hub(const Hub& hub, const HubSpec& spec, const std::string& destination) {
  State state;
  for (size_t idle_tries = 0;;) {
    const uint64_t before = state.arrived();
    const Status status = try_once(hub, spec, destination, state);
    if (status.ok()) break;
    if (state.arrived() > before) idle_tries = 0;
    if (!state.retryable || idle_tries == kPauses.size()) {
      Error error = status.error();
      if (state.arrived() != 0 && error.code == ErrorCode::io) error.cure = kGoesOn;
      return error;
    }
    say(fmt::format("{}: {}; trying again", status.error().subject, status.error().sentence));
    KILTER_TRY(pause(kPauses[idle_tries++]));
  }
  KILTER_TRY(check_content(state.file, destination, *state.part));
  return state.part->commit();
}

}  // namespace kilter::cli
