#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "net/address_guard.h"
#include "net/request.h"
#include "obs/metrics.h"

namespace stampede::net {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct OutgoingRequest {
  Method method = Method::kGet;  // not kOptions or kOther
  std::string url;               // absolute, http or https, without user and password
  // Host, Content-Length, Transfer-Encoding, Connection, Accept-Encoding and User-Agent are the
  // client's own: naming them is refused with kProtocol.
  HeaderList headers;
  std::string body;

  // Called on the client's thread before the first and each redirected request, with its URL; may
  // add headers: a signature covers the path, so it is good for one URL only. Quick, never throws.
  std::function<void(std::string_view url, HeaderList& headers)> sign;

  int connect_timeout_ms = limits::kOutgoingConnectTimeoutMs;  // name, TCP and TLS
  int stall_timeout_ms = limits::kOutgoingStallTimeoutMs;      // without a byte either way
  int timeout_ms = limits::kOutgoingTimeoutMs;            // all, from Start, redirects included
  size_t body_bytes_max = limits::kOutgoingBodyBytesMax;  // after decompression
  // Whether the first body_bytes_max bytes of a longer body are a success: the head of a page.
  bool body_may_be_cut = false;
  // Only GET and HEAD follow redirects. With 0 a redirect is the result.
  int redirects_max = limits::kOutgoingRedirectsMax;
};

enum class OutgoingError : uint8_t {
  kNone,
  kRefusedAddress,  // the guard refused an address of the host, and no other answered
  kDns,
  kConnect,
  kTimeout,   // of connecting, of a stall or of the whole
  kTooLarge,  // body or headers
  kTls,
  kTooManyRedirects,
  kBadUrl,      // the given one, or one redirected to
  kProtocol,    // not HTTP as agreed, or broken off in the middle
  kOverloaded,  // too many requests wait, in all or for this host
  kShutdown,
};
std::string_view OutgoingErrorName(OutgoingError error);

struct OutgoingResult {
  OutgoingError error = OutgoingError::kNone;
  std::string text;       // for the log, when there is an error
  int status = 0;         // HTTP; 0 if no answer came
  HeaderList headers;     // of the last answer; names in lower case
  std::string body;       // decompressed; empty when there is an error
  bool body_cut = false;  // see OutgoingRequest::body_may_be_cut
  std::string final_url;  // of the last request, normalised, without fragment; empty for kBadUrl

  bool ok() const { return error == OutgoingError::kNone && status >= 200 && status < 300; }
  // The first header of that (lower-case) name, or empty.
  std::string_view Header(std::string_view name) const;
};

struct ClientOptions {
  std::string version;  // for User-Agent: Stampede/<version> (+<base_url>)
  std::string base_url;
  AllowList allow;
  // "name:port:address", used instead of DNS: for tests of what names can resolve to.
  std::vector<std::string> resolve;
  size_t transfers_max = limits::kOutgoingTransfersMax;
  size_t transfers_per_host_max = limits::kOutgoingTransfersPerHostMax;
  size_t queue_max = limits::kOutgoingQueueMax;
  size_t queue_per_host_max = limits::kOutgoingQueuePerHostMax;
};

// The one place that opens outgoing connections. The address guard judges the very bytes that are
// given to connect(2), so what a name resolved to earlier does not matter (no rebinding). Each
// redirect passes every check again; Signature headers are never forwarded, Authorization and
// Cookie not to another origin. No proxies of the environment, no .netrc, no cookies, HTTP/1.1.
//
// Thread-safe. Runs on one thread of its own, over libcurl (included in client.cc only); a waiting
// or running request costs no thread, except libcurl's one per name being resolved. Errors are
// values; nothing throws.
class HttpClient {
 public:
  using Callback = std::function<void(OutgoingResult)>;

  HttpClient(ClientOptions options, Clock& clock, obs::Metrics& metrics);
  ~HttpClient();  // stops
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Calls `callback` exactly once: on the client's thread, where it must be quick and may call
  // Start but not Fetch; or, for kBadUrl, kOverloaded and kShutdown, perhaps before Start returns,
  // so hold no lock that it takes. Higher than the per-host bound, requests of a host wait in
  // order.
  void Start(OutgoingRequest request, Callback callback);
  // Start and wait; not from a callback.
  OutgoingResult Fetch(OutgoingRequest request);

  // Ends what waits and runs with kShutdown; returns when every callback has. Not from a callback.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stampede::net
