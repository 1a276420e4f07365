#include "cli/pull/hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace kilter::cli {
namespace {

constexpr std::string_view kPublicHub = "https://huggingface.co";
constexpr int kMaxRedirects = 8;
constexpr size_t kSha256Digits = 64;

/// An answer that is no success, in words. {repo}, {page}, {path} and {revision} are filled in.
struct Refusal {
  int status;                   // 0: any
  std::string_view error_code;  // the hub's x-error-code; empty: any
  ErrorCode code;
  std::string_view sentence;
  std::string_view cure;
};

constexpr std::array kRefusals = {
    Refusal{0, "GatedRepo", ErrorCode::io, "{repo} is gated: its terms must be accepted first",
            "accept them at {page}, and set HF_TOKEN to a token of that account"},
    Refusal{0, "RepoNotFound", ErrorCode::not_found, "there is no repository {repo}, or it is private",
            "check the name; for a private one set HF_TOKEN"},
    Refusal{0, "RevisionNotFound", ErrorCode::not_found, "{repo} has no revision '{revision}'",
            "{page} lists its branches and tags"},
    Refusal{0, "EntryNotFound", ErrorCode::not_found, "{repo} has no file '{path}'",
            "{page}/tree/{revision} lists them"},
    Refusal{401, "", ErrorCode::io, "the hub wants to know who asks for {repo}",
            "set HF_TOKEN to a valid access token"},
    Refusal{403, "", ErrorCode::io, "the hub refuses access to {repo}",
            "set HF_TOKEN to a token of an account that may read {page}"},
    Refusal{404, "", ErrorCode::not_found, "there is no {path} in {repo} at '{revision}'",
            "{page} shows what there is"},
    Refusal{429, "", ErrorCode::io, "the hub says that there were too many requests", "wait some minutes"},
};

bool is_sha256(std::string_view text) {
  return text.size() == kSha256Digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// `"abc"` and `W/"abc"` without what is around the name.
std::string_view bare_etag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return etag;
}

std::string_view first_of(std::string_view a, std::string_view b) { return a.empty() ? b : a; }

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

HubFile describe(const std::string& url, const HttpHead& head) {
  HubFile file;
  file.url = head.redirects() ? http_resolve(url, head.header("location")) : url;
  const std::string_view length = head.redirects() ? std::string_view{} : head.header("content-length");
  file.size = number(first_of(head.header("x-linked-size"), length));
  file.etag = bare_etag(first_of(head.header("x-linked-etag"), head.header("etag")));
  if (is_sha256(file.etag)) file.sha256 = file.etag;
  return file;
}

Error bad_redirect(const std::string& url) {
  return {ErrorCode::io, url, "the redirect leads to no safe address", "try again later"};
}

}  // namespace

Hub::Hub(std::string endpoint, std::string token)
    : endpoint_(std::move(endpoint)), origin_(http_origin(endpoint_)), token_(std::move(token)) {}

Result<Hub> Hub::create(const Environment& environment) {
  std::string endpoint(environment.hf_endpoint.empty() ? kPublicHub : environment.hf_endpoint);
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const bool plain = std::all_of(environment.hf_token.begin(), environment.hf_token.end(),
                                 [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain)
    return Error{ErrorCode::usage, "HF_TOKEN", "has spaces or control characters", "copy it once more"};
  if (http_origin(endpoint).empty()) {
    return Error{ErrorCode::usage, "HF_ENDPOINT", fmt::format("'{}' is no http address", endpoint),
                 fmt::format("write it like {}", kPublicHub)};
  }
  return Hub(std::move(endpoint), environment.hf_token);
}

std::vector<std::string> Hub::headers_for(const std::string& url) const {
  if (token_.empty() || http_origin(url) != origin_) return {};
  return {"Authorization: Bearer " + token_};
}

std::string Hub::file_url(const HubSpec& spec) const {
  std::string url =
      fmt::format("{}/{}/{}/resolve/{}", endpoint_, spec.owner, spec.repo, http_escape(spec.revision));
  std::string_view rest = spec.path;
  while (!rest.empty()) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    url += "/" + http_escape(rest.substr(0, slash));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  return url;
}

Error Hub::refused(const HubSpec& spec, const HttpHead& head) const {
  const std::string_view error_code = head.header("x-error-code");
  const auto row = std::find_if(kRefusals.begin(), kRefusals.end(), [&](const Refusal& refusal) {
    return refusal.error_code.empty() ? refusal.status == head.status : refusal.error_code == error_code;
  });
  const std::string subject = fmt::format("hf:{}/{}/{}", spec.owner, spec.repo, spec.path);
  if (row == kRefusals.end()) {
    return {ErrorCode::io, subject, fmt::format("the hub answered with status {}", head.status),
            "try again later"};
  }
  const std::string repo = spec.owner + "/" + spec.repo;
  const auto fill = [&](std::string_view text) {
    return fmt::format(fmt::runtime(text), fmt::arg("repo", repo), fmt::arg("page", endpoint_ + "/" + repo),
                       fmt::arg("path", spec.path), fmt::arg("revision", spec.revision));
  };
  return {row->code, subject, fill(row->sentence), fill(row->cure)};
}

Result<HubFile> Hub::locate(const HubSpec& spec, bool& retryable) const {
  std::string url = file_url(spec);
  for (int hop = 0; hop < kMaxRedirects; ++hop) {
    const HttpOutcome outcome = http_exchange({HttpMethod::head, url, headers_for(url)}, nullptr);
    retryable = outcome.retryable || outcome.head.status == 429 || outcome.head.status / 100 == 5;
    if (!outcome.transfer.ok()) return outcome.transfer.error();
    const HttpHead& head = outcome.head;
    if (!head.redirects() && head.status / 100 != 2) return refused(spec, head);
    HubFile file = describe(url, head);
    if (file.url.empty()) return bad_redirect(url);
    // A redirect inside the hub (a renamed repository) leads to the answer; one that leaves it, or that comes
    // with the facts, is the answer.
    const bool moved =
        head.redirects() && head.header("x-linked-etag").empty() && http_origin(file.url) == origin_;
    if (!moved) return file;
    url = file.url;
  }
  return Error{ErrorCode::io, url, "the hub redirects in a circle", "try again later"};
}

}  // namespace kilter::cli
