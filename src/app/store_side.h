#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/snapshot.h"
#include "store/bulk_writer.h"
#include "store/copy/summary.h"
#include "store/store.h"

namespace stampede::app {

// A store that is read for a while. `store` goes before `snapshot`.
struct StoreView {
  std::unique_ptr<Snapshot> snapshot;  // what `store` was opened on, if it is one
  std::unique_ptr<store::Store> store;
  bool alone = false;            // nobody writes to the store while this lives
  store::Inspection inspection;  // by Check
};

// A store open for writing.
struct StoreTarget {
  std::unique_ptr<store::Store> store;
  std::function<std::unique_ptr<store::BulkWriter>()> bulk;  // may be empty
};

// What an operator calls a store: a data directory, or a connection string of PostgreSQL.
class StoreSide {
 public:
  // Throws std::invalid_argument.
  static std::unique_ptr<StoreSide> Parse(const std::string& where);
  virtual ~StoreSide() = default;

  // Means the same store next time; without passwords.
  virtual std::string name() const = 0;
  // Of the embedded store: consistent, from the server if one runs, else the store itself, which no
  // server can then open. Of PostgreSQL: the database as it goes on.
  virtual StoreView Read() = 0;
  // To be checked: as Read, but of the embedded store always a snapshot; inspected by its engine.
  virtual StoreView Check() = 0;
  // Throws Error(kUnavailable) if a server has it open, as far as that can be told.
  virtual StoreTarget Write() = 0;

  // Waits until no server seems to run any more, or until the time is over: false.
  virtual bool WaitUntilAlone(int timeout_ms) = 0;
};

}  // namespace stampede::app
