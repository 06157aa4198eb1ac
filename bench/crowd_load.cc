#include "bench/crowd_load.h"

#include <algorithm>
#include <stdexcept>

#include "base/random.h"
#include "bench/scenario.h"
#include "bench/world.h"
#include "codec/json_writer.h"

namespace stampede::bench {
namespace {

constexpr size_t kTexts = 4'096;
constexpr size_t kRecent = 1'024;
constexpr int64_t kProbeAgainUs = 5'000;
constexpr int64_t kAnnouncedAgainUs = 20'000;
constexpr int64_t kProbeMaxUs = 10'000'000;
constexpr int64_t kDuringMinUs = 1'000'000, kBetweenUs = 1'000'000;
constexpr size_t kPage = 20, kCheckedPage = 40;

// For every 100 requests. The proportions of the realistic mix are ours: what a client does between
// two posts of its owner, who reads more than they write.
const Mix kMixes[] = {
    //             post  home  favourite  boost  follow  profile  notifications
    {"post", {1, 0, 0, 0, 0, 0, 0}},
    {"read", {0, 1, 0, 0, 0, 0, 0}},
    {"realistic", {0.10, 0.45, 0.15, 0.05, 0.01, 0.09, 0.15}},
};

}  // namespace

std::string_view NameOf(Act act) {
  constexpr std::string_view kNames[] = {"posts",   "home pages", "favourites",   "boosts",
                                         "follows", "profiles",   "notifications"};
  return kNames[static_cast<size_t>(act)];
}

const Mix& FindMix(std::string_view name) {
  auto mix = std::ranges::find(kMixes, name, &Mix::name);
  if (mix != std::end(kMixes)) return *mix;
  throw std::invalid_argument("there is no mix " + std::string(name));
}

AuthorSize SizeOf(uint32_t followers) {
  if (followers < 1'000) return AuthorSize::kSmall;
  return followers <= 100'000 ? AuthorSize::kMedium : AuthorSize::kLarge;
}

std::string_view NameOf(AuthorSize size) {
  constexpr std::string_view kNames[] = {"under 1,000 followers", "1,000 to 100,000 followers",
                                         "over 100,000 followers"};
  return kNames[static_cast<size_t>(size)];
}

ReaderOrder::ReaderOrder(uint32_t accounts, uint32_t active)
    : accounts_(accounts), active_(active), step_(accounts * 0.6180339887) {
  while (std::gcd(step_, accounts_) != 1) ++step_;
}

bool WarmSource::Next(std::string& request, uint64_t&) {
  if (next_ == end_) return false;
  request +=
      FormatRequest("GET", "/api/v1/timelines/home?limit=1", world_.token(order_.at(next_++)));
  return true;
}

bool UndoSource::Next(std::string& request, uint64_t&) {
  if (undone_ < follows_.size()) {
    auto [reader, target] = follows_[undone_++];
    request +=
        FormatRequest("POST", "/api/v1/accounts/" + world_.account(target).ToString() + "/unfollow",
                      world_.token(reader), "{}");
    return true;
  }
  if (read_ == follows_.size()) return false;
  uint32_t reader = follows_[read_++].first;
  request += FormatRequest("GET", "/api/v1/timelines/home?limit=1", world_.token(reader));
  return true;
}

CrowdLoad::CrowdLoad(const GraphWorld& world, const ReaderOrder& readers,
                     ExpectedTimelines& expected, uint64_t begin, const CrowdOptions& options,
                     Clock& clock)
    : world_(world),
      readers_(readers),
      expected_(expected),
      options_(options),
      clock_(clock),
      random_(options.seed),
      checker_(expected, begin),
      start_us_(clock.MonotonicUs()) {
  SeededRandom random(options.seed);
  Prose prose(random);
  for (size_t i = 0; i < kTexts; ++i) texts_.push_back(prose.Next());
  if (options.checks_per_s > 0) {
    urgent_.push({.kind = Kind::kCheck, .at_us = start_us_ + 500'000});
  }
  AnnounceAt(start_us_ + kBetweenUs);
}

// --- Asking ---

bool CrowdLoad::Next(std::string& request, uint64_t& tag) {
  Task task = NewTask();
  task.since_us = clock_.MonotonicUs();
  EndPhaseWhenOver(task.since_us);
  task.phase = phase_;
  request += Ask(task);
  tag = Keep(task);
  return true;
}

void CrowdLoad::BeginPhase() {
  ++phase_;
  latency_in_us_.emplace_back();
  visible_in_us_.emplace_back();
}

void CrowdLoad::EndPhaseWhenOver(int64_t now_us) {
  if (announced_us_ == 0) return;
  const bool all_have_it = announcements_us_.back().size() == options_.announced_to.size();
  if (!all_have_it || now_us < announced_us_ + kDuringMinUs) return;
  BeginPhase();
  announced_us_ = 0;
  AnnounceAt(now_us + kBetweenUs);
}

// Unless the run is over before it can be told what it did.
void CrowdLoad::AnnounceAt(int64_t at_us) {
  const bool late = at_us + kDuringMinUs > start_us_ + options_.duration_us;
  if (options_.announced_to.empty() || late) return;
  urgent_.push({.kind = Kind::kAnnouncement, .at_us = at_us});
}

int64_t CrowdLoad::UrgentAtUs() { return urgent_.empty() ? INT64_MAX : urgent_.top().at_us; }

bool CrowdLoad::NextUrgent(std::string& request, uint64_t& tag) {
  Task task = urgent_.top();
  urgent_.pop();
  int64_t now_us = clock_.MonotonicUs();
  if (task.kind == Kind::kCheck) {
    auto gap_us = static_cast<int64_t>(1e6 / options_.checks_per_s);
    bool over = task.at_us + gap_us > start_us_ + options_.duration_us;
    if (!over) urgent_.push({.kind = Kind::kCheck, .at_us = task.at_us + gap_us});
    do {
      task.account = DrawReader();
    } while (changed_.contains(task.account));
    task.since_us = now_us;
  } else if (task.kind == Kind::kAnnouncement) {
    task.account = options_.announcer;
    task.since_us = now_us;
    BeginPhase();
  }
  request += Ask(task);
  tag = Keep(task);
  return true;
}

uint64_t CrowdLoad::Keep(const Task& task) {
  if (free_tags_.empty()) {
    under_way_.push_back(task);
    return under_way_.size() - 1;
  }
  uint64_t tag = free_tags_.back();
  free_tags_.pop_back();
  under_way_[tag] = task;
  return tag;
}

Act CrowdLoad::DrawAct() {
  double rest = static_cast<double>(random_() >> 11) * 0x1p-53;
  for (size_t i = 0; i < kActs; ++i) {
    rest -= options_.mix.shares[i];
    if (rest < 0) return static_cast<Act>(i);
  }
  return Act::kHome;
}

CrowdLoad::Task CrowdLoad::NewTask() {
  Task task{.act = DrawAct()};
  bool needs_status = task.act == Act::kFavourite || task.act == Act::kBoost;
  if (needs_status && recent_.empty()) task.act = Act::kPost;
  switch (task.act) {
    case Act::kPost:
    case Act::kBoost:
      task.account = world_.graph().DrawAuthor(random_());
      break;
    default:
      task.account = DrawReader();
  }
  if (needs_status && !recent_.empty()) {
    task.id = recent_[Below(static_cast<uint32_t>(recent_.size()))];
  }
  return task;
}

std::string CrowdLoad::AskPost(uint32_t author) {
  codec::JsonWriter json;
  json.Object();
  json.Field("status", texts_[posts_ % kTexts] + " " + std::to_string(posts_));
  json.EndObject();
  ++posts_;
  return FormatRequest("POST", "/api/v1/statuses", world_.token(author), json.text());
}

std::string CrowdLoad::AskFollow(uint32_t reader) {
  std::vector<uint32_t> follows;
  world_.graph().Follows(reader, follows);
  uint32_t target;
  do {
    target = world_.graph().DrawAuthor(random_());
  } while (target == reader || std::ranges::count(follows, target) > 0);
  changed_.insert(reader);
  new_follows_.emplace_back(reader, target);
  return FormatRequest("POST", "/api/v1/accounts/" + world_.account(target).ToString() + "/follow",
                       world_.token(reader), "{}");
}

std::string CrowdLoad::Ask(const Task& task) {
  const std::string token = world_.token(task.account);
  const std::string status = "/api/v1/statuses/" + std::to_string(task.id);
  const std::string home = "/api/v1/timelines/home?limit=";
  auto someone = [&] { return world_.account(world_.graph().DrawAuthor(random_())).ToString(); };
  switch (task.kind) {
    case Kind::kAnnouncement:
      return AskPost(task.account);
    case Kind::kProbe:
      return FormatRequest("GET", home + "1&min_id=" + std::to_string(task.id - 1), token);
    case Kind::kCheck:
      return FormatRequest("GET", home + std::to_string(kCheckedPage), token);
    case Kind::kAct:
      break;
  }
  switch (task.act) {
    case Act::kPost:
      return AskPost(task.account);
    case Act::kHome:
      return FormatRequest("GET", home + std::to_string(kPage), token);
    case Act::kFavourite:
      return FormatRequest("POST", status + "/favourite", token, "{}");
    case Act::kBoost:
      return FormatRequest("POST", status + "/reblog", token, "{}");
    case Act::kFollow:
      return AskFollow(task.account);
    case Act::kProfile:
      return FormatRequest("GET", "/api/v1/accounts/" + someone() + "/statuses", token);
    case Act::kNotifications:
      return FormatRequest("GET", "/api/v1/notifications?limit=20", token);
  }
  return {};
}

// --- Replies ---

void CrowdLoad::OnLatency(uint64_t tag, int64_t latency_us) {
  const Task& task = under_way_[tag];
  latency_us_[static_cast<size_t>(task.act)].Record(static_cast<uint64_t>(latency_us));
  latency_in_us_[task.phase].Record(static_cast<uint64_t>(latency_us));
}

bool CrowdLoad::OnReply(uint64_t tag, int status, std::string_view body) {
  Task task = under_way_[tag];
  free_tags_.push_back(tag);
  if (status != 200) {
    return Fail("status " + std::to_string(status) + ": " + std::string(body.substr(0, 200)));
  }
  switch (task.kind) {
    case Kind::kProbe:
      return OnProbe(task, body);
    case Kind::kCheck:
      return OnPage(task, body);
    case Kind::kAnnouncement:
      return Acked(task, body, 0);
    case Kind::kAct:
      return Answered(task, status, body);
  }
  return false;
}

bool CrowdLoad::Answered(const Task& task, int, std::string_view body) {
  switch (task.act) {
    case Act::kPost:
      return Acked(task, body, 0);
    case Act::kBoost:
      return Acked(task, body, task.id);
    case Act::kHome:
      ++pages_;
      page_bytes_ += body.size();
      return body.starts_with('[') || Fail("a home is no list");
    case Act::kFavourite:
      return FirstId(body).value() == task.id || Fail("another status was favourited");
    default:
      return !body.empty();
  }
}

bool CrowdLoad::Acked(const Task& task, std::string_view body, uint64_t original) {
  int64_t now_us = clock_.MonotonicUs();
  StatusId id = FirstId(body);
  if (!id || id.partition() != world_.account(task.account).partition()) {
    return Fail("a post has the id " + id.ToString());
  }
  bool is_new = expected_.Add(task.account, {id.value(), original ? original : id.value(), now_us});
  if (task.kind == Kind::kAnnouncement) {
    OnAnnounced(id, now_us);
  } else if (original == 0) {
    if (!is_new) return Fail("two posts have the id " + id.ToString());
    ProbeSometimes(task, id, now_us);
    if (recent_.size() < kRecent)
      recent_.push_back(id.value());
    else
      recent_[expected_.entries() % kRecent] = id.value();
  }
  return true;
}

void CrowdLoad::ProbeSometimes(const Task& task, StatusId id, int64_t now_us) {
  AuthorSize size = SizeOf(world_.graph().followers(task.account));
  int64_t& next_us = next_probe_us_[static_cast<size_t>(size)];
  if (options_.probes_per_s <= 0 || now_us < next_us) return;
  uint32_t reader = world_.graph().SomeFollower(task.account, random_());
  if (changed_.contains(reader)) return;
  next_us = now_us + static_cast<int64_t>(1e6 / options_.probes_per_s);
  urgent_.push({.kind = Kind::kProbe,
                .phase = phase_,
                .account = reader,
                .id = id.value(),
                .at_us = now_us,
                .since_us = now_us,
                .size = size});
}

void CrowdLoad::OnAnnounced(StatusId id, int64_t now_us) {
  announced_us_ = now_us;
  announcements_us_.emplace_back();
  for (uint32_t reader : options_.announced_to) {
    urgent_.push({.kind = Kind::kProbe,
                  .of_announcement = true,
                  .account = reader,
                  .id = id.value(),
                  .at_us = now_us,
                  .since_us = now_us});
  }
}

bool CrowdLoad::OnProbe(Task task, std::string_view body) {
  int64_t now_us = clock_.MonotonicUs();
  int64_t passed_us = now_us - task.since_us;
  if (FirstId(body).value() != task.id) {
    if (passed_us > kProbeMaxUs) {
      return Fail("10 s after its acknowledgement, " + std::to_string(task.id) +
                  " is not in the home of member " + std::to_string(task.account));
    }
    task.at_us = now_us + (task.of_announcement ? kAnnouncedAgainUs : kProbeAgainUs);
    urgent_.push(task);
    return true;
  }
  if (!task.of_announcement) {
    visible_us_[static_cast<size_t>(task.size)].Record(static_cast<uint64_t>(passed_us));
    visible_in_us_[task.phase].Record(static_cast<uint64_t>(passed_us));
    return true;
  }
  announcements_us_.back().push_back(passed_us);
  return true;
}

bool CrowdLoad::OnPage(const Task& task, std::string_view body) {
  std::string wrong = checker_.Check(task.account, IdsOfPage(body), kCheckedPage, task.since_us);
  return wrong.empty() || Fail(wrong);
}

bool CrowdLoad::Fail(const std::string& why) {
  if (failure_.empty()) failure_ = why;
  return false;
}

// --- Results ---

Histogram CrowdLoad::visible_us() const {
  Histogram all;
  for (const Histogram& one : visible_us_) all.Add(one);
  return all;
}

double CrowdLoad::page_bytes() const {
  return pages_ == 0 ? 0 : static_cast<double>(page_bytes_) / static_cast<double>(pages_);
}

std::string CrowdLoad::Failure() const {
  return failure_.empty() ? checker_.CheckRest() : failure_;
}

}  // namespace stampede::bench
