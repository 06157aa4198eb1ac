#include "store/derived_texts.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/mutex.h"

namespace stampede::store {

struct alignas(64) DerivedTexts::Part {
  struct Kept {
    std::shared_ptr<const void> record;  // so that no other record gets its address
    std::shared_ptr<const std::string> text;

    // The record itself is of about the text's size.
    size_t cost() const { return 2 * text->size() + sizeof(Kept) + 64; }
  };
  using Texts = boost::unordered_flat_map<const void*, Kept>;

  // The young generation becomes the old one when it has no room; returns the old one.
  Texts AddYoung(Kept kept, size_t bytes_max) STAMPEDE_REQUIRES(mutex) {
    Texts dropped;
    if (young_bytes + kept.cost() > bytes_max) {
      dropped = std::exchange(old, std::exchange(young, {}));
      young_bytes = 0;
    }
    const size_t cost = kept.cost();
    const void* record = kept.record.get();
    if (young.try_emplace(record, std::move(kept)).second) young_bytes += cost;
    return dropped;
  }

  Mutex mutex;
  Texts young STAMPEDE_GUARDED_BY(mutex);
  Texts old STAMPEDE_GUARDED_BY(mutex);
  size_t young_bytes STAMPEDE_GUARDED_BY(mutex) = 0;
};

DerivedTexts::DerivedTexts(size_t bytes_max)
    : generation_bytes_max_(bytes_max / kParts / 2), parts_(std::make_unique<Part[]>(kParts)) {}
DerivedTexts::~DerivedTexts() = default;

std::shared_ptr<const std::string> DerivedTexts::Get(const std::shared_ptr<const void>& record,
                                                     const std::function<std::string()>& make) {
  Part& part = parts_[(reinterpret_cast<uintptr_t>(record.get()) >> 6) % kParts];
  Part::Texts dropped;  // destroyed without the lock
  {
    MutexLock lock(part.mutex);
    if (auto it = part.young.find(record.get()); it != part.young.end()) return it->second.text;
    if (auto it = part.old.find(record.get()); it != part.old.end()) {
      Part::Kept kept = std::move(it->second);
      part.old.erase(it);
      auto text = kept.text;
      dropped = part.AddYoung(std::move(kept), generation_bytes_max_);
      return text;
    }
  }
  auto text = std::make_shared<const std::string>(make());
  MutexLock lock(part.mutex);
  dropped = part.AddYoung({record, text}, generation_bytes_max_);
  return text;
}

}  // namespace stampede::store
