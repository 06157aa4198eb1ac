#include "events/bus.h"

#include <stdexcept>

#include "events/records.pb.h"

namespace stampede::events {

std::string EncodeEvent(const Event& event) {
  proto::EventRecord record;
  record.set_id(event.id.value());
  record.set_kind(static_cast<uint32_t>(event.kind));
  record.set_author(event.author.value());
  record.set_payload(event.payload);
  for (const std::string& key : event.touched) record.add_touched(key);
  return record.SerializeAsString();
}

Event DecodeEvent(std::string_view bytes) {
  proto::EventRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw std::runtime_error("not an event");
  }
  Event event;
  event.id = EventId(record.id());
  event.kind = static_cast<EventKind>(record.kind());
  event.author = AccountId(record.author());
  event.payload = std::move(*record.mutable_payload());
  event.touched.assign(std::make_move_iterator(record.mutable_touched()->begin()),
                       std::make_move_iterator(record.mutable_touched()->end()));
  return event;
}

}  // namespace stampede::events
