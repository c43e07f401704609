#pragma once
// What the agent knows of one process, and how it tells of it.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "agent/fd.h"
#include "agent/ring.h"
#include "base/wire.h"

namespace mayfly::agent {

struct Record;

/// The reading end of a process's stdout or stderr. It may outlive the process, and even what we remember of it.
struct Pipe {
  Fd fd;
  int stream = 0;  // 0 out, 1 err
  bool watched = true;  // false: nobody reads it, so that the process waits
  std::weak_ptr<Record> record;
};

/// Somebody waits for news of a process and is woken through an eventfd.
struct Waiter {
  int event = -1;
  bool for_output = false;  // and not only for the end
};

/// Somebody takes all that a process prints, however slowly: until then the process waits with printing more.
struct Taker {
  std::array<std::int64_t, 2> taken{};  // bytes of out and of err
};

struct Record {
  enum class State { starting, running, ended };

  std::int64_t id = 0;
  std::atomic<pid_t> pid{0};
  std::string name;
  std::vector<std::string> argv;  // as much as is shown
  State state = State::starting;
  bool timed_out = false;
  int exit_code = 0;
  int signal = 0;
  bool holds_awake = true;       // while it runs the sandbox is not put to sleep
  std::int64_t started_us = 0;
  std::int64_t ended_us = 0;
  std::int64_t overdue_us = -1;  // negative: never
  std::array<Ring, 2> logs;      // out, err
  std::array<Pipe*, 2> pipes{};  // null once they are at their end
  std::vector<Waiter> waiters;
  std::vector<const Taker*> takers;
  std::array<std::int64_t, 2> at_end{};  // how much it had printed when it ended
  std::shared_ptr<Fd> input;             // the end of its stdin that is written to, while that is open
  bool being_fed = false;                // somebody writes to it

  std::size_t log_memory() const { return logs[0].memory() + logs[1].memory(); }
};

/// Wakes who waits for its output, and who waits for its end when it has `ended`.
void wake(const Record& record, bool ended);

/// At most `bytes` of a command line; what is left out shows as "...".
std::vector<std::string> shortened(const std::vector<std::string>& argv, std::size_t bytes);

void write_process(wire::Writer& to, const Record& record, std::size_t argv_bytes);

/// The fields of a log piece of at most `limit` bytes after `offset`; the bytes themselves go to `content`.
void write_piece(wire::Writer& to, std::string& content, const Record& record, int stream, std::int64_t offset,
                 std::size_t limit);

}  // namespace mayfly::agent
