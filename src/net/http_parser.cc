#include "net/http_parser.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/limits.h"
#include "codec/utf8.h"
#include "net/header_value.h"

namespace stampede::net {
namespace {

constexpr size_t kRequestLineRest = 32;  // method, version and spaces beside the target
constexpr size_t kChunkLineBytesMax = 256;

constexpr HttpProblem kMalformedRequest = {400, "The request is malformed"};
constexpr HttpProblem kMalformedHeader = {400, "A header is malformed"};
constexpr HttpProblem kMalformedChunk = {400, "The chunked body is malformed"};
constexpr HttpProblem kTargetTooLong = {414, "The address is too long"};
constexpr HttpProblem kHeaderTooLong = {431, "The headers are too long"};
constexpr HttpProblem kBodyTooLong = {413, "The request body is too large"};

// RFC 9110, section 5.6.2.
constexpr std::array<bool, 256> kTokenChar = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kTokenChar[static_cast<unsigned char>(c)];
  });
}

// Visible characters, spaces, tabs and bytes above ASCII (RFC 9110, section 5.5).
bool IsHeaderText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) || c == '\t';
  });
}

Method MethodOf(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Method>, 7> kMethods = {{
      {"GET", Method::kGet},
      {"POST", Method::kPost},
      {"HEAD", Method::kHead},
      {"PUT", Method::kPut},
      {"PATCH", Method::kPatch},
      {"DELETE", Method::kDelete},
      {"OPTIONS", Method::kOptions},
  }};
  for (const auto& [known, method] : kMethods) {
    if (name == known) return method;
  }
  return Method::kOther;
}

// Without scheme and authority (RFC 9112, section 3.2.2); nothing when it is no target of ours.
std::string_view OriginForm(std::string_view target) {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!EqualsLower(target.substr(0, scheme.size()), scheme)) continue;
    size_t start = target.find_first_of("/?", scheme.size());
    return start == target.npos ? std::string_view("/") : target.substr(start);
  }
  return target.starts_with('/') ? target : std::string_view();
}

HttpProblem ParseTarget(std::string_view target, Request& request) {
  bool plain = std::all_of(target.begin(), target.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7F && c != '#';
  });
  if (!plain) return kMalformedRequest;
  if (target == "*" && request.method == Method::kOptions) {
    request.path = target;
    return {};
  }
  target = OriginForm(target);
  if (target.empty()) return kMalformedRequest;
  size_t question = std::min(target.find('?'), target.size());
  if (question < target.size()) request.query = target.substr(question + 1);
  return DecodePath(target.substr(0, question), request.path);
}

HttpProblem ParseRequestLine(std::string_view line, Request& request, Framing& framing) {
  size_t first = line.find(' ');
  size_t second = first == line.npos ? line.npos : line.find(' ', first + 1);
  if (second == line.npos) return kMalformedRequest;
  std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, second - first - 1);
  std::string_view version = line.substr(second + 1);
  if (!IsToken(method)) return kMalformedRequest;
  bool wellformed = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' &&
                    version[5] >= '0' && version[5] <= '9' && version[7] >= '0' &&
                    version[7] <= '9';
  if (!wellformed) return kMalformedRequest;
  if (version[5] != '1') return {505, "This version of HTTP is not supported"};
  framing.http_1_0 = version[7] == '0';
  if (target.size() > limits::kTargetBytesMax) return kTargetTooLong;
  request.method = MethodOf(method);
  return ParseTarget(target, request);
}

HttpProblem ParseHeaderLine(std::string_view line, Request& request) {
  // A line that starts with white space continues the one before (obs-fold): refused, as RFC 9112,
  // section 5.2, allows; so is white space before the colon, section 5.1. Neither is a token.
  size_t colon = line.find(':');
  if (colon == line.npos || !IsToken(line.substr(0, colon))) return kMalformedHeader;
  std::string_view value = TrimHeader(line.substr(colon + 1));
  if (!IsHeaderText(value)) return kMalformedHeader;
  if (request.headers.size() == limits::kHeaderCountMax) return {431, "Too many headers"};
  std::string name(line.substr(0, colon));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  request.headers.emplace_back(std::move(name), std::string(value));
  return {};
}

bool HasListItem(std::string_view list, std::string_view lower) {
  while (!list.empty()) {
    size_t comma = std::min(list.find(','), list.size());
    if (EqualsLower(TrimHeader(list.substr(0, comma)), lower)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

struct FramingHeaders {
  int hosts = 0, lengths = 0, encodings = 0;
};

HttpProblem ApplyHeader(std::string_view name, std::string_view value, FramingHeaders& seen,
                        Framing& framing) {
  if (name == "host") {
    ++seen.hosts;
  } else if (name == "content-length") {
    ++seen.lengths;
    auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), framing.content_length);
    if (error == std::errc::result_out_of_range) return kBodyTooLong;
    if (error != std::errc() || end != value.data() + value.size()) return kMalformedHeader;
  } else if (name == "transfer-encoding") {
    ++seen.encodings;
    framing.chunked = true;
    if (!EqualsLower(value, "chunked")) return {501, "This transfer encoding is not supported"};
  } else if (name == "connection") {
    if (HasListItem(value, "close")) framing.keep_alive = false;
    if (framing.http_1_0 && HasListItem(value, "keep-alive")) framing.keep_alive = true;
  } else if (name == "expect" && !framing.http_1_0) {
    if (!EqualsLower(value, "100-continue")) return {417, "This expectation cannot be met"};
    framing.expects_continue = true;
  }
  return {};
}

// RFC 9112, sections 3.2, 6.1 and 6.3. A request that can be read in two ways is refused.
HttpProblem ReadFraming(const Request& request, Framing& framing) {
  framing.keep_alive = !framing.http_1_0;
  FramingHeaders seen;
  for (const auto& [name, value] : request.headers) {
    if (HttpProblem problem = ApplyHeader(name, value, seen, framing)) return problem;
  }
  if (seen.hosts > 1 || (seen.hosts == 0 && !framing.http_1_0)) {
    return {400, "Exactly one Host header is required"};
  }
  bool ambiguous = seen.lengths + seen.encodings > 1 || (framing.http_1_0 && framing.chunked);
  if (ambiguous) return {400, "The length of the request body is ambiguous"};
  return {};
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

size_t HeadScanner::Scan(std::string_view buffer, HttpProblem& problem) {
  // What is no HTTP at all (TLS, binary protocols) is refused at its first byte.
  if (!buffer.empty() && !kTokenChar[static_cast<unsigned char>(buffer[0])]) {
    problem = kMalformedRequest;
    return 0;
  }
  for (size_t end; (end = buffer.find('\n', scanned_)) != buffer.npos; scanned_ = end + 1) {
    if (end == 0 || buffer[end - 1] != '\r') {
      problem = kMalformedRequest;
      return 0;
    }
    if (end - 1 == line_start_ && line_start_ > 0) {
      if (end + 1 > limits::kHeaderBytesMax) problem = kHeaderTooLong;
      return problem ? 0 : end + 1;
    }
    line_start_ = end + 1;
  }
  scanned_ = buffer.size();
  if (line_start_ == 0 && buffer.size() > limits::kTargetBytesMax + kRequestLineRest) {
    problem = kTargetTooLong;
  } else if (buffer.size() > limits::kHeaderBytesMax) {
    problem = kHeaderTooLong;
  }
  return 0;
}

HttpProblem ParseHead(std::string_view head, Request& request, Framing& framing) {
  size_t end = head.find("\r\n");
  if (end == head.npos) return kMalformedRequest;
  if (HttpProblem problem = ParseRequestLine(head.substr(0, end), request, framing)) {
    return problem;
  }
  for (size_t at = end + 2;; at = end + 2) {
    end = head.find("\r\n", at);
    if (end == head.npos) return kMalformedRequest;
    if (end == at) break;
    if (HttpProblem problem = ParseHeaderLine(head.substr(at, end - at), request)) return problem;
  }
  return ReadFraming(request, framing);
}

HttpProblem DecodePath(std::string_view raw, std::string& path) {
  constexpr HttpProblem kMalformed = {400, "The address is malformed"};
  path.clear();
  path.reserve(raw.size());
  for (size_t at = 0; at < raw.size(); ++at) {
    char c = raw[at];
    if (c == '%') {
      int high = at + 2 < raw.size() ? HexValue(raw[at + 1]) : -1;
      int low = at + 2 < raw.size() ? HexValue(raw[at + 2]) : -1;
      if (high < 0 || low < 0) return kMalformed;
      c = static_cast<char>(high * 16 + low);
      at += 2;
    }
    if (c == '\0') return kMalformed;
    path += c;
  }
  if (!codec::IsValidUtf8(path)) return {400, "The address is not valid UTF-8"};
  for (size_t at = 0; at < path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view segment = std::string_view(path).substr(at, end - at);
    if (segment == "." || segment == "..") return kMalformed;
    at = end + 1;
  }
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path.empty()) path = "/";
  return {};
}

// A complete line, without its CRLF. `room` is what the body may still grow by.
HttpProblem ChunkedDecoder::EndLine(std::string_view line, uint64_t room) {
  if (!IsHeaderText(line)) return kMalformedChunk;
  if (state_ == State::kDataEnd) {
    if (!line.empty()) return kMalformedChunk;
    state_ = State::kSize;
    return {};
  }
  if (state_ == State::kTrailer) {
    dropped_ += line.size();
    if (line.empty()) state_ = State::kDone;
    return {};
  }
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), chunk_left_, 16);
  if (error == std::errc::result_out_of_range) return kBodyTooLong;
  std::string_view extension = line.substr(static_cast<size_t>(end - line.data()));
  bool plain =
      extension.empty() || TrimHeader(extension).empty() || TrimHeader(extension).starts_with(';');
  if (error != std::errc() || !plain) return kMalformedChunk;
  if (chunk_left_ > room) return kBodyTooLong;
  dropped_ += extension.size();
  state_ = chunk_left_ == 0 ? State::kTrailer : State::kData;
  return {};
}

HttpProblem ChunkedDecoder::Feed(std::string_view in, size_t& used, std::string& body,
                                 size_t body_bytes_max) {
  used = 0;
  while (used < in.size() && !done()) {
    if (state_ == State::kData) {
      size_t take = std::min<uint64_t>(chunk_left_, in.size() - used);
      body.append(in, used, take);
      used += take;
      chunk_left_ -= take;
      if (chunk_left_ == 0) state_ = State::kDataEnd;
      continue;
    }
    size_t end = in.find('\n', used);
    line_.append(in, used, std::min(end, in.size()) - used);
    used = end == in.npos ? in.size() : end + 1;
    size_t line_max = state_ == State::kTrailer ? limits::kHeaderBytesMax : kChunkLineBytesMax;
    if (line_.size() > line_max || dropped_ > limits::kHeaderBytesMax) return kMalformedChunk;
    if (end == in.npos) break;
    if (!line_.ends_with('\r')) return kMalformedChunk;
    line_.pop_back();
    if (HttpProblem problem = EndLine(line_, body_bytes_max - body.size())) return problem;
    line_.clear();
  }
  return {};
}

}  // namespace stampede::net
