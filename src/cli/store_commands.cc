#include "cli/store_commands.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <stdexcept>

#include "app/backup.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/common_flags.h"
#include "cli/progress.h"
#include "cli/store_copy.h"
#include "cli/store_verify.h"
#include "store/postgres/postgres_store.h"

namespace stampede::cli {

namespace {

void Tell(const char* what, const app::BackupReport& report) {
  std::cout << what << ' ' << report.path << ": store " << report.store.files << " files, "
            << Size(report.store.bytes) << "; media " << report.media.files << " files, "
            << Size(report.media.bytes) << "; " << Size(report.copied_bytes) << " copied\n";
}

struct BackupFlags {
  std::string directory, from;
  size_t keep = 0;
};

int RunBackup(const app::Config& config, const BackupFlags& flags) {
  if (!config.database.empty()) {
    throw std::invalid_argument(
        "the store is in a database: save it with PostgreSQL's own tools, then the directory " +
        config.data + "/media");
  }
  SystemClock clock;
  Tell("saved", app::Backup(config.data, flags.directory, flags.keep, clock));
  return 0;
}

int RunRestore(const app::Config& config, const BackupFlags& flags) {
  Tell("restored", app::Restore(flags.from, config.data));
  return 0;
}

int RunVerify(const app::Config& config, VerifyFlags flags) {
  if (flags.store.empty()) flags.store = config.database.empty() ? config.data : config.database;
  return VerifyStore(flags);
}

int RunInit(const app::Config& config) {
  if (config.database.empty()) {
    throw std::invalid_argument("setting database: the address of PostgreSQL is needed");
  }
  std::cout << store::InitPostgres(config.database);
  return 0;
}

}  // namespace

struct StoreCommands::Impl {
  explicit Impl(CLI::App& program);
  void AddBackup();
  void AddVerify();
  void AddCopy();
  void AddInit();

  CommonFlags flags;

  CLI::App *backup, *restore, *store;
  CLI::App *verify = nullptr, *copy = nullptr, *init = nullptr;
  std::string database;
  BackupFlags backup_flags;
  VerifyFlags verify_flags;
  CopyFlags copy_flags;
};

StoreCommands::Impl::Impl(CLI::App& program)
    : backup(program.add_subcommand("backup",
                                    "save the embedded store and media, also while serving")),
      restore(program.add_subcommand("restore", "put a backup into an empty data directory")),
      store(program.add_subcommand("store", "check, move and prepare stores")) {
  store->require_subcommand(1);
  AddBackup();
  AddVerify();
  AddCopy();
  AddInit();
}

void StoreCommands::Impl::AddBackup() {
  flags.AddTo(*backup, false);
  backup
      ->add_option("directory", backup_flags.directory,
                   "where backups are kept, one directory each, named by its time")
      ->required();
  backup->add_option("--keep", backup_flags.keep, "remove all but so many of the newest");
  flags.AddTo(*restore, false);
  restore->add_option("from", backup_flags.from, "a backup, or a directory of them: the newest")
      ->required();
}

void StoreCommands::Impl::AddVerify() {
  verify = store->add_subcommand("verify", "read a whole store and check it, also while serving");
  flags.AddTo(*verify, false);
  verify->add_option("--store", verify_flags.store,
                     "data directory or postgresql://…; default: the server's");
  verify->add_option("--against", verify_flags.against, "another store: are they equal?");
  verify->add_flag("--partitions", verify_flags.partitions, "list rows and checksum of each");
  verify->add_option("--threads", verify_flags.threads, "that read")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
}

void StoreCommands::Impl::AddCopy() {
  copy = store->add_subcommand(
      "copy", "copy a store into another, while a server works on the first; can be resumed");
  copy->add_option("--from", copy_flags.from, "data directory or postgresql://…")->required();
  copy->add_option("--to", copy_flags.to, "empty data directory or postgresql://…")->required();
  copy->add_flag("--source-stopped", copy_flags.source_stopped,
                 "no server writes to the source any more: only the last pass");
  copy->add_option("--threads", copy_flags.threads, "that copy")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
}

void StoreCommands::Impl::AddInit() {
  init = store->add_subcommand("init", "make the tables in PostgreSQL, where they are missing");
  flags.AddTo(*init, false);
  init->add_option("--database", database, "postgresql://…; default: the setting");
}

StoreCommands::StoreCommands(CLI::App& program) : impl_(std::make_unique<Impl>(program)) {}
StoreCommands::~StoreCommands() = default;

std::optional<int> StoreCommands::Run() {
  if (*impl_->backup) return RunBackup(impl_->flags.Load(), impl_->backup_flags);
  if (*impl_->restore) return RunRestore(impl_->flags.Load(), impl_->backup_flags);
  if (*impl_->verify) return RunVerify(impl_->flags.Load(), impl_->verify_flags);
  if (*impl_->copy) return CopyStore(impl_->copy_flags);
  if (*impl_->init) {
    app::Config config = impl_->flags.Load();
    if (!impl_->database.empty()) config.database = impl_->database;
    return RunInit(config);
  }
  return std::nullopt;
}

}  // namespace stampede::cli
