#include "events/turns.h"

#include <algorithm>
#include <optional>
#include <string>

#include "events/keys.h"

namespace stampede::events {

bool Turns::Take(std::string_view task, int64_t every_ms, int64_t lease_ms) {
  const std::string key = TurnKey(task);
  std::optional<std::string> value = store_.Get(key);
  const int64_t now_ms = clock_.NowMs();
  const int64_t next_ms = store::DecodeCounter(value);
  // A time further away than any that is ever written comes from a clock that was wrong.
  const int64_t longest_ms = std::max(every_ms, lease_ms);
  if (next_ms > now_ms && next_ms <= now_ms + longest_ms) return false;
  store::Batch batch;
  batch.Relax();
  batch.ExpectUnchanged(key, value);
  batch.Put(key, store::EncodeCounter(now_ms + lease_ms));
  return store_.Commit(batch);
}

void Turns::Done(std::string_view task, int64_t every_ms) {
  store::Batch batch;
  batch.Relax();
  batch.Put(TurnKey(task), store::EncodeCounter(clock_.NowMs() + every_ms));
  store_.Commit(batch);
}

}  // namespace stampede::events
