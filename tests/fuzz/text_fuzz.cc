#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "codec/text.h"
#include "codec/url.h"
#include "codec/utf8.h"

// Entities lie in order inside the text, links are http, and every rendering is valid UTF-8.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stampede::codec;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  size_t last = 0;
  for (const Entity& entity : FindEntities(text)) {
    STAMPEDE_CHECK(entity.begin >= last && entity.end > entity.begin && entity.end <= size);
    STAMPEDE_CHECK(entity.kind != Entity::kUrl || IsHttpUrl(entity.text));
    last = entity.end;
  }
  StatusLength(text.substr(0, size / 2), text.substr(size / 2));

  MentionTarget target{"https://remote.example/@\"<", "bob", "remote.example"};
  FormatContext context{.base_url = "https://example.org",
                        .resolve_mention = [&](std::string_view) { return &target; }};
  for (const std::string& html : {FormatStatus(text, context), FormatField(text, context)}) {
    STAMPEDE_CHECK(IsValidUtf8(html));
    PlainText(html);
  }
  PlainText(text);
  std::string tag = NormalizeTag(text);
  STAMPEDE_CHECK(IsValidUtf8(tag));
  return 0;
}
