#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "features/instance/site.h"
#include "store/store.h"

namespace stampede::bench {

// What a world is like. With one seed it is the same again, but for the hour.
struct WorldOptions {
  uint64_t seed = 1;
  size_t members = 2'000;  // each follows `fan_out` others and is followed by as many
  size_t fan_out = 403;
  size_t lonely = 500;       // more members, who follow nobody and whom nobody follows
  size_t posts = 1'000'000;  // by the members in turn, over the last 30 days
};

struct Member {
  AccountId account;
  std::string token;
};

// Posts of 40 to 280 characters of made-up words; every tenth with a hashtag. Not thread-safe.
class Prose {
 public:
  explicit Prose(Random& random);
  std::string Next();

 private:
  Random& random_;
  std::vector<std::string> words_;
};

// The accounts of a loaded world and who follows whom.
class World {
 public:
  // Fills an empty store; see loader.h.
  static World Load(store::Store& store, const Site& site, Clock& clock,
                    const WorldOptions& options);

  const WorldOptions& options() const { return options_; }
  const std::vector<Member>& members() const { return members_; }
  const std::vector<Member>& lonely() const { return lonely_; }
  // Both are positions in members().
  bool Follows(size_t reader, size_t author) const;

 private:
  explicit World(const WorldOptions& options) : options_(options) {}
  void ChooseDistances(Random& random);

  WorldOptions options_;
  std::vector<Member> members_, lonely_;
  // Member n follows those at n + distance (around the end), so everybody has equally many of both.
  std::vector<size_t> distances_;
  std::vector<bool> is_distance_;
};

}  // namespace stampede::bench
