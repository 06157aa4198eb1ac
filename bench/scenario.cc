#include "bench/scenario.h"

#include <algorithm>
#include <boost/json.hpp>
#include <stdexcept>

#include "codec/json.h"
#include "codec/json_writer.h"

namespace stampede::bench {
namespace {

constexpr size_t kTexts = 1'024;
constexpr size_t kCheckedPages = 100;        // one page in so many is parsed
constexpr size_t kVerifiedEntriesMax = 400;  // of one home

boost::json::array ParsePage(std::string_view body) {
  return codec::ParseJson(body, {.leaves_max = 100'000}).as_array();
}

bool IsWhole(const boost::json::value& status) {
  const auto& fields = status.as_object();
  return fields.contains("content") && fields.contains("favourites_count") &&
         !fields.at("content").as_string().empty() &&
         fields.at("account").as_object().contains("followers_count");
}

}  // namespace

StatusId FirstId(std::string_view body) {
  constexpr std::string_view kKey = "\"id\":\"";
  size_t at = body.find(kKey);
  if (at == std::string_view::npos) return {};
  at += kKey.size();
  return StatusId::Parse(body.substr(at, body.find('"', at) - at)).value_or(StatusId());
}

std::vector<StatusId> IdsOfPage(std::string_view body) {
  std::vector<StatusId> ids;
  for (const auto& status : ParsePage(body)) {
    auto id = StatusId::Parse(std::string_view(status.at("id").as_string()));
    ids.push_back(id.value_or(StatusId()));
  }
  return ids;
}

std::vector<StatusId> ReadHome(uint16_t port, const std::string& token, size_t count) {
  std::vector<StatusId> ids;
  while (ids.size() < count) {
    std::string target = "/api/v1/timelines/home?limit=40";
    if (!ids.empty()) target += "&max_id=" + ids.back().ToString();
    FetchedReply reply = Fetch(port, target, token);
    if (reply.status != 200) throw std::runtime_error("a home page was refused: " + reply.body);
    std::vector<StatusId> page = IdsOfPage(reply.body);
    if (page.empty()) break;
    ids.insert(ids.end(), page.begin(), page.end());
  }
  ids.resize(std::min(ids.size(), count));
  return ids;
}

PostSource::PostSource(std::span<const Member> authors, Random& random)
    : authors_(authors), random_(random), prose_(random) {
  for (size_t i = 0; i < kTexts; ++i) texts_.push_back(prose_.Next());
}

bool PostSource::Next(std::string& request, uint64_t& tag) {
  tag = random_.Below(static_cast<uint32_t>(authors_.size()));
  codec::JsonWriter json;
  json.Object();
  json.Field("status", texts_[next_ % kTexts] + " " + std::to_string(next_));
  json.EndObject();
  ++next_;
  request += FormatRequest("POST", "/api/v1/statuses", authors_[tag].token, json.text());
  return true;
}

bool PostSource::OnReply(uint64_t tag, int status, std::string_view body) {
  StatusId id = FirstId(body);
  if (status != 200 || !id || id.partition() != authors_[tag].account.partition()) return false;
  acked_.push_back({id, tag});
  return true;
}

HomeSource::HomeSource(std::span<const Member> readers, Random& random, bool once)
    : readers_(readers), random_(random), once_(once) {}

bool HomeSource::Next(std::string& request, uint64_t& tag) {
  if (once_ && next_ == readers_.size()) return false;
  tag = once_ ? next_++ : random_.Below(static_cast<uint32_t>(readers_.size()));
  request += FormatRequest("GET", "/api/v1/timelines/home?limit=20", readers_[tag].token);
  return true;
}

bool HomeSource::OnReply(uint64_t, int status, std::string_view body) {
  bytes_ += body.size();
  if (status != 200 || once_) return status == 200;
  if (pages_++ % kCheckedPages != 0) return body.size() > kPageStatuses * 500;
  boost::json::array page = ParsePage(body);
  return page.size() == kPageStatuses && std::ranges::all_of(page, IsWhole);
}

double HomeSource::page_bytes() const {
  return pages_ == 0 ? 0 : static_cast<double>(bytes_) / static_cast<double>(pages_);
}

void VerifyHomes(const World& world, uint16_t port, const std::vector<AckedPost>& acked,
                 size_t sample, Random& random) {
  const auto& members = world.members();
  for (size_t i = 0; i < sample; ++i) {
    size_t reader = random.Below(static_cast<uint32_t>(members.size()));
    std::vector<StatusId> expected;
    for (const AckedPost& post : acked) {
      if (post.author == reader || world.Follows(reader, post.author)) expected.push_back(post.id);
    }
    std::ranges::sort(expected, std::greater());
    if (expected.size() > kVerifiedEntriesMax) expected.resize(kVerifiedEntriesMax);
    std::vector<StatusId> shown = ReadHome(port, members[reader].token, expected.size());
    if (shown == expected) continue;
    auto [is, must] = std::ranges::mismatch(shown, expected);
    throw std::runtime_error("home of member " + std::to_string(reader) + " is wrong at entry " +
                             std::to_string(is - shown.begin()) + ": " +
                             (is == shown.end() ? "nothing" : is->ToString()) + " instead of " +
                             (must == expected.end() ? "nothing" : must->ToString()));
  }
}

}  // namespace stampede::bench
