// HTTP as downloads need it, on libcurl.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kilter/result.h"

namespace kilter::cli {

enum class HttpMethod { head, get };

struct HttpRequest {
  HttpMethod method = HttpMethod::get;
  std::string url;                   ///< http or https
  std::vector<std::string> headers;  ///< "Name: value"
};

/// The head of an answer. Redirects are answers too: nothing is followed.
struct HttpHead {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case

  /// Empty when the answer does not have it.
  std::string_view header(std::string_view name) const;
  bool redirects() const { return status >= 301 && status <= 308 && !header("location").empty(); }
};

/// Takes the body of an answer with a status of 2xx, piece by piece; other bodies are dropped.
/// An error ends the transfer.
using HttpSink = std::function<Status(const HttpHead&, std::string_view)>;

/// How a transfer ended: the head may be there although the connection broke later.
struct HttpOutcome {
  HttpHead head;
  Status transfer;  ///< io (network; worth another try), interrupted, or what the sink said
  bool retryable = false;
};

/// One exchange. Gives up when no connection comes about in 30 s, or no byte arrives for 60 s.
/// Proxy and certificate variables (https_proxy, SSL_CERT_FILE, ...) are read by libcurl itself.
HttpOutcome http_exchange(const HttpRequest& request, const HttpSink& sink);

/// The parts of an address that decide who is being talked to: "https://host:port" in lower case, default
/// ports written out. Empty for what is no http address.
std::string http_origin(const std::string& url);

/// `location`, as a redirect from `url` gives it, as a whole address. Empty when it is none, or when it would
/// leave https for http.
std::string http_resolve(const std::string& url, std::string_view location);

/// One component of a path, percent-encoded.
std::string http_escape(std::string_view component);

}  // namespace kilter::cli
