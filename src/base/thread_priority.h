#pragma once

namespace stampede {

// Who goes first when there is more to do than processors. Threads that say nothing finish what
// others wait for: the log's flusher, the feeds, the sockets' loop. On Linux a nice value is of a
// thread (setpriority(2), "C library/kernel differences"); each step is a quarter more or less of a
// processor that several want (sched(7)).
enum class ThreadPriority {
  kBegins = 3,       // begins what others finish: half as much
  kBackground = 10,  // nobody waits for it soon: a tenth
};

// Of the calling thread. Never raises it: a process that was started with less keeps less.
void LowerThread(ThreadPriority priority);

}  // namespace stampede
