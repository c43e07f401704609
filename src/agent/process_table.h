#pragma once
// The processes that were started through the agent: those that run, and the newest of those that ended.
//
// Connections start, ask, wait and signal, each from a thread of its own. The main thread alone reaps, pumps what
// processes print into their logs, and kills what is overdue: the calls below `timer` are its.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "agent/answer.h"
#include "agent/record.h"
#include "agent/tokens.h"
#include "base/result.h"

namespace mayfly::agent {

struct Command {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::string cwd;
  std::string input;
  std::string name;
  std::int64_t timeout_us = -1;  // negative: none
  bool stdin_open = false;       // fed later, instead of `input`
};

/// How long a caller waits: until an instant, or until it hangs up (Code::unavailable).
struct Patience {
  std::int64_t until_us = 0;
  int caller = -1;  // its socket
};

class ProcessTable {
  friend class Follower;

 public:
  /// `epoll` gets the pipes, each with its Pipe as data. A process without input reads `no_input`; `open_files` is
  /// the limit that processes get.
  ProcessTable(int epoll, Fd no_input, rlimit open_files);

  /// Starts it and answers with its id.
  Result<std::int64_t> start(const Command& command);
  /// The same, at most once per token: whoever comes later gets the id of the first.
  Result<std::int64_t> start_once(const std::string& token, const Command& command);
  int running();
  /// Those running ones that keep the sandbox from being put to sleep: all that were not told otherwise.
  int holding();
  Status let_sleep(std::int64_t id);
  Result<Answer> describe(std::int64_t id);
  Answer describe_all();
  /// The process and the newest bytes of its logs, once it has ended or patience is over.
  Result<Answer> wait(std::int64_t id, Patience patience);
  /// A piece of a log, once there is one after `offset`, the process has ended or patience is over.
  Result<Answer> log(std::int64_t id, int stream, std::int64_t offset, std::size_t limit, Patience patience);
  Status signal(std::int64_t id, int signal);
  /// Gives it bytes on its stdin until it has them all or patience is over, and then the end of them if so wished:
  /// how many it took, and whether its stdin is closed now. conflict: stdin_not_open, stdin_closed, stdin_busy.
  Result<Answer> feed(std::int64_t id, std::string_view bytes, bool close, Patience patience);

  int timer() const { return timer_.get(); }  // readable when something is overdue
  void kill_overdue();
  void reap();
  void pump(Pipe* pipe);
  void kill_all();

 private:
  Result<std::shared_ptr<Record>> launch_new(const Command& command, const Taker* taker);
  Result<std::shared_ptr<Record>> enter(const Command& command, const Taker* taker);
  Status run(const std::shared_ptr<Record>& record, const Command& command);
  Result<Fd> input_for(const std::shared_ptr<Record>& record, const Command& command);
  Result<Fd> output_pipe(const std::shared_ptr<Record>& record, int stream);
  Result<std::shared_ptr<Record>> find(std::int64_t id);
  Status await(const std::shared_ptr<Record>& record, int stream, std::int64_t offset, Patience patience,
               std::unique_lock<std::mutex>& lock);
  void end(Record& record, int how, int status);
  void append(Record& record, int stream, std::string_view bytes);
  std::size_t room_for(const Record& record, int stream) const;
  void watch_again(Record& record);
  void close(Pipe* pipe);
  void forget(std::int64_t id);
  void forget_old();
  void set_timer();

  const int epoll_;
  const Fd no_input_;
  const rlimit open_files_;
  const Fd timer_;
  std::string buffer_;  // of the main thread, for what it pumps

  std::mutex mutex_;  // guards all below, and what the records hold
  std::map<std::int64_t, std::shared_ptr<Record>> records_;
  std::deque<std::int64_t> ended_;  // in the order of their ends
  std::int64_t last_id_ = 0;
  Tokens tokens_;
  std::size_t log_memory_ = 0;  // of all records
};

}  // namespace mayfly::agent
