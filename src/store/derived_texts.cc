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
  struct Generation {
    Texts texts;
    size_t bytes = 0;

    // Null: it is not there.
    std::shared_ptr<const std::string> Find(const void* record) const {
      auto it = texts.find(record);
      return it == texts.end() ? nullptr : it->second.text;
    }
    void Add(Kept kept) {
      const size_t cost = kept.cost();
      const void* record = kept.record.get();
      if (texts.try_emplace(record, std::move(kept)).second) bytes += cost;
    }
    Kept Take(const void* record) {
      auto it = texts.find(record);
      Kept kept = std::move(it->second);
      bytes -= kept.cost();
      texts.erase(it);
      return kept;
    }
  };

  // What had to go is returned, to be destroyed without the lock.
  Generation AddYoung(Kept kept, size_t bytes_max) STAMPEDE_REQUIRES(mutex) {
    Generation gone;
    if (young.bytes + kept.cost() > bytes_max) gone = std::exchange(old, std::exchange(young, {}));
    young.Add(std::move(kept));
    return gone;
  }
  Generation AddFresh(Kept kept, size_t bytes_max) STAMPEDE_REQUIRES(mutex) {
    Generation gone;
    if (fresh.bytes + kept.cost() > bytes_max) gone = std::exchange(fresh, {});
    fresh.Add(std::move(kept));
    return gone;
  }

  Mutex mutex;
  Generation fresh STAMPEDE_GUARDED_BY(mutex);
  Generation young STAMPEDE_GUARDED_BY(mutex);
  Generation old STAMPEDE_GUARDED_BY(mutex);
};

DerivedTexts::DerivedTexts(size_t bytes_max)
    : part_bytes_max_(bytes_max / kParts), parts_(std::make_unique<Part[]>(kParts)) {}
DerivedTexts::~DerivedTexts() = default;

std::shared_ptr<const std::string> DerivedTexts::Get(const std::shared_ptr<const void>& record,
                                                     const std::function<std::string()>& make) {
  const size_t fresh_max = part_bytes_max_ / 4, young_max = (part_bytes_max_ - fresh_max) / 2;
  Part& part = parts_[(reinterpret_cast<uintptr_t>(record.get()) >> 6) % kParts];
  Part::Generation gone;
  {
    MutexLock lock(part.mutex);
    if (auto text = part.young.Find(record.get())) return text;
    for (Part::Generation* generation : {&part.old, &part.fresh}) {
      auto text = generation->Find(record.get());
      if (!text) continue;
      gone = part.AddYoung(generation->Take(record.get()), young_max);
      return text;
    }
  }
  auto text = std::make_shared<const std::string>(make());
  MutexLock lock(part.mutex);
  gone = part.AddFresh({record, text}, fresh_max);
  return text;
}

}  // namespace stampede::store
