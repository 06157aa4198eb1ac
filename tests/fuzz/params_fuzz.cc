#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "net/params.h"

// Any body is parsed or refused with an Error, as each of its types; and any tree answers questions.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stampede;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (std::string_view type : {"application/x-www-form-urlencoded", "application/json",
                                "multipart/form-data; boundary=X"}) {
    net::Params params;
    try {
      net::ParseBody(type, text, params);
    } catch (const Error& error) {
      STAMPEDE_CHECK(error.code() == ErrorCode::kBadRequest);
    }
    for (const auto& [name, value] : params.members()) {
      STAMPEDE_CHECK(params.Has(name));
      value.Texts();
      value.Elements();
      value.Bool();
    }
  }
  return 0;
}
