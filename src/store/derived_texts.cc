#include "store/derived_texts.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/mutex.h"

namespace stampede::store {

struct alignas(64) DerivedTexts::Part {
  struct Kept {
    std::shared_ptr<const void> record;  // so that no other record gets its address
    std::shared_ptr<const std::string> text;
  };
  Mutex mutex;
  boost::unordered_flat_map<const void*, Kept> texts STAMPEDE_GUARDED_BY(mutex);
  size_t bytes STAMPEDE_GUARDED_BY(mutex) = 0;
};

DerivedTexts::DerivedTexts(size_t bytes_max)
    : part_bytes_max_(bytes_max / kParts), parts_(std::make_unique<Part[]>(kParts)) {}
DerivedTexts::~DerivedTexts() = default;

std::shared_ptr<const std::string> DerivedTexts::Get(const std::shared_ptr<const void>& record,
                                                     const std::function<std::string()>& make) {
  Part& part = parts_[(reinterpret_cast<uintptr_t>(record.get()) >> 6) % kParts];
  {
    MutexLock lock(part.mutex);
    auto it = part.texts.find(record.get());
    if (it != part.texts.end()) return it->second.text;
  }
  auto text = std::make_shared<const std::string>(make());
  // The record itself is of about the text's size.
  size_t cost = 2 * text->size() + sizeof(Part::Kept) + 64;
  MutexLock lock(part.mutex);
  if (part.bytes + cost > part_bytes_max_) {
    part.texts.clear();
    part.bytes = 0;
  }
  if (part.texts.try_emplace(record.get(), Part::Kept{record, text}).second) part.bytes += cost;
  return text;
}

}  // namespace stampede::store
