#pragma once

// The templates of records.h; include that.

#include <stdexcept>
#include <type_traits>

#include "store/records.h"

namespace stampede::store {

template <class Record>
std::shared_ptr<const void> Records::Parse(const std::optional<std::string>& value) {
  if constexpr (std::is_same_v<Record, Counter>) {
    return std::make_shared<const Counter>(Counter{DecodeCounter(value)});
  } else if constexpr (std::is_same_v<Record, Counters>) {
    return std::make_shared<const Counters>();  // of an absent family; others have several values
  } else {
    if (!value) return nullptr;
    auto record = std::make_shared<Record>();
    if (!record->ParseFromString(*value))
      throw std::runtime_error("store: a record does not parse");
    return record;
  }
}

template <class Record>
std::shared_ptr<const Record> Records::Get(const std::string& key) {
  std::shared_ptr<const void> result;
  Wanted wanted{&key, &Parse<Record>, &result};
  Load({&wanted, 1});
  return std::static_pointer_cast<const Record>(std::move(result));
}

template <class Record>
std::vector<std::shared_ptr<const Record>> Records::MultiGet(std::span<const std::string> keys) {
  std::vector<std::shared_ptr<const void>> results(keys.size());
  std::vector<Wanted> wanted;
  wanted.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    wanted.push_back({&keys[i], &Parse<Record>, &results[i]});
  }
  Load(wanted);
  std::vector<std::shared_ptr<const Record>> records;
  records.reserve(keys.size());
  for (auto& result : results) {
    records.push_back(std::static_pointer_cast<const Record>(std::move(result)));
  }
  return records;
}

template <class Record>
void RecordFetch::TypedSlot<Record>::Fill() {
  record = std::static_pointer_cast<const Record>(std::move(loaded));
}

template <class Record>
const std::shared_ptr<const Record>& RecordFetch::Want(std::string key) {
  auto slot = std::make_unique<TypedSlot<Record>>(std::move(key), &Records::Parse<Record>);
  const auto& record = slot->record;
  slots_.push_back(std::move(slot));
  return record;
}

}  // namespace stampede::store
