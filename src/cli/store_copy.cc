#include "cli/store_copy.h"

#include <fmt/format.h>

#include <iostream>
#include <optional>

#include "app/store_side.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/progress.h"
#include "store/copy/copier.h"
#include "store/copy/state.h"
#include "store/copy/summary.h"

namespace stampede::cli {

namespace {

// A pass that wrote so few rows, or so small a share of them, is quick to repeat: it is time to stop
// the source.
constexpr uint64_t kFewRows = 2'000;
constexpr uint64_t kFewPerThousand = 1;
// While it is waited for that, the target is brought up to date so often.
constexpr int kRefreshMs = 60'000;

// One `stampede store copy`.
class CopyRun {
 public:
  explicit CopyRun(const CopyFlags& flags)
      : flags_(flags),
        source_(app::StoreSide::Parse(flags.from)),
        target_side_(app::StoreSide::Parse(flags.to)),
        target_(Open()),
        copier_(*target_.store, {.threads = flags.threads, .bulk = target_.bulk}) {}

  int Run() {
    app::StoreView view = source_->Read();  // first: a wrong name must not claim the target
    store::RefuseHalfCopied(*view.store);
    if (copier_.Begin(source_->name())) Say("resuming a copy that was interrupted");
    app::StoreView last = CatchUp(std::move(view));
    Say("nobody writes to the source now: last pass");
    return FinishFrom(*last.store);
  }

 private:
  app::StoreTarget Open() {
    if (source_->name() == target_side_->name()) {
      throw Error(ErrorCode::kConflict, "Source and target are the same store");
    }
    return target_side_->Write();
  }

  static void Say(const std::string& text) { std::cout << text << std::endl; }

  // Passes over a source in use, until it is at rest: then a view of it.
  app::StoreView CatchUp(app::StoreView view) {
    uint64_t before = UINT64_MAX;
    for (;; view = source_->Read()) {
      if (view.alone || flags_.source_stopped) return view;
      uint64_t changed = Pass(*view.store, nullptr);
      uint64_t rows = last_rows_;
      view.store.reset();  // before the snapshot that it is opened on
      view.snapshot.reset();
      bool few = changed <= std::max(kFewRows, rows / 1'000 * kFewPerThousand);
      bool gains_nothing = changed >= before / 2;  // the server writes as fast as a pass
      before = changed;
      if (!few && !gains_nothing) continue;
      Say("ready: stop the server of the source now (what it writes until then is copied, too)");
      source_->WaitUntilAlone(kRefreshMs);
    }
  }

  // Rows written and erased.
  uint64_t Pass(store::Store& source, std::vector<store::PartitionSum>* sums) {
    store::CopyProgress progress;
    std::string name = "pass " + std::to_string(++passes_);
    int64_t started_us = clock_.MonotonicUs();
    {
      ProgressLine line(name, progress, clock_);
      copier_.Pass(source, progress, sums);
    }
    double seconds = static_cast<double>(clock_.MonotonicUs() - started_us) / 1e6;
    Say(fmt::format(
        "{}: {} rows, {} in {:.1f} s; {} blocks of {} changed; {} rows written, {} erased", name,
        Grouped(progress.rows), Size(progress.bytes), seconds, Grouped(progress.blocks_changed),
        Grouped(progress.blocks), Grouped(progress.rows_written), Grouped(progress.rows_erased)));
    last_rows_ = progress.rows;
    return progress.rows_written + progress.rows_erased;
  }

  int FinishFrom(store::Store& source) {
    for (bool repaired : {false, true}) {
      std::vector<store::PartitionSum> sums;
      Pass(source, &sums);
      std::vector<Partition> differing = store::Differences(sums, TargetSums());
      if (differing.empty()) {
        copier_.Finish();
        uint64_t rows = 0;
        for (const auto& sum : sums) rows += sum.rows;
        Say(fmt::format("done: {} rows, counts and checksums of all {} partitions are equal",
                        Grouped(rows), kPartitionCount));
        return 0;
      }
      Say(fmt::format("{} partitions differ", differing.size()));
      if (repaired) break;
      for (Partition partition : differing) copier_.Distrust(partition);
    }
    throw Error(
        ErrorCode::kConflict,
        "Source and target still differ: is somebody writing to one of them? Run this again");
  }

  std::vector<store::PartitionSum> TargetSums() {
    store::WalkProgress progress;
    ProgressLine line("compare", progress, clock_);
    return store::Summarize(*target_.store, flags_.threads, progress).partitions;
  }

  const CopyFlags flags_;
  SystemClock clock_;
  std::unique_ptr<app::StoreSide> source_, target_side_;
  app::StoreTarget target_;
  store::Copier copier_;
  int passes_ = 0;
  uint64_t last_rows_ = 0;
};

}  // namespace

int CopyStore(const CopyFlags& flags) { return CopyRun(flags).Run(); }

}  // namespace stampede::cli
