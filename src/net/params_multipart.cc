// multipart/form-data: RFC 7578 on the syntax of RFC 2046, section 5.1.

#include <algorithm>

#include "base/error.h"
#include "base/limits.h"
#include "codec/url.h"
#include "net/header_value.h"
#include "net/params.h"
#include "net/params_text.h"

namespace stampede::net {
namespace {

constexpr size_t kBoundaryBytesMax = 70;  // RFC 2046, section 5.1.1
constexpr size_t kPartHeaderBytesMax = 4096;

[[noreturn]] void Malformed(const char* detail) {
  throw Error(ErrorCode::kBadRequest, "The multipart body is malformed", detail);
}

struct PartHead {
  std::string name;
  std::optional<std::string> filename;
  std::string content_type;
};

// Browsers write quotes and line ends in names as %22, %0D and %0A: html.spec.whatwg.org,
// "multipart form data". Line ends stay escaped here: no name or file name of ours has any.
std::string UnescapeQuotes(std::string text) {
  for (size_t at = text.find("%22"); at != text.npos; at = text.find("%22", at + 1)) {
    text.replace(at, 3, "\"");
  }
  return text;
}

void ReadDisposition(std::string_view value, PartHead& head) {
  HeaderValue disposition(value);
  if (!disposition.is("form-data")) Malformed("a part that is no form-data");
  std::optional<std::string> name = disposition.Parameter("name");
  if (!name) Malformed("a part without a name");
  head.name = CheckedText(UnescapeQuotes(*std::move(name)));
  if (std::optional<std::string> plain = disposition.Parameter("filename")) {
    head.filename = CheckedText(UnescapeQuotes(*std::move(plain)));
  }
  // RFC 5987, as some libraries send it although RFC 7578 says not to.
  std::optional<std::string> extended = disposition.Parameter("filename*");
  if (extended && EqualsLower(extended->substr(0, 7), "utf-8''")) {
    head.filename = CheckedText(codec::PercentDecode(extended->substr(7)));
  }
}

PartHead ReadPartHead(std::string_view text) {
  PartHead head;
  while (!text.empty()) {
    size_t end = std::min(text.find("\r\n"), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 2, text.size()));
    size_t colon = line.find(':');
    if (colon == line.npos) Malformed("a header without a colon");
    std::string_view value = TrimHeader(line.substr(colon + 1));
    if (EqualsLower(line.substr(0, colon), "content-disposition")) ReadDisposition(value, head);
    if (EqualsLower(line.substr(0, colon), "content-type")) head.content_type = value;
  }
  if (head.name.empty()) Malformed("a part without a name");
  return head;
}

// One part between two delimiters: headers, an empty line, the content.
void AddPart(std::string_view part, Params& into) {
  size_t head_end = part.starts_with("\r\n") ? 0 : part.find("\r\n\r\n");
  if (head_end == part.npos || head_end > kPartHeaderBytesMax) Malformed("a part without headers");
  PartHead head = ReadPartHead(part.substr(0, head_end));
  std::string_view content = part.substr(head_end + 4);
  if (!head.filename) {
    into.SetByFormName(head.name, Params::MakeText(CheckedText(std::string(content))));
    return;
  }
  if (head.filename->empty() && content.empty()) return;  // a file input left empty
  into.SetByFormName(head.name, Params::MakeFile({.filename = *std::move(head.filename),
                                                  .content_type = std::move(head.content_type),
                                                  .bytes = std::string(content)}));
}

}  // namespace

void ParseMultipart(std::string_view body, std::string_view boundary, Params& into) {
  if (boundary.empty() || boundary.size() > kBoundaryBytesMax) Malformed("no usable boundary");
  std::string delimiter = "\r\n--" + std::string(boundary);
  std::string_view first = std::string_view(delimiter).substr(2);
  size_t at;
  if (body.starts_with(first)) {
    at = first.size();
  } else {
    at = body.find(delimiter);  // behind a preamble, which is ignored
    if (at == body.npos) Malformed("the boundary never comes");
    at += delimiter.size();
  }
  for (size_t parts = 0;; ++parts) {
    if (body.substr(at).starts_with("--")) return;  // what follows is the epilogue
    // A delimiter may be padded: RFC 2046, "transport-padding".
    while (at < body.size() && (body[at] == ' ' || body[at] == '\t')) ++at;
    if (!body.substr(at).starts_with("\r\n")) Malformed("text behind a boundary");
    at += 2;
    size_t end = body.find(delimiter, at);
    if (end == body.npos) Malformed("the last boundary is missing");
    if (parts == limits::kMultipartPartsMax) throw TooManyParams();
    AddPart(body.substr(at, end - at), into);
    at = end + delimiter.size();
  }
}

}  // namespace stampede::net
