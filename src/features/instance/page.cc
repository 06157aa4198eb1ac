#include "features/instance/page.h"

#include "codec/crypto.h"
#include "codec/hex.h"
#include "codec/html.h"

namespace stampede::instance {
namespace {

void AppendMeta(std::string& html, std::string_view attribute, std::string_view name,
                std::string_view content) {
  if (content.empty()) return;
  html.append("<meta ").append(attribute).append("=\"").append(name).append("\" content=\"");
  codec::AppendEscapedHtml(html, content);
  html += "\">";
}

void AppendHead(std::string& html, const Site& site, const PageContent& page) {
  html +=
      "<head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta name=\"color-scheme\" content=\"light dark\"><title>";
  codec::AppendEscapedHtml(html, page.title);
  if (page.title != site.title) {
    html += " · ";
    codec::AppendEscapedHtml(html, site.title);
  }
  html.append("</title><link rel=\"stylesheet\" href=\"").append(StylePath()).append("\">");
  html +=
      "<link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">"
      "<link rel=\"manifest\" href=\"/manifest\">";
  if (!page.indexed) AppendMeta(html, "name", "robots", "noindex, noarchive");
  AppendMeta(html, "name", "description", page.description);
  if (!page.url.empty()) {
    html += "<link rel=\"canonical\" href=\"";
    codec::AppendEscapedHtml(html, page.url);
    html += "\">";
    AppendMeta(html, "property", "og:url", page.url);
    AppendMeta(html, "property", "og:type", "website");
    AppendMeta(html, "property", "og:site_name", site.title);
    AppendMeta(html, "property", "og:title", page.title);
    AppendMeta(html, "property", "og:description", page.description);
    AppendMeta(html, "property", "og:image", page.image_url);
    AppendMeta(html, "name", "twitter:card", "summary");
  }
  html.append(page.head_html).append("</head>");
}

}  // namespace

std::string RenderPage(const Site& site, const PageContent& page) {
  std::string html = "<!doctype html><html lang=\"en\">";
  html.reserve(page.body_html.size() + 4096);
  AppendHead(html, site, page);
  html += "<body><header class=\"top\"><a class=\"brand\" href=\"/\">";
  html.append(LogoSvg()).append("<span>");
  codec::AppendEscapedHtml(html, site.title);
  html.append("</span></a></header><main").append(page.narrow ? " class=\"narrow\">" : ">");
  html += page.body_html;
  html += "</main><footer class=\"bottom\"><a href=\"/\">";
  codec::AppendEscapedHtml(html, site.domain);
  html +=
      "</a> <a href=\"/about\">About</a> <a "
      "href=\"/privacy-policy\">Privacy</a></footer></body></html>\n";
  return html;
}

net::Reply PageReply(const Site& site, const PageContent& page, int status) {
  net::Reply reply = net::Reply::Html(RenderPage(site, page), status);
  reply.Header("Content-Security-Policy",
               "default-src 'none'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
               "manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'");
  reply.Header("X-Frame-Options", "DENY");
  return reply;
}

net::Reply ErrorPage(const Site& site, const Error& error) {
  int status = net::HttpStatus(error.code());
  PageContent page;
  page.title = status == 404 ? "Not found" : "That did not work";
  page.narrow = true;
  page.indexed = false;
  std::string text = status == 404 ? "There is nothing here, or it is not for everybody to see."
                                   : error.public_text();
  page.body_html =
      "<section class=\"card stack\"><p class=\"muted\">Error " + std::to_string(status) +
      "</p><h1>" + page.title + "</h1><p>" + codec::EscapeHtml(text) +
      "</p><p><a class=\"button quiet\" href=\"/\">Go to the front page</a></p></section>";
  return PageReply(site, page, status);
}

const std::string& StylePath() {
  static const std::string path =
      "/assets/style-" + codec::HexEncode(codec::Sha256(StyleSheet())).substr(0, 16) + ".css";
  return path;
}

}  // namespace stampede::instance
