#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "bench/http_load.h"
#include "bench/world.h"

namespace stampede::bench {

// The loads of a world's members, and the proof that what they did is there. Not thread-safe.

// The first "id" of a JSON document; a status begins with its own. Zero: there is none.
StatusId FirstId(std::string_view body);

// The ids of a JSON array of statuses. Throws for anything else.
std::vector<StatusId> IdsOfPage(std::string_view body);

// The newest `count` statuses of a home, or all if there are fewer, page by page. Throws
// std::runtime_error for a page that is refused.
std::vector<StatusId> ReadHome(uint16_t port, const std::string& token, size_t count);

// A post that the server acknowledged.
struct AckedPost {
  StatusId id;
  size_t author = 0;  // position in the authors
};

// Members post in a random order: POST /api/v1/statuses.
class PostSource final : public LoadSource {
 public:
  // Both outlive the source.
  PostSource(std::span<const Member> authors, Random& random);
  bool Next(std::string& request, uint64_t& tag) override;
  bool OnReply(uint64_t tag, int status, std::string_view body) override;
  const std::vector<AckedPost>& acked() const { return acked_; }

 private:
  std::span<const Member> authors_;
  Random& random_;
  Prose prose_;
  std::vector<std::string> texts_;
  uint64_t next_ = 0;
  std::vector<AckedPost> acked_;
};

// Members read the first page of their home: GET /api/v1/timelines/home. Every hundredth page is
// parsed and must hold kPageStatuses whole statuses; of the others only the size is looked at.
class HomeSource final : public LoadSource {
 public:
  static constexpr size_t kPageStatuses = 20;

  // `once`: everybody once, in turn, and only the status of the reply counts; else at random for
  // ever. Both outlive the source.
  HomeSource(std::span<const Member> readers, Random& random, bool once);
  bool Next(std::string& request, uint64_t& tag) override;
  bool OnReply(uint64_t tag, int status, std::string_view body) override;
  double page_bytes() const;

 private:
  std::span<const Member> readers_;
  Random& random_;
  bool once_;
  size_t next_ = 0;
  uint64_t pages_ = 0, bytes_ = 0;
};

// The same request again and again; 200 is right.
class RepeatSource final : public LoadSource {
 public:
  explicit RepeatSource(std::string request) : request_(std::move(request)) {}
  bool Next(std::string& request, uint64_t&) override {
    request += request_;
    return true;
  }
  bool OnReply(uint64_t, int status, std::string_view) override { return status == 200; }

 private:
  std::string request_;
};

// Reads the homes of `sample` members, page by page, and compares them with what the graph and the
// acknowledged posts say: every post by those they follow and by themselves, newest first, nothing
// doubled, nothing missing. `acked` must be all that was posted by members since the world was
// loaded. Throws std::runtime_error with the first difference.
void VerifyHomes(const World& world, uint16_t port, const std::vector<AckedPost>& acked,
                 size_t sample, Random& random);

}  // namespace stampede::bench
