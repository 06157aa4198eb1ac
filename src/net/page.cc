#include "net/page.h"

#include <algorithm>
#include <charconv>

#include "codec/url.h"

namespace stampede::net {
namespace {

std::optional<uint64_t> Cursor(const Request& request, std::string_view name) {
  std::optional<std::string_view> text = request.params[name].Text();
  if (!text || text->empty()) return std::nullopt;
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

// A parameter of the request, written again as it came: `name=x`, `name[]=x` or `name[key]=x`.
void AppendKept(std::string& query, std::string_view name, const Params& value) {
  if (std::optional<std::string_view> text = value.Text()) {
    codec::AppendQueryPair(query, name, *text);
    return;
  }
  for (const auto& [key, member] : value.members()) {
    AppendKept(query, std::string(name) + "[" + key + "]", member);
  }
}

std::string EncodePath(std::string_view path) {
  std::string encoded;
  for (size_t at = 0; at < path.size();) {
    size_t slash = std::min(path.find('/', at), path.size());
    encoded += codec::PercentEncode(path.substr(at, slash - at));
    if (slash < path.size()) encoded += '/';
    at = slash + 1;
  }
  return encoded;
}

}  // namespace

Page ParsePage(const Request& request, size_t limit_default, size_t limit_max, PrevBy prev_by) {
  Page page;
  page.max_id = Cursor(request, "max_id").value_or(UINT64_MAX);
  page.since_id = Cursor(request, "since_id").value_or(0);
  if (prev_by == PrevBy::kMinId) {
    if (std::optional<uint64_t> min_id = Cursor(request, "min_id")) {
      // "Above 0" is the oldest page; no id is 1, so 1 says the same without meaning "no bound".
      page.min_id = std::max<uint64_t>(*min_id, 1);
    }
  }
  page.limit = limit_default;
  if (std::optional<int64_t> limit = request.params["limit"].Int()) {
    uint64_t magnitude = *limit < 0 ? 0 - static_cast<uint64_t>(*limit) : *limit;
    page.limit = std::min<uint64_t>(magnitude, limit_max);
  }
  return page;
}

void AddLinks(Reply& reply, const Request& request, const Page& page, std::string_view base_url,
              const PageLinks& links) {
  if (links.newest == 0 && links.oldest == 0) return;
  std::string common;
  if (!request.params["limit"].blank()) {
    codec::AppendQueryPair(common, "limit", std::to_string(page.limit));
  }
  for (std::string_view name : links.keep) AppendKept(common, name, request.params[name]);

  std::string url = std::string(base_url) + EncodePath(request.path) + "?";
  auto link = [&](std::string_view cursor, uint64_t id, std::string_view rel) {
    std::string query = common;
    codec::AppendQueryPair(query, cursor, std::to_string(id));
    return "<" + url + query + ">; rel=\"" + std::string(rel) + "\"";
  };
  std::string header;
  if (links.more) header = link("max_id", links.oldest, "next") + ", ";
  header += link(links.prev_by == PrevBy::kMinId ? "min_id" : "since_id", links.newest, "prev");
  reply.Header("Link", std::move(header));
}

}  // namespace stampede::net
