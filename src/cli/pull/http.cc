#include "cli/pull/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

#include "cli/interrupt.h"

namespace kilter::cli {
namespace {

constexpr long kConnectSeconds = 30;
constexpr long kStallSeconds = 60;

struct CurlFree {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(char* text) const { curl_free(text); }
};
using Handle = std::unique_ptr<CURL, CurlFree>;
using HeaderList = std::unique_ptr<curl_slist, CurlFree>;
using Url = std::unique_ptr<CURLU, CurlFree>;

/// What the callbacks of one exchange share.
struct Exchange {
  const HttpSink& sink;
  HttpHead head;
  Status sink_status;
};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

size_t on_header(const char* data, size_t, size_t size, Exchange* exchange) {
  const std::string_view line(data, size);
  const size_t colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    exchange->head.headers.clear();  // a proxy's answer, or 100 Continue, came before
  } else if (colon != std::string_view::npos) {
    exchange->head.headers[lower_case(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
  }
  return size;
}

struct BodyContext {
  Exchange* exchange;
  CURL* handle;
};

size_t on_body(const char* data, size_t, size_t size, BodyContext* context) {
  long status = 0;
  curl_easy_getinfo(context->handle, CURLINFO_RESPONSE_CODE, &status);
  Exchange& exchange = *context->exchange;
  exchange.head.status = static_cast<int>(status);
  if (status / 100 != 2) return size;
  exchange.sink_status = exchange.sink(exchange.head, {data, size});
  return exchange.sink_status.ok() ? size : 0;
}

int on_progress(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return interrupted() ? 1 : 0; }

void set_options(CURL* handle, const HttpRequest& request, const curl_slist* headers) {
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_NOBODY, request.method == HttpMethod::head ? 1L : 0L);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "kilter/" KILTER_VERSION);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
}

bool worth_another_try(CURLcode code) {
  constexpr std::array kPassing = {
      CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT, CURLE_PARTIAL_FILE,
      CURLE_RECV_ERROR,      CURLE_SEND_ERROR,         CURLE_GOT_NOTHING,
      CURLE_HTTP2,           CURLE_HTTP2_STREAM,       CURLE_COULDNT_RESOLVE_HOST};
  return std::find(kPassing.begin(), kPassing.end(), code) != kPassing.end();
}

Error network_error(const HttpRequest& request, CURLcode code, std::string_view details) {
  const std::string reason(details.empty() ? curl_easy_strerror(code) : std::string(trimmed(details)));
  return {ErrorCode::io, http_origin(request.url), fmt::format("the network said: {}", reason),
          "is there a connection, and does https_proxy say how to get out?"};
}

std::string part_of(CURLU* url, CURLUPart part, unsigned flags) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  return std::unique_ptr<char, CurlFree>(text).get();
}

}  // namespace

std::string_view HttpHead::header(std::string_view name) const {
  const auto found = headers.find(std::string(name));
  return found == headers.end() ? std::string_view{} : found->second;
}

HttpOutcome http_exchange(const HttpRequest& request, const HttpSink& sink) {
  const Handle handle(curl_easy_init());
  HeaderList headers;
  for (const std::string& header : request.headers) {
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  }
  Exchange exchange{sink, {}, {}};
  BodyContext body{&exchange, handle.get()};
  std::array<char, CURL_ERROR_SIZE> details{};
  set_options(handle.get(), request, headers.get());
  curl_easy_setopt(handle.get(), CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle.get(), CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, details.data());
  const CURLcode code = curl_easy_perform(handle.get());

  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  HttpOutcome outcome;
  outcome.head = std::move(exchange.head);
  outcome.head.status = static_cast<int>(status);
  if (interrupted()) {
    outcome.transfer = interrupted_error();
  } else if (!exchange.sink_status.ok()) {
    outcome.transfer = std::move(exchange.sink_status);
  } else if (code != CURLE_OK) {
    outcome.transfer = network_error(request, code, details.data());
    outcome.retryable = worth_another_try(code);
  }
  return outcome;
}

std::string http_origin(const std::string& url) {
  const Url parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return "";
  const std::string scheme = lower_case(part_of(parsed.get(), CURLUPART_SCHEME, 0));
  if (scheme != "http" && scheme != "https") return "";
  return fmt::format("{}://{}:{}", scheme, lower_case(part_of(parsed.get(), CURLUPART_HOST, 0)),
                     part_of(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::string http_resolve(const std::string& url, std::string_view location) {
  const Url parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return "";
  if (curl_url_set(parsed.get(), CURLUPART_URL, std::string(location).c_str(), 0) != CURLUE_OK) return "";
  const std::string target = part_of(parsed.get(), CURLUPART_URL, 0);
  const bool unsafe = http_origin(url).starts_with("https:") && !http_origin(target).starts_with("https:");
  return unsafe ? "" : target;
}

std::string http_escape(std::string_view component) {
  const std::unique_ptr<char, CurlFree> escaped(
      curl_easy_escape(nullptr, component.data(), static_cast<int>(component.size())));
  return escaped.get();
}

}  // namespace kilter::cli
