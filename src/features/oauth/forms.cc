#include "features/oauth/forms.h"

#include "codec/html.h"

namespace stampede::oauth {
namespace {

void Attribute(std::string& html, std::string_view name, std::string_view value) {
  html.append(" ").append(name).append("=\"");
  codec::AppendEscapedHtml(html, value);
  html += '"';
}

}  // namespace

std::string HiddenHtml(std::string_view name, std::string_view value) {
  std::string html = "<input type=\"hidden\"";
  Attribute(html, "name", name);
  Attribute(html, "value", value);
  return html + ">";
}

std::string InputHtml(const Input& input) {
  std::string html = "<label class=\"field\"><span>" + codec::EscapeHtml(input.label) + "</span>";
  if (input.type == "textarea") {
    html += "<textarea rows=\"3\"";
    Attribute(html, "name", input.name);
    html += input.required ? " required>" : ">";
    html += codec::EscapeHtml(input.value) + "</textarea>";
  } else {
    html += "<input";
    Attribute(html, "name", input.name);
    Attribute(html, "type", input.type);
    if (!input.autocomplete.empty()) Attribute(html, "autocomplete", input.autocomplete);
    if (!input.value.empty()) Attribute(html, "value", input.value);
    if (input.type != "password") html += " autocapitalize=\"none\" spellcheck=\"false\"";
    html += input.required ? " required>" : ">";
  }
  if (!input.hint.empty()) html += "<small>" + codec::EscapeHtml(input.hint) + "</small>";
  return html + "</label>";
}

std::string ProblemHtml(std::string_view text) {
  if (text.empty()) return {};
  return "<p class=\"problem\" role=\"alert\">" + codec::EscapeHtml(text) + "</p>";
}

}  // namespace stampede::oauth
