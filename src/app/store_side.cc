#include "app/store_side.h"

#include <poll.h>

#include <filesystem>
#include <stdexcept>

#include "base/clock.h"
#include "base/error.h"
#include "store/postgres/bulk_writer.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/sessions.h"
#include "store/rocksdb/inspect.h"

namespace stampede::app {

namespace {

namespace fs = std::filesystem;

constexpr int kRetryMs = 250;
constexpr int kAbsentTimes = 8;
constexpr int kDatabaseTimeoutMs = 60'000;

void Pause(int ms) { poll(nullptr, 0, ms); }

class EmbeddedSide final : public StoreSide {
 public:
  explicit EmbeddedSide(const std::string& data) : data_(fs::weakly_canonical(data)) {}

  std::string name() const override { return "the data directory " + data_; }

  StoreView Read() override {
    StoreView view{.snapshot = Snapshot::FromServer(data_)};
    if (view.snapshot) {
      view.store = Open(view.snapshot->path());
    } else {
      RequireEmbedded(data_);
      view.store = Open(data_ + "/store");
      view.alone = true;
    }
    return view;
  }

  StoreView Check() override {
    StoreView view{.snapshot = Snapshot::Take(data_)};
    view.inspection = store::InspectRocksDb(view.snapshot->path());
    view.store = Open(view.snapshot->path());
    return view;
  }

  StoreTarget Write() override {
    fs::create_directories(data_);
    std::unique_ptr<store::RocksDbStore> store = Open(data_ + "/store");
    store::RocksDbStore* engine = store.get();
    return {std::move(store), [engine] { return engine->NewBulkWriter(); }};
  }

  // First until the server is told to stop, then until it has closed the store.
  bool WaitUntilAlone(int timeout_ms) override {
    SystemClock clock;
    int64_t end_us = clock.MonotonicUs() + timeout_ms * int64_t{1000};
    while (true) {
      auto left_ms = static_cast<int>((end_us - clock.MonotonicUs()) / 1000);
      if (left_ms <= 0) return false;
      if (auto call = ControlCall::Ask(ControlPath(data_), "ping")) {
        call->WaitForEnd(left_ms);
        continue;
      }
      try {
        Open(data_ + "/store");
        return true;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kUnavailable) throw;
      }
      Pause(std::min(left_ms, kRetryMs));
    }
  }

 private:
  static std::unique_ptr<store::RocksDbStore> Open(const std::string& path) {
    return store::OpenRocksDb({.path = path});
  }

  const std::string data_;
};

class PostgresSide final : public StoreSide {
 public:
  explicit PostgresSide(const std::string& database)
      : database_(store::ForCommand(database)), name_(store::NameOfDatabase(database)) {}

  std::string name() const override { return name_; }

  StoreView Read() override { return {.store = Open(), .alone = !ServersThere()}; }

  StoreView Check() override {
    return {.store = Open(), .inspection = store::InspectPostgres(database_)};
  }

  StoreTarget Write() override {
    if (ServersThere()) {
      throw Error(ErrorCode::kUnavailable, name_ + " is in use by a server");
    }
    return {Open(), [database = database_] { return store::NewPostgresBulkWriter(database); }};
  }

  // A server has a connection nearly always, as it looks for jobs.
  bool WaitUntilAlone(int timeout_ms) override {
    SystemClock clock;
    int64_t end_us = clock.MonotonicUs() + timeout_ms * int64_t{1000};
    for (int absent = 0; absent < kAbsentTimes; absent = ServersThere() ? 0 : absent + 1) {
      if (clock.MonotonicUs() > end_us) return false;
      Pause(kRetryMs);
    }
    return true;
  }

 private:
  std::unique_ptr<store::Store> Open() {
    return store::OpenPostgres({.database = database_, .timeout_ms = kDatabaseTimeoutMs});
  }
  bool ServersThere() { return store::CountServerSessions(database_) > 0; }

  const std::string database_;
  const std::string name_;
};

bool IsDatabase(const std::string& where) {
  return where.starts_with("postgres://") || where.starts_with("postgresql://") ||
         where.find("dbname=") != std::string::npos || where.find("host=") != std::string::npos;
}

}  // namespace

std::unique_ptr<StoreSide> StoreSide::Parse(const std::string& where) {
  if (where.empty()) throw std::invalid_argument("a store needs a name");
  if (IsDatabase(where)) return std::make_unique<PostgresSide>(where);
  return std::make_unique<EmbeddedSide>(where);
}

}  // namespace stampede::app
