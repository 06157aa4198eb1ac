#pragma once

#include <string>
#include <string_view>

// HTML as text. Thread-safe, linear on any input.
namespace stampede::codec {

// Appends `text` with & < > " ' escaped: right between tags and inside quoted attributes.
void AppendEscapedHtml(std::string& html, std::string_view text);
std::string EscapeHtml(std::string_view text);

// What a reader sees of `html`: tags gone, <br> and paragraph ends as newlines, character
// references decoded. For previews, search and language detection; not for showing as HTML.
std::string PlainText(std::string_view html);

}  // namespace stampede::codec
