#include "store/derived_texts.h"

#include <boost/unordered/unordered_flat_map.hpp>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace stampede::store {

struct alignas(64) DerivedTexts::Part {
  struct Kept {
    std::shared_ptr<const void> record;  // so that no other record gets its address
    std::shared_ptr<const std::string> text;
    uint64_t generation;  // its number

    // The record itself is of about the text's size.
    size_t cost() const { return 2 * text->size() + sizeof(Kept) + 64; }
  };
  // What came into it since it began; of its members, those that came into another since have that
  // one's number.
  struct Generation {
    uint64_t number;
    std::vector<const void*> members = {};
    size_t bytes = 0;

    void Add(Kept& kept) {
      kept.generation = number;
      members.push_back(kept.record.get());
      bytes += kept.cost();
    }
  };
  // To be destroyed without the lock.
  using Gone = std::vector<Kept>;

  // Null: it is not there.
  std::shared_ptr<const std::string> Find(const void* record, size_t young_max, Gone& gone)
      STAMPEDE_REQUIRES(mutex) {
    auto it = texts.find(record);
    if (it == texts.end()) return nullptr;
    auto text = it->second.text;
    if (it->second.generation == young.number) return text;
    if (young.bytes + it->second.cost() > young_max) {
      it->second.generation = kNone;  // not with the others of its generation
      gone = Take(std::exchange(old, std::exchange(young, {.number = ++last_number})));
      it = texts.find(record);
    }
    young.Add(it->second);
    return text;
  }
  void AddFresh(Kept kept, size_t fresh_max, Gone& gone) STAMPEDE_REQUIRES(mutex) {
    if (fresh.bytes + kept.cost() > fresh_max) {
      gone = Take(std::exchange(fresh, {.number = ++last_number}));
    }
    const void* record = kept.record.get();
    auto [it, is_new] = texts.try_emplace(record, std::move(kept));
    if (is_new) fresh.Add(it->second);
  }
  // Those that still belong to it.
  Gone Take(const Generation& generation) STAMPEDE_REQUIRES(mutex) {
    Gone gone;
    for (const void* record : generation.members) {
      auto it = texts.find(record);
      if (it == texts.end() || it->second.generation != generation.number) continue;
      gone.push_back(std::move(it->second));
      texts.erase(it);
    }
    return gone;
  }

  static constexpr uint64_t kNone = 0;
  Mutex mutex;
  boost::unordered_flat_map<const void*, Kept> texts STAMPEDE_GUARDED_BY(mutex);
  uint64_t last_number STAMPEDE_GUARDED_BY(mutex) = 3;
  Generation fresh STAMPEDE_GUARDED_BY(mutex){.number = 1};
  Generation young STAMPEDE_GUARDED_BY(mutex){.number = 2};
  Generation old STAMPEDE_GUARDED_BY(mutex){.number = 3};
};

DerivedTexts::DerivedTexts(size_t bytes_max)
    : part_bytes_max_(bytes_max / kParts), parts_(std::make_unique<Part[]>(kParts)) {}
DerivedTexts::~DerivedTexts() = default;

std::shared_ptr<const std::string> DerivedTexts::Get(const std::shared_ptr<const void>& record,
                                                     const std::function<std::string()>& make) {
  const size_t fresh_max = part_bytes_max_ / 4, young_max = (part_bytes_max_ - fresh_max) / 2;
  Part& part = parts_[(reinterpret_cast<uintptr_t>(record.get()) >> 6) % kParts];
  Part::Gone gone;
  {
    MutexLock lock(part.mutex);
    if (auto text = part.Find(record.get(), young_max, gone)) return text;
  }
  auto text = std::make_shared<const std::string>(make());
  MutexLock lock(part.mutex);
  part.AddFresh({.record = record, .text = text, .generation = Part::kNone}, fresh_max, gone);
  return text;
}

}  // namespace stampede::store
