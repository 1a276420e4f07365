// A model hub that speaks the protocol of huggingface.co.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/args.h"
#include "cli/pull/http.h"
#include "cli/pull/spec.h"
#include "kilter/result.h"

namespace kilter::cli {

/// A file on the hub, and where its bytes are right now (such addresses expire).
struct HubFile {
  std::string url;
  std::optional<uint64_t> size;
  std::string etag;    ///< names the content; empty when the hub does not say
  std::string sha256;  ///< 64 hexadecimal digits; empty when the hub does not say
};

/// Asks with HTTP; the token goes to the hub's own origin (scheme, host and port) and nowhere else.
/// Source: the hub's documentation of its resolve/ addresses: a HEAD answer carries x-repo-commit,
/// x-linked-etag (of a large file: its SHA-256) and x-linked-size, and redirects to where the bytes are.
class Hub {
 public:
  /// Errors: usage, when HF_ENDPOINT is no address.
  static Result<Hub> create(const Environment& environment);

  /// Errors: not_found, io (also for refused access), interrupted; `retryable` says that a later try may
  /// succeed.
  Result<HubFile> locate(const HubSpec& spec, bool& retryable) const;

  /// What to send along to `url`: the token, if it is the hub's own.
  std::vector<std::string> headers_for(const std::string& url) const;

 private:
  Hub(std::string endpoint, std::string token);
  std::string file_url(const HubSpec& spec) const;
  Error refused(const HubSpec& spec, const HttpHead& head) const;

  std::string endpoint_;  // without a slash at its end
  std::string origin_;
  std::string token_;
};

}  // namespace kilter::cli
