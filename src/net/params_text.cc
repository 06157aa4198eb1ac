#include "net/params_text.h"

#include "codec/utf8.h"

namespace stampede::net {

std::string CheckedText(std::string text) {
  if (!codec::IsValidUtf8(text)) {
    throw Error(ErrorCode::kBadRequest, "A parameter is not valid UTF-8");
  }
  if (text.find('\0') != text.npos) {
    throw Error(ErrorCode::kBadRequest, "A parameter contains a NUL byte");
  }
  return text;
}

Error TooManyParams() { return Error(ErrorCode::kBadRequest, "Too many parameters"); }

}  // namespace stampede::net
