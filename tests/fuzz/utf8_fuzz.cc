#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "codec/base64.h"
#include "codec/url.h"
#include "codec/utf8.h"

// Sanitizing makes any bytes valid once and for all; views stay inside; encodings read back.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stampede::codec;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string clean = SanitizeUtf8(text);
  STAMPEDE_CHECK(IsValidUtf8(clean));
  STAMPEDE_CHECK(IsValidUtf8(text) == (clean == text));
  STAMPEDE_CHECK(CodePointCount(text) == CodePointCount(clean));
  size_t graphemes = GraphemeCount(text);
  STAMPEDE_CHECK(graphemes <= CodePointCount(text));
  STAMPEDE_CHECK(TruncateGraphemes(text, graphemes) == text);
  STAMPEDE_CHECK(GraphemeCount(TruncateGraphemes(clean, graphemes / 2)) == graphemes / 2);
  size_t characters = 0;
  for (size_t at = clean.size(); at > 0; ++characters) DecodeUtf8Before(clean, at);
  STAMPEDE_CHECK(characters == CodePointCount(clean));
  STAMPEDE_CHECK(Trim(Trim(text)) == Trim(text));
  Lowercase(text);
  STAMPEDE_CHECK(PercentDecode(PercentEncode(text)) == text);
  PercentDecode(text, true);
  STAMPEDE_CHECK(Base64Decode(Base64Encode(text)) == text);
  STAMPEDE_CHECK(Base64Decode(Base64UrlEncode(text)) == text);
  Base64Decode(text);
  return 0;
}
