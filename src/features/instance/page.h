#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "features/instance/site.h"
#include "net/reply.h"
#include "net/request.h"

// The one look of all server-rendered pages: HTML without scripts, light and dark, made for a phone
// first. Thread-safe. What a page shows is escaped by whoever writes its body
// (codec::EscapeHtml); the rest is escaped here.
//
// Classes of the style sheet that bodies may use: card (a box), stack (children with gaps),
// row (side by side, wrapping), muted, notice, problem, button, button quiet, field (label with its
// input), scopes (a list of permissions), avatar, post, post-head, post-body, post-foot, profile.
namespace stampede::instance {

struct PageContent {
  std::string title;
  std::string body_html;
  bool narrow = false;  // a form or a message in the middle instead of a column of posts
  // For link previews (https://ogp.me); empty: left out.
  std::string description;
  std::string image_url;  // absolute
  std::string url;        // absolute; also the canonical address
  bool indexed = true;    // false: search engines are asked to stay out
  std::string head_html;  // further elements of <head>, such as <link rel="alternate">
};

std::string RenderPage(const Site& site, const PageContent& page);

// With the security headers of pages. No form-action directive and no Cross-Origin-Opener-Policy:
// browsers would block the redirect after a consent, and pop-up sign-ins.
net::Reply PageReply(const Site& site, const PageContent& page, int status = 200);

// A refusal as a page; for RouterOptions::error_page.
net::Reply ErrorPage(const Site& site, const Error& error);

// The style sheet and where it is served; the address changes with the content.
std::string_view StyleSheet();
const std::string& StylePath();
// The product's mark as SVG; also the favicon.
std::string_view LogoSvg();

}  // namespace stampede::instance
