#pragma once

#include <array>
#include <cstdint>
#include <numeric>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "bench/graph_world.h"
#include "bench/http_load.h"
#include "bench/timeline.h"

namespace stampede::bench {

// What people do. To add one (a streaming mix, say): a name here, its share in the mixes, its
// request in CrowdLoad::Ask and its reply in CrowdLoad::Answered.
enum class Act : uint8_t { kPost, kHome, kFavourite, kBoost, kFollow, kProfile, kNotifications };
inline constexpr size_t kActs = 7;
std::string_view NameOf(Act act);

// How often each act comes up, by Act; together 1.
struct Mix {
  std::string name;
  std::array<double, kActs> shares;
  double share(Act act) const { return shares[static_cast<size_t>(act)]; }
};
// "post", "read" or "realistic". Throws std::invalid_argument for others.
const Mix& FindMix(std::string_view name);

// The readers whose feeds are warmed, in the order of warming: all over the graph.
class ReaderOrder {
 public:
  ReaderOrder(uint32_t accounts, uint32_t active);
  uint32_t active() const { return active_; }
  uint32_t at(uint32_t n) const {
    return static_cast<uint32_t>((uint64_t{n} * step_ + step_ / 3) % accounts_);
  }

 private:
  uint32_t accounts_, active_;
  uint64_t step_;
};

// Every active reader reads the first entry of their home once, which makes their feed resident.
class WarmSource final : public LoadSource {
 public:
  // Readers `begin` to `end` of the order. All outlive the source.
  WarmSource(const GraphWorld& world, const ReaderOrder& order, uint32_t begin, uint32_t end)
      : world_(world), order_(order), next_(begin), end_(end) {}
  bool Next(std::string& request, uint64_t& tag) override;
  bool OnReply(uint64_t, int status, std::string_view) override { return status == 200; }

 private:
  const GraphWorld& world_;
  const ReaderOrder& order_;
  uint32_t next_, end_;
};

// Undoes follows, and reads the readers' homes, so that their feeds are resident again.
class UndoSource final : public LoadSource {
 public:
  // Who follows whom that the graph does not know of. Both outlive the source.
  UndoSource(const GraphWorld& world, const std::vector<std::pair<uint32_t, uint32_t>>& follows)
      : world_(world), follows_(follows) {}
  bool Next(std::string& request, uint64_t& tag) override;
  bool OnReply(uint64_t, int status, std::string_view) override { return status == 200; }

 private:
  const GraphWorld& world_;
  const std::vector<std::pair<uint32_t, uint32_t>>& follows_;
  size_t undone_ = 0, read_ = 0;
};

// Authors by how many follow them.
enum class AuthorSize : uint8_t { kSmall, kMedium, kLarge };
inline constexpr size_t kAuthorSizes = 3;
AuthorSize SizeOf(uint32_t followers);  // below 1,000; to 100,000; above
std::string_view NameOf(AuthorSize size);

struct CrowdOptions {
  Mix mix;
  int64_t duration_us = 0;  // no checks are begun afterwards
  uint64_t seed = 1;
  double probes_per_s = 30;  // for each size of author, from an acknowledged post to a follower
  double checks_per_s = 4;   // home pages compared
  // Announcements: posts by `announcer`, one every two seconds or more, each followed until these
  // readers have it; nobody: none.
  uint32_t announcer = 0;
  std::vector<uint32_t> announced_to;
};

// Members of a graph at work. Authors are drawn as the graph says, readers uniformly from the active
// ones. From acknowledged to visible is measured by asking a follower's home, from the moment of the
// acknowledgement, every few milliseconds until it shows the post; reading the page counts. Not
// thread-safe.
class CrowdLoad final : public LoadSource {
 public:
  // All outlive the source. Told of every acknowledged post, `expected` must hold all there were
  // since `begin`, an id.
  CrowdLoad(const GraphWorld& world, const ReaderOrder& readers, ExpectedTimelines& expected,
            uint64_t begin, const CrowdOptions& options, Clock& clock);

  bool Next(std::string& request, uint64_t& tag) override;
  void OnLatency(uint64_t tag, int64_t latency_us) override;
  bool OnReply(uint64_t tag, int status, std::string_view body) override;
  int64_t UrgentAtUs() override;
  bool NextUrgent(std::string& request, uint64_t& tag) override;

  const Histogram& latency_us(Act act) const { return latency_us_[static_cast<size_t>(act)]; }
  const Histogram& visible_us(AuthorSize size) const {
    return visible_us_[static_cast<size_t>(size)];
  }
  Histogram visible_us() const;
  // Of the requests, and from acknowledged to visible, of everything but the announcements; by phase:
  // 0, 2, 4: between announcements, a second; 1, 3, 5: from one until all who are asked have it, at
  // least a second.
  const std::vector<Histogram>& latency_in_us() const { return latency_in_us_; }
  const std::vector<Histogram>& visible_in_us() const { return visible_in_us_; }
  // Of each announcement, from its acknowledgement until those who were asked saw it, ascending.
  const std::vector<std::vector<int64_t>>& announcements_us() const { return announcements_us_; }
  // What the graph does not know of: who began to follow whom.
  const std::vector<std::pair<uint32_t, uint32_t>>& new_follows() const { return new_follows_; }
  uint64_t pages_checked() const { return checker_.pages(); }
  double page_bytes() const;
  // The first thing that was wrong; empty: nothing. Call after the run.
  std::string Failure() const;

 private:
  enum class Kind : uint8_t { kAct, kProbe, kCheck, kAnnouncement };
  // A request that is not due yet, or under way.
  struct Task {
    Kind kind = Kind::kAct;
    Act act = Act::kPost;
    size_t phase = 0;
    bool of_announcement = false;
    uint32_t account = 0;
    uint64_t id = 0;       // the status that it is about
    int64_t at_us = 0;     // when to ask
    int64_t since_us = 0;  // of probes: when the post was acknowledged; of others: when asked
    AuthorSize size = AuthorSize::kSmall;
    bool operator>(const Task& other) const { return at_us > other.at_us; }
  };

  uint64_t Keep(const Task& task);
  Act DrawAct();
  uint32_t DrawReader() { return readers_.at(Below(readers_.active())); }
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>((random_() >> 32) * bound >> 32); }
  Task NewTask();
  std::string Ask(const Task& task);
  std::string AskPost(uint32_t author);
  std::string AskFollow(uint32_t reader);
  bool Answered(const Task& task, int status, std::string_view body);
  bool Acked(const Task& task, std::string_view body, uint64_t original);
  void ProbeSometimes(const Task& task, StatusId id, int64_t now_us);
  void OnAnnounced(StatusId id, int64_t now_us);
  void BeginPhase();
  void EndPhaseWhenOver(int64_t now_us);
  void AnnounceAt(int64_t at_us);
  bool OnProbe(Task task, std::string_view body);
  bool OnPage(const Task& task, std::string_view body);
  bool Fail(const std::string& why);

  const GraphWorld& world_;
  const ReaderOrder& readers_;
  ExpectedTimelines& expected_;
  const CrowdOptions options_;
  Clock& clock_;
  SplitMix random_;
  PageChecker checker_;
  std::vector<std::string> texts_;
  uint64_t posts_ = 0;
  std::vector<Task> under_way_;  // by tag
  std::vector<uint64_t> free_tags_;
  std::priority_queue<Task, std::vector<Task>, std::greater<>> urgent_;
  std::vector<uint64_t> recent_;  // statuses to like and boost
  std::vector<std::pair<uint32_t, uint32_t>> new_follows_;
  std::unordered_set<uint32_t> changed_;  // their readers
  std::array<int64_t, kAuthorSizes> next_probe_us_{};
  int64_t start_us_ = 0;
  size_t phase_ = 0;
  int64_t announced_us_ = 0;  // when this phase's was acknowledged; 0: not yet, or none
  std::vector<std::vector<int64_t>> announcements_us_;
  std::array<Histogram, kActs> latency_us_;
  std::array<Histogram, kAuthorSizes> visible_us_;
  std::vector<Histogram> latency_in_us_{1}, visible_in_us_{1};
  uint64_t pages_ = 0, page_bytes_ = 0;
  std::string failure_;
};

}  // namespace stampede::bench
