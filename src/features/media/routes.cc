#include "features/media/routes.h"

#include <unordered_map>

#include "base/error.h"
#include "base/mutex.h"
#include "codec/identicon.h"

namespace stampede::media {
namespace {

using net::Reply;
using net::Request;

constexpr std::string_view kDefault = "default/";
constexpr int kAvatarSide = 240;
constexpr int kHeaderWidth = 900;
constexpr int kHeaderHeight = 300;
constexpr uint64_t kIconSeed = 1;

// The number in "avatar/123.png" for the kind "avatar/"; nullopt for any other path.
std::optional<uint64_t> NumberIn(std::string_view path, std::string_view kind) {
  if (!path.starts_with(kind) || !path.ends_with(".png")) return std::nullopt;
  path.remove_prefix(kind.size());
  path.remove_suffix(4);
  uint64_t number = 0;
  auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), number);
  if (error != std::errc() || end != path.data() + path.size()) return std::nullopt;
  return number;
}

// Draws default pictures and keeps the latest. Thread-safe.
class DefaultPictures {
 public:
  // Null for a path that names none.
  std::shared_ptr<const std::string> Get(const std::string& path) {
    {
      MutexLock lock(mutex_);
      if (auto found = drawn_.find(path); found != drawn_.end()) return found->second;
    }
    std::string png = Draw(path);
    if (png.empty()) return nullptr;
    auto picture = std::make_shared<const std::string>(std::move(png));
    MutexLock lock(mutex_);
    if (drawn_.size() >= kKept) drawn_.clear();
    drawn_.emplace(path, picture);
    return picture;
  }

 private:
  static constexpr size_t kKept = 256;

  static std::string Draw(std::string_view path) {
    if (auto id = NumberIn(path, "avatar/")) return codec::AvatarPng(*id, kAvatarSide);
    if (auto id = NumberIn(path, "header/")) {
      return codec::HeaderPng(*id, kHeaderWidth, kHeaderHeight);
    }
    if (auto side = NumberIn(path, "icon/"); side == 192 || side == 512) {
      return codec::AvatarPng(kIconSeed, static_cast<int>(*side));
    }
    return {};
  }

  Mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const std::string>> drawn_
      STAMPEDE_GUARDED_BY(mutex_);
};

Reply Serve(const Request& request, BlobStore& blobs, DefaultPictures& defaults) {
  const std::string& name = request.args.at(0);
  // The name stands for the bytes: it is its own validator (RFC 9110, section 8.8.3).
  std::string etag = "\"" + name + "\"";
  Reply reply;
  if (name.starts_with(kDefault)) {
    reply.shared_body = defaults.Get(name.substr(kDefault.size()));
    if (!reply.shared_body) throw Error::NotFound();
    reply.content_type = "image/png";
  } else {
    std::optional<Blob> blob = blobs.Get(name);
    if (!blob) throw Error::NotFound();
    reply.body = std::move(blob->bytes);
    reply.content_type = std::move(blob->content_type);
  }
  if (request.Header("if-none-match") == etag) {
    reply.status = 304;
    reply.body.clear();
    reply.shared_body = nullptr;
  }
  reply.Header("ETag", std::move(etag));
  // Opened by itself it can do nothing, whatever it is.
  reply.Header("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'");
  reply.Header("Cross-Origin-Resource-Policy", "cross-origin");
  return reply;
}

}  // namespace

void AddRoutes(net::RouteTable& table, BlobStore& blobs) {
  auto defaults = std::make_shared<DefaultPictures>();
  table.Add({.method = net::Method::kGet,
             .path = "/media/*name",
             .auth = net::Auth::kNone,
             .rate = net::RateClass::kFree,
             .caching = net::Caching::kForever,
             .handler = [&blobs, defaults](Request& request) {
               return Serve(request, blobs, *defaults);
             }});
}

}  // namespace stampede::media
