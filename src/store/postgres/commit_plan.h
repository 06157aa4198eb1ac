#pragma once

#include <cstdint>
#include <vector>

#include "store/postgres/call.h"
#include "store/store.h"

namespace stampede::store::postgres {

// A batch as one pipelined transaction. It needs no decision of the client's on the way: an
// expectation that does not hold raises an error, which aborts everything and skips the COMMIT.
//
// Why commits cannot interleave, at READ COMMITTED (rows are what others committed when a statement
// begins): every key that a batch expects something of or writes is locked until its end, as a row.
// An absent key is locked by inserting a row and deleting it in the same transaction: nobody sees
// it, and whoever inserts the same key waits for us. The keys are locked in their order, so nobody
// waits in a circle. Transactions that lock all they touch, and let go at the end, have an order.
//
// What is not locked are the keys inside an erased range, and the absent keys of a batch that does
// nothing but erase (the outbox erases thousands, nearly all of them present). Such a batch looks
// again at its end: if anything is there, it starts anew. So it comes before everybody who puts
// something there later, and after everybody whose locks it waited for. The only way to a circle
// would be two such batches that each put what the other erased; therefore one that erases ranges
// and also puts runs alone among those that erase so (an advisory lock). With Citus that lock is
// of the node that we are connected to.
//
// Is it in? Each transaction writes a rising number into the row (partition, lane) of commit_lanes,
// where a lane is used by one connection at a time. If the answer is lost, kFence reads the number:
// equal, it is in. Otherwise it writes the next (odd) number, after which the lost transaction,
// should it still be on its way, fails at its own note. Rows of connections long gone are swept.
class CommitPlan {
 public:
  // The batch is valid (validate.h) and outlives the plan.
  explicit CommitPlan(const Batch& batch);

  // Its expectations contradict each other.
  bool impossible() const { return impossible_; }
  // If it does not, there is nothing to find out after a lost connection.
  bool writes() const { return writes_; }
  // Whose shard notes the number.
  int32_t home() const { return home_; }
  // Whether an error of this statement with this SQLSTATE says that an expectation failed.
  bool IsRefusal(size_t call, std::string_view sqlstate) const;

  const std::vector<Call>& CallsFor(int64_t lane, int64_t seq);

 private:
  struct KeyPlan;

  void PlanKey(const KeyPlan& plan);
  void PlanExpectation(const KeyPlan& plan);
  void PlanErasures();
  void AddChecks();
  Call& Add(Statement statement, std::string_view key);

  const Batch& batch_;
  std::vector<Call> calls_;
  std::vector<std::string_view> erased_;  // not locked before
  bool impossible_ = false;
  bool writes_ = false;
  bool puts_ = false;
  bool only_erases_ = false;
  int32_t home_ = 0;
  size_t lane_call_ = 0;
};

}  // namespace stampede::store::postgres
