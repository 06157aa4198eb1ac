#include "store/postgres/commit_plan.h"

#include <algorithm>
#include <optional>

namespace stampede::store::postgres {

using Kind = Batch::Kind;
using Condition = Batch::Condition;

// All that a batch wants of one key.
struct CommitPlan::KeyPlan {
  std::string_view key;
  bool absent = false;
  bool present = false;
  const std::string* equals = nullptr;
  const Batch::Write* write = nullptr;
  int64_t delta = 0;  // the sum, if `write` is an addition

  bool expects() const { return absent || present; }
};

CommitPlan::CommitPlan(const Batch& batch) : batch_(batch) {
  struct Mention {
    std::string_view key;
    const Batch::Expectation* expectation;
    const Batch::Write* write;
  };
  std::vector<Mention> mentions;
  bool ranges = false;
  for (const auto& expectation : batch.expectations()) {
    mentions.push_back({expectation.key, &expectation, nullptr});
  }
  for (const auto& write : batch.writes()) {
    puts_ |= write.kind == Kind::kPut || write.kind == Kind::kAdd;
    ranges |= write.kind == Kind::kEraseRange;
    if (write.kind != Kind::kEraseRange) mentions.push_back({write.key, nullptr, &write});
  }
  writes_ = !batch.writes().empty();
  only_erases_ = !puts_ && batch.expectations().empty();
  std::ranges::sort(mentions, {}, &Mention::key);

  calls_.reserve(2 * mentions.size() + 8);
  calls_.emplace_back(Statement::kBegin);
  if (batch.relaxed()) calls_.emplace_back(Statement::kRelax);
  if (writes_) {
    home_ = PartOf(batch.writes().front().key);
    lane_call_ = calls_.size();
    calls_.emplace_back(Statement::kLane);
  }
  if (ranges) {
    calls_.emplace_back(puts_ ? Statement::kOwnErasures : Statement::kShareErasures);
  }
  size_t before_keys = calls_.size();
  for (size_t i = 0; i < mentions.size();) {
    KeyPlan plan{.key = mentions[i].key};
    for (; i < mentions.size() && mentions[i].key == plan.key; ++i) {
      if (const auto* expectation = mentions[i].expectation) {
        plan.absent |= expectation->condition == Condition::kAbsent;
        plan.present |= expectation->condition != Condition::kAbsent;
        if (expectation->condition != Condition::kEquals) continue;
        impossible_ |= plan.equals != nullptr && *plan.equals != expectation->value;
        plan.equals = &expectation->value;
      } else {
        plan.write = mentions[i].write;
        plan.delta = AddWrapping(plan.delta, plan.write->delta);
      }
    }
    impossible_ |= plan.absent && plan.present;
    PlanKey(plan);
  }
  if (!ranges && !erased_.empty()) {
    calls_.emplace(calls_.begin() + static_cast<ptrdiff_t>(before_keys), Statement::kShareErasures);
  }
  PlanErasures();
  AddChecks();
  calls_.emplace_back(Statement::kCommit);
}

Call& CommitPlan::Add(Statement statement, std::string_view key) {
  Call& call = calls_.emplace_back(statement, SqlTableOf(key));
  return call.With(Param::Int4(PartOf(key)));
}

void CommitPlan::PlanExpectation(const KeyPlan& plan) {
  bool shared = plan.write == nullptr;
  if (plan.equals != nullptr) {
    Add(shared ? Statement::kExpectEquals : Statement::kExpectEqualsToWrite, plan.key)
        .With(Param::Bytes(plan.key))
        .With(Param::Bytes(*plan.equals));
  } else {
    Add(shared ? Statement::kExpectPresent : Statement::kExpectPresentToWrite, plan.key)
        .With(Param::Bytes(plan.key));
  }
}

void CommitPlan::PlanKey(const KeyPlan& plan) {
  const bool adds = plan.write != nullptr && plan.write->kind == Kind::kAdd;
  const bool puts = plan.write != nullptr && plan.write->kind == Kind::kPut;
  const Param key = Param::Bytes(plan.key);
  if (plan.present) PlanExpectation(plan);
  if (plan.absent) {
    Call& insert = Add(Statement::kInsert, plan.key).With(key);
    insert.With(puts   ? Param::Bytes(plan.write->value)
                : adds ? Param::Int8(plan.delta)  // as EncodeCounter
                       : Param::Bytes(""));
    if (!puts && !adds) Add(Statement::kErase, plan.key).With(key);
  } else if (puts) {
    Add(Statement::kUpsert, plan.key).With(key).With(Param::Bytes(plan.write->value));
  } else if (adds) {
    Add(Statement::kAdd, plan.key).With(key).With(Param::Int8(plan.delta));
  } else if (plan.write != nullptr) {
    if (only_erases_) {
      erased_.push_back(plan.key);  // in the order of keys
      return;
    }
    if (!plan.expects()) Add(Statement::kLock, plan.key).With(key);
    Add(Statement::kErase, plan.key).With(key);
  }
}

// Those that lock only what they find. After the other keys, so that an expectation of a key inside
// a range is judged before the range is gone.
void CommitPlan::PlanErasures() {
  for (size_t i = 0; i < erased_.size();) {
    Call& erase = Add(Statement::kEraseMany, erased_[i]);
    size_t first = i;
    auto together = [&](std::string_view key) {
      return key.substr(0, 3) == erased_[first].substr(0, 3);  // of one partition and table
    };
    while (i < erased_.size() && together(erased_[i])) ++i;
    erase.With(Param::BytesArray({&erased_[first], i - first}));
  }
  std::vector<const Batch::Write*> ranges;
  for (const auto& write : batch_.writes()) {
    if (write.kind == Kind::kEraseRange && write.key < write.value) ranges.push_back(&write);
  }
  std::ranges::sort(ranges, {}, [](const Batch::Write* write) { return write->key; });
  for (const Batch::Write* range : ranges) {
    Add(Statement::kEraseRange, range->key)
        .With(Param::Bytes(range->key))
        .With(Param::Bytes(range->value));
  }
}

void CommitPlan::AddChecks() {
  for (size_t i = 0, count = calls_.size(); i < count; ++i) {
    Statement check;
    if (calls_[i].statement == Statement::kEraseMany) {
      check = Statement::kExpectErased;
    } else if (calls_[i].statement == Statement::kEraseRange) {
      check = Statement::kExpectEmpty;
    } else {
      continue;
    }
    Call call = calls_[i];
    call.statement = check;
    calls_.push_back(std::move(call));
  }
}

bool CommitPlan::IsRefusal(size_t call, std::string_view sqlstate) const {
  switch (calls_[call].statement) {
    case Statement::kInsert:
      return sqlstate == kUniqueViolation;
    case Statement::kExpectPresent:
    case Statement::kExpectPresentToWrite:
    case Statement::kExpectEquals:
    case Statement::kExpectEqualsToWrite:
      return sqlstate == kDivisionByZero;
    default:
      return false;
  }
}

const std::vector<Call>& CommitPlan::CallsFor(int64_t lane, int64_t seq) {
  if (writes_) {
    calls_[lane_call_] = Call(Statement::kLane)
                             .With(Param::Int4(home_))
                             .With(Param::Int8(lane))
                             .With(Param::Int8(seq));
  }
  return calls_;
}

}  // namespace stampede::store::postgres
