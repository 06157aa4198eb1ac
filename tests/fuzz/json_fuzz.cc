#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "codec/json.h"
#include "codec/json_writer.h"
#include "codec/utf8.h"

// Any document is parsed or refused with an Error, and any text survives the writer and the parser.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stampede;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    codec::ParseJson(text);
  } catch (const Error& error) {
    STAMPEDE_CHECK(error.code() == ErrorCode::kBadRequest);
  }
  codec::JsonWriter json;
  json.Array().String(text).EndArray();
  boost::json::value parsed = codec::ParseJson(json.text());
  STAMPEDE_CHECK(std::string_view(parsed.at(0).as_string()) == codec::SanitizeUtf8(text));
  return 0;
}
