#include "net/client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <deque>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>

#include "base/check.h"
#include "base/mutex.h"
#include "base/thread_name.h"
#include "obs/log.h"

namespace stampede::net {
namespace {

constexpr int kSweepMs = 100;  // how late a timeout may be noticed

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using EasyHandle = std::unique_ptr<CURL, CurlDeleter>;
using UrlHandle = std::unique_ptr<CURLU, CurlDeleter>;
using StringList = std::unique_ptr<curl_slist, CurlDeleter>;

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string UrlPart(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string result(text);
  curl_free(text);
  return result;
}

// A URL that passed the rules on URLs. An origin is scheme, host and port: RFC 6454.
struct Target {
  UrlHandle handle;
  std::string text;
  std::string host;
  std::string origin;
};

// nullopt for what this server does not fetch. `base`: what a relative URL is relative to.
std::optional<Target> ParseUrl(std::string_view text, const Target* base = nullptr) {
  // A NUL would end the text early for libcurl, but not for us.
  if (text.size() > limits::kOutgoingUrlBytesMax || text.find('\0') != text.npos) {
    return std::nullopt;
  }
  Target target;
  target.handle.reset(base ? curl_url_dup(base->handle.get()) : curl_url());
  CURLU* url = target.handle.get();
  // Also percent-encodes spaces and non-ASCII letters, which people write in links.
  if (curl_url_set(url, CURLUPART_URL, std::string(text).c_str(),
                   CURLU_URLENCODE | CURLU_DISALLOW_USER) != CURLUE_OK) {
    return std::nullopt;
  }
  curl_url_set(url, CURLUPART_FRAGMENT, nullptr, 0);
  std::string scheme = UrlPart(url, CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return std::nullopt;
  target.host = Lower(UrlPart(url, CURLUPART_HOST));
  if (target.host.empty() || !UrlPart(url, CURLUPART_USER).empty() ||
      !UrlPart(url, CURLUPART_PASSWORD).empty()) {
    return std::nullopt;
  }
  target.text = UrlPart(url, CURLUPART_URL);
  if (target.text.size() > limits::kOutgoingUrlBytesMax) return std::nullopt;
  target.origin =
      scheme + "://" + target.host + ":" + UrlPart(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  return target;
}

bool IsToken(std::string_view text) {  // RFC 9110 section 5.6.2
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || (c != 0 && std::strchr("!#$%&'*+-.^_`|~", c));
  });
}

bool MaySend(const HeaderList& headers) {
  static const std::set<std::string, std::less<>> kOwn = {
      "host", "content-length", "transfer-encoding", "connection", "accept-encoding", "user-agent"};
  return std::all_of(headers.begin(), headers.end(), [](const auto& header) {
    const auto& [name, value] = header;
    bool clean = std::none_of(value.begin(), value.end(),
                              [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
    return IsToken(name) && clean && !kOwn.contains(Lower(name));
  });
}

bool IsSupported(Method method) { return method != Method::kOptions && method != Method::kOther; }
bool IsRead(Method method) { return method == Method::kGet || method == Method::kHead; }

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// One request from Start to its callback. Touched by one thread at a time: whoever holds it.
struct Transfer {
  OutgoingRequest request;
  HttpClient::Callback callback;
  Clock* clock = nullptr;
  const AllowList* allow = nullptr;
  int64_t start_us = 0;
  int64_t deadline_us = 0;
  int redirects = 0;
  OutgoingResult result;

  // Of the present hop. `easy` uses the others, so it is declared last and destroyed first.
  Target target;
  HeaderList signed_headers;
  StringList header_list;
  int64_t progress_us = 0;  // when a byte last moved
  curl_off_t sent_bytes = 0;
  size_t header_bytes = 0;
  bool body_begun = false;
  bool too_large = false;
  std::string_view refused;  // why the guard refused the address tried last
  char error_text[CURL_ERROR_SIZE] = {};
  EasyHandle easy;
};
using TransferPtr = std::unique_ptr<Transfer>;

// The choke point: libcurl asks for a socket for exactly this address, and connects it there.
// https://curl.se/libcurl/c/CURLOPT_OPENSOCKETFUNCTION.html
curl_socket_t OpenSocket(void* context, curlsocktype purpose, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKET_BAD;
  Verdict verdict = CheckAddress(&address->addr, address->addrlen);
  if (!verdict.allowed && !transfer.allow->Contains(&address->addr, address->addrlen)) {
    transfer.refused = verdict.reason;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

size_t OnHeader(char* data, size_t, size_t length, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  transfer.progress_us = transfer.clock->MonotonicUs();
  transfer.header_bytes += length;
  if (transfer.header_bytes > limits::kOutgoingHeaderBytesMax) {
    transfer.too_large = true;
    return 0;
  }
  std::string_view line(data, length);
  if (transfer.body_begun) return length;  // trailers
  if (line.starts_with("HTTP/")) {         // a final answer follows interim ones
    transfer.result.headers.clear();
    return length;
  }
  size_t colon = line.find(':');
  if (colon == line.npos) return length;
  std::string_view value = line.substr(colon + 1);
  size_t begin = value.find_first_not_of(" \t\r\n");
  size_t end = value.find_last_not_of(" \t\r\n");
  value = begin == value.npos ? std::string_view() : value.substr(begin, end - begin + 1);
  transfer.result.headers.emplace_back(Lower(line.substr(0, colon)), value);
  return length;
}

size_t OnBody(char* data, size_t, size_t length, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  transfer.progress_us = transfer.clock->MonotonicUs();
  transfer.body_begun = true;
  std::string& body = transfer.result.body;
  size_t room = transfer.request.body_bytes_max - body.size();
  body.append(data, std::min(length, room));
  if (length <= room) return length;
  transfer.too_large = true;
  return 0;
}

OutgoingError ErrorOf(CURLcode code, const Transfer& transfer) {
  switch (code) {
    case CURLE_OK:
      return OutgoingError::kNone;
    case CURLE_URL_MALFORMAT:
      return OutgoingError::kBadUrl;
    case CURLE_COULDNT_RESOLVE_HOST:
      return OutgoingError::kDns;
    case CURLE_COULDNT_CONNECT:
      return transfer.refused.empty() ? OutgoingError::kConnect : OutgoingError::kRefusedAddress;
    case CURLE_OPERATION_TIMEDOUT:
      return OutgoingError::kTimeout;
    case CURLE_FILESIZE_EXCEEDED:
      return OutgoingError::kTooLarge;
    case CURLE_WRITE_ERROR:
      return transfer.too_large ? OutgoingError::kTooLarge : OutgoingError::kProtocol;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return OutgoingError::kTls;
    default:
      return OutgoingError::kProtocol;
  }
}

void Set(CURL* easy, CURLoption option, auto value) {
  STAMPEDE_CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

}  // namespace

std::string_view OutgoingErrorName(OutgoingError error) {
  switch (error) {
    case OutgoingError::kNone:
      return "none";
    case OutgoingError::kRefusedAddress:
      return "refused_address";
    case OutgoingError::kDns:
      return "dns";
    case OutgoingError::kConnect:
      return "connect";
    case OutgoingError::kTimeout:
      return "timeout";
    case OutgoingError::kTooLarge:
      return "too_large";
    case OutgoingError::kTls:
      return "tls";
    case OutgoingError::kTooManyRedirects:
      return "too_many_redirects";
    case OutgoingError::kBadUrl:
      return "bad_url";
    case OutgoingError::kProtocol:
      return "protocol";
    case OutgoingError::kOverloaded:
      return "overloaded";
    case OutgoingError::kShutdown:
      return "shutdown";
  }
  return "unknown";
}

std::string_view OutgoingResult::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

struct HttpClient::Impl {
  Impl(ClientOptions options, Clock& clock, obs::Metrics& metrics);
  ~Impl();

  // Any thread.
  void Start(OutgoingRequest request, Callback callback);
  std::optional<OutgoingError> Enqueue(TransferPtr& transfer);
  void Stop();
  void Finish(TransferPtr transfer, OutgoingError error, std::string_view text = {});

  // The client's thread only.
  void Run();
  bool AdmitWaiting();
  TransferPtr NextWaiting();
  void BeginHop(TransferPtr transfer);
  void Configure(Transfer& transfer);
  bool PrepareHeaders(Transfer& transfer);
  void FinishDone();
  void AfterHop(TransferPtr transfer, CURLcode code);
  void FollowRedirect(TransferPtr transfer);
  void FinishLate();
  TransferPtr Release(CURL* easy);
  void ShutDown();

  const ClientOptions options;
  const std::string user_agent;
  Clock& clock;
  CURLM* const multi;
  StringList resolve_list;
  std::unordered_map<CURL*, TransferPtr> active;
  std::unordered_map<std::string, size_t> active_per_host;
  int64_t next_sweep_us = 0;

  Mutex mutex;
  bool stopping STAMPEDE_GUARDED_BY(mutex) = false;
  std::deque<TransferPtr> waiting STAMPEDE_GUARDED_BY(mutex);
  std::unordered_map<std::string, size_t> waiting_per_host STAMPEDE_GUARDED_BY(mutex);

  obs::Gauge& active_gauge;
  obs::Gauge& waiting_gauge;
  obs::Histogram& seconds;
  std::vector<obs::Counter*> results;  // by OutgoingError

  Mutex stop_mutex;  // held while joining, so that Stop may be called twice
  std::thread thread;
  std::thread::id thread_id;
};

HttpClient::Impl::Impl(ClientOptions opts, Clock& c, obs::Metrics& metrics)
    : options(std::move(opts)),
      user_agent("Stampede/" + options.version + " (+" + options.base_url + ")"),
      clock(c),
      multi([] {
        static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
        STAMPEDE_CHECK(initialised == CURLE_OK);
        return curl_multi_init();
      }()),
      active_gauge(metrics.AddGauge("outgoing_requests_active", "Outgoing HTTP requests running.")),
      waiting_gauge(
          metrics.AddGauge("outgoing_requests_waiting", "Outgoing HTTP requests queued.")),
      seconds(metrics.AddHistogram("outgoing_request_seconds",
                                   "Outgoing HTTP requests, from start to result.",
                                   obs::LatencyBuckets())) {
  STAMPEDE_CHECK(multi);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                    static_cast<long>(limits::kOutgoingIdleConnectionsMax));
  for (const std::string& entry : options.resolve) {
    resolve_list.reset(curl_slist_append(resolve_list.release(), entry.c_str()));
  }
  for (int e = 0; e <= static_cast<int>(OutgoingError::kShutdown); ++e) {
    results.push_back(&metrics.AddCounter(
        "outgoing_requests_total", "Outgoing HTTP requests by what went wrong.",
        {{"error", std::string(OutgoingErrorName(static_cast<OutgoingError>(e)))}}));
  }
  // Signals are for the main thread; libcurl's resolver threads inherit this.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread = std::thread([this] {
    NameThread("http_client");
    Run();
  });
  thread_id = thread.get_id();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

HttpClient::Impl::~Impl() {
  Stop();
  curl_multi_cleanup(multi);
}

void HttpClient::Impl::Start(OutgoingRequest request, Callback callback) {
  auto transfer = std::make_unique<Transfer>();
  transfer->request = std::move(request);
  transfer->callback = std::move(callback);
  transfer->clock = &clock;
  transfer->allow = &options.allow;
  transfer->start_us = clock.MonotonicUs();
  transfer->deadline_us = transfer->start_us + transfer->request.timeout_ms * int64_t{1000};
  STAMPEDE_CHECK(IsSupported(transfer->request.method));
  auto target = ParseUrl(transfer->request.url);
  if (!target) {
    return Finish(std::move(transfer), OutgoingError::kBadUrl, "not an http(s) URL we fetch");
  }
  transfer->target = std::move(*target);
  if (auto refused = Enqueue(transfer)) return Finish(std::move(transfer), *refused);
  curl_multi_wakeup(multi);
}

// Takes the transfer unless it returns why not.
std::optional<OutgoingError> HttpClient::Impl::Enqueue(TransferPtr& transfer) {
  MutexLock lock(mutex);
  if (stopping) return OutgoingError::kShutdown;
  if (waiting.size() >= options.queue_max) return OutgoingError::kOverloaded;
  size_t& of_host = waiting_per_host[transfer->target.host];
  if (of_host >= options.queue_per_host_max) return OutgoingError::kOverloaded;
  ++of_host;
  waiting.push_back(std::move(transfer));
  waiting_gauge.Set(static_cast<int64_t>(waiting.size()));
  return std::nullopt;
}

void HttpClient::Impl::Stop() {
  STAMPEDE_CHECK(std::this_thread::get_id() != thread_id);
  {
    MutexLock lock(mutex);
    stopping = true;
  }
  curl_multi_wakeup(multi);
  MutexLock lock(stop_mutex);
  if (thread.joinable()) thread.join();
}

void HttpClient::Impl::Finish(TransferPtr transfer, OutgoingError error, std::string_view text) {
  OutgoingResult& result = transfer->result;
  result.error = error;
  result.final_url = transfer->target.text;
  if (error != OutgoingError::kNone) {
    result.text = text.empty() ? OutgoingErrorName(error) : text;
    result.body.clear();
  }
  results[static_cast<size_t>(error)]->Add();
  seconds.Observe(static_cast<double>(clock.MonotonicUs() - transfer->start_us) / 1e6);
  Callback callback = std::move(transfer->callback);
  OutgoingResult taken = std::move(result);
  transfer.reset();
  try {
    callback(std::move(taken));
  } catch (const std::exception& fault) {
    obs::Log(obs::LogLevel::kError, "callback of an outgoing request threw",
             {{"error", fault.what()}});
  }
}

void HttpClient::Impl::Run() {
  while (AdmitWaiting()) {
    int running = 0;
    curl_multi_perform(multi, &running);
    FinishDone();
    FinishLate();
    active_gauge.Set(static_cast<int64_t>(active.size()));
    if (!AdmitWaiting()) break;
    int wait_ms = active.empty() ? 60'000 : kSweepMs;
    curl_multi_poll(multi, nullptr, 0, wait_ms, nullptr);
  }
  ShutDown();
}

// Begins what the bounds admit. False when it is time to stop.
bool HttpClient::Impl::AdmitWaiting() {
  while (active.size() < options.transfers_max) {
    TransferPtr transfer = NextWaiting();
    if (!transfer) break;
    BeginHop(std::move(transfer));
  }
  MutexLock lock(mutex);
  return !stopping;
}

// The longest waiting transfer whose host has a free place, or none.
TransferPtr HttpClient::Impl::NextWaiting() {
  MutexLock lock(mutex);
  if (stopping) return nullptr;
  auto free = [&](const TransferPtr& transfer) {
    auto found = active_per_host.find(transfer->target.host);
    return found == active_per_host.end() || found->second < options.transfers_per_host_max;
  };
  auto found = std::find_if(waiting.begin(), waiting.end(), free);
  if (found == waiting.end()) return nullptr;
  TransferPtr transfer = std::move(*found);
  waiting.erase(found);
  waiting_gauge.Set(static_cast<int64_t>(waiting.size()));
  auto of_host = waiting_per_host.find(transfer->target.host);
  if (--of_host->second == 0) waiting_per_host.erase(of_host);
  return transfer;
}

void HttpClient::Impl::BeginHop(TransferPtr transfer) {
  int64_t now = clock.MonotonicUs();
  if (now >= transfer->deadline_us) {
    return Finish(std::move(transfer), OutgoingError::kTimeout, "waited for its turn");
  }
  transfer->progress_us = now;
  transfer->easy.reset(curl_easy_init());
  STAMPEDE_CHECK(transfer->easy);
  if (!PrepareHeaders(*transfer)) {
    return Finish(std::move(transfer), OutgoingError::kProtocol, "a header that may not be sent");
  }
  Configure(*transfer);
  CURL* easy = transfer->easy.get();
  STAMPEDE_CHECK(curl_multi_add_handle(multi, easy) == CURLM_OK);
  ++active_per_host[transfer->target.host];
  active.emplace(easy, std::move(transfer));
}

bool HttpClient::Impl::PrepareHeaders(Transfer& transfer) {
  HeaderList headers = transfer.request.headers;
  if (transfer.request.sign) transfer.request.sign(transfer.target.text, headers);
  if (!MaySend(headers)) return false;
  // Without a value, libcurl leaves out what it would add by itself.
  std::vector<std::string> lines = {"Expect:"};
  bool has_type = false;
  for (const auto& [name, value] : headers) {
    has_type |= Lower(name) == "content-type";
    lines.push_back(value.empty() ? name + ";" : name + ": " + value);
  }
  if (!has_type) lines.push_back("Content-Type:");
  transfer.header_list.reset();
  for (const std::string& line : lines) {
    transfer.header_list.reset(curl_slist_append(transfer.header_list.release(), line.c_str()));
  }
  return true;
}

void HttpClient::Impl::Configure(Transfer& transfer) {
  CURL* easy = transfer.easy.get();
  const OutgoingRequest& request = transfer.request;
  int64_t left_ms = (transfer.deadline_us - clock.MonotonicUs()) / 1000;
  Set(easy, CURLOPT_CURLU, transfer.target.handle.get());
  Set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  Set(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  Set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  Set(easy, CURLOPT_PROXY, "");  // neither http_proxy nor all_proxy of the environment
  Set(easy, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  Set(easy, CURLOPT_NOSIGNAL, 1L);
  Set(easy, CURLOPT_QUICK_EXIT, 1L);  // never wait for a resolver thread that is late
  Set(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  Set(easy, CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(std::clamp<int64_t>(left_ms, 1, request.connect_timeout_ms)));
  Set(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  Set(easy, CURLOPT_USERAGENT, user_agent.c_str());
  Set(easy, CURLOPT_HTTPHEADER, transfer.header_list.get());
  Set(easy, CURLOPT_ERRORBUFFER, transfer.error_text);
  Set(easy, CURLOPT_OPENSOCKETFUNCTION, OpenSocket);
  Set(easy, CURLOPT_OPENSOCKETDATA, &transfer);
  Set(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  Set(easy, CURLOPT_HEADERDATA, &transfer);
  Set(easy, CURLOPT_WRITEFUNCTION, OnBody);
  Set(easy, CURLOPT_WRITEDATA, &transfer);
  if (resolve_list) Set(easy, CURLOPT_RESOLVE, resolve_list.get());
  if (request.method == Method::kHead) {
    Set(easy, CURLOPT_NOBODY, 1L);
  } else if (!request.body_may_be_cut) {
    // Refuses a declared length at once; what is not declared is counted as it comes.
    Set(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.body_bytes_max));
  }
  if (!IsRead(request.method)) {
    Set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    Set(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    Set(easy, CURLOPT_CUSTOMREQUEST, MethodName(request.method).data());  // a literal: ends in 0
  }
}

void HttpClient::Impl::FinishDone() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode code = message->data.result;  // before the message dies with its handle
    AfterHop(Release(message->easy_handle), code);
  }
}

// Takes a transfer out of libcurl and of the counts.
TransferPtr HttpClient::Impl::Release(CURL* easy) {
  auto found = active.find(easy);
  STAMPEDE_CHECK(found != active.end());
  TransferPtr transfer = std::move(found->second);
  active.erase(found);
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  transfer->result.status = static_cast<int>(status);
  curl_multi_remove_handle(multi, easy);
  transfer->easy.reset();
  auto of_host = active_per_host.find(transfer->target.host);
  if (--of_host->second == 0) active_per_host.erase(of_host);
  return transfer;
}

void HttpClient::Impl::AfterHop(TransferPtr transfer, CURLcode code) {
  const OutgoingRequest& request = transfer->request;
  OutgoingResult& result = transfer->result;
  bool follow = IsRead(request.method) && request.redirects_max > 0 && IsRedirect(result.status) &&
                !result.Header("location").empty();
  bool cut = code == CURLE_WRITE_ERROR && request.body_may_be_cut && transfer->body_begun &&
             transfer->too_large;
  if (code == CURLE_OK || cut) {
    if (follow) return FollowRedirect(std::move(transfer));
    result.body_cut = cut;
    return Finish(std::move(transfer), OutgoingError::kNone);
  }
  OutgoingError error = ErrorOf(code, *transfer);
  std::string text = transfer->error_text[0] ? transfer->error_text : curl_easy_strerror(code);
  if (error == OutgoingError::kRefusedAddress)
    text = "address refused: " + std::string(transfer->refused);
  Finish(std::move(transfer), error, text);
}

void HttpClient::Impl::FollowRedirect(TransferPtr transfer) {
  if (++transfer->redirects > transfer->request.redirects_max) {
    return Finish(std::move(transfer), OutgoingError::kTooManyRedirects);
  }
  auto target = ParseUrl(transfer->result.Header("location"), &transfer->target);
  if (!target) {
    transfer->target = {};
    return Finish(std::move(transfer), OutgoingError::kBadUrl,
                  "redirected to a URL we do not fetch");
  }
  bool same_origin = target->origin == transfer->target.origin;
  std::erase_if(transfer->request.headers, [&](const auto& header) {
    std::string name = Lower(header.first);
    if (name == "signature" || name == "signature-input") return true;
    return !same_origin && (name == "authorization" || name == "cookie");
  });
  transfer->target = std::move(*target);
  transfer->result = {};
  transfer->header_bytes = 0;
  transfer->sent_bytes = 0;
  transfer->body_begun = transfer->too_large = false;
  transfer->refused = {};
  transfer->error_text[0] = '\0';
  // To the front of the queue, beyond its bounds: it had a place, and its new host may have none.
  MutexLock lock(mutex);
  ++waiting_per_host[transfer->target.host];
  waiting.push_front(std::move(transfer));
}

void HttpClient::Impl::FinishLate() {
  int64_t now = clock.MonotonicUs();
  if (now < next_sweep_us) return;
  next_sweep_us = now + kSweepMs * 1000;
  std::vector<CURL*> late;
  for (auto& [easy, transfer] : active) {
    curl_off_t sent = 0;
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    if (std::exchange(transfer->sent_bytes, sent) != sent) transfer->progress_us = now;
    int64_t stalled_us = now - transfer->progress_us;
    if (now >= transfer->deadline_us ||
        stalled_us >= transfer->request.stall_timeout_ms * int64_t{1000}) {
      late.push_back(easy);
    }
  }
  for (CURL* easy : late) {
    TransferPtr transfer = Release(easy);
    std::string_view text = now >= transfer->deadline_us ? "took too long" : "stalled";
    Finish(std::move(transfer), OutgoingError::kTimeout, text);
  }
  std::vector<TransferPtr> expired;
  {
    MutexLock lock(mutex);
    for (TransferPtr& transfer : waiting) {
      if (now < transfer->deadline_us) continue;
      auto of_host = waiting_per_host.find(transfer->target.host);
      if (--of_host->second == 0) waiting_per_host.erase(of_host);
      expired.push_back(std::move(transfer));
    }
    std::erase(waiting, nullptr);
    waiting_gauge.Set(static_cast<int64_t>(waiting.size()));
  }
  for (TransferPtr& transfer : expired) {
    Finish(std::move(transfer), OutgoingError::kTimeout, "waited for its turn");
  }
}

void HttpClient::Impl::ShutDown() {
  while (!active.empty()) {
    Finish(Release(active.begin()->first), OutgoingError::kShutdown);
  }
  std::deque<TransferPtr> rest;
  {
    MutexLock lock(mutex);
    rest.swap(waiting);
    waiting_per_host.clear();
  }
  for (TransferPtr& transfer : rest) Finish(std::move(transfer), OutgoingError::kShutdown);
  active_gauge.Set(0);
  waiting_gauge.Set(0);
}

HttpClient::HttpClient(ClientOptions options, Clock& clock, obs::Metrics& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), clock, metrics)) {}

HttpClient::~HttpClient() = default;

void HttpClient::Start(OutgoingRequest request, Callback callback) {
  impl_->Start(std::move(request), std::move(callback));
}

OutgoingResult HttpClient::Fetch(OutgoingRequest request) {
  STAMPEDE_CHECK(std::this_thread::get_id() != impl_->thread_id);
  struct Waiter {
    Mutex mutex;
    CondVar done;
    std::optional<OutgoingResult> result STAMPEDE_GUARDED_BY(mutex);
  } waiter;
  impl_->Start(std::move(request), [&](OutgoingResult result) {
    MutexLock lock(waiter.mutex);  // notified under the lock, because the waiter then goes away
    waiter.result = std::move(result);
    waiter.done.NotifyOne();
  });
  MutexLock lock(waiter.mutex);
  while (!waiter.result) waiter.done.Wait(waiter.mutex);
  return std::move(*waiter.result);
}

void HttpClient::Stop() { impl_->Stop(); }

}  // namespace stampede::net
