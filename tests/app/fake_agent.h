#pragma once
// An agent that does what a test tells it to, and the use cases over it.

#include <sys/socket.h>

#include "app/execution.h"
#include "support/given.h"

namespace mayfly {

inline Error not_asked() { return {Code::internal, "no test asks for this", {}, {}}; }

/// What the streams of an agent are told by the test, and tell it.
struct Talk {
  std::optional<Code> breaks_off;
  int cancelled = 0, open = 0;
};

class FakeStream : public ProcessStream {
 public:
  explicit FakeStream(Talk& talk) : talk_(talk) {
    process_.id = 7;
    ++talk_.open;
  }
  ~FakeStream() override { --talk_.open; }
  const Process& process() const override { return process_; }
  Result<ProcessNews> next(Duration) override {
    if (talk_.cancelled > 0) return fail(Code::unavailable, "it was cancelled");
    if (talk_.breaks_off) return fail(*talk_.breaks_off, "the agent ended the connection");
    return ProcessNews();
  }
  void cancel() override { ++talk_.cancelled; }

 private:
  Talk& talk_;
  Process process_;
};

/// Runs what it is told and ends it when the test says so.
class FakeAgent : public Agent {
 public:
  struct Run {
    Incarnation to;
    Command command;
    std::function<void(Result<RunResult>)> then;
  };
  std::vector<Run> runs;
  std::vector<std::int64_t> waits;           // for which process
  std::optional<Code> wait_refused;
  std::vector<Run> attached;
  std::optional<Code> attach_refused;
  Talk streams;

  void end_all(int exit_code = 0) {
    for (auto& run : std::exchange(runs, {})) {
      RunResult result;
      result.process.id = 7;
      result.process.exit_code = exit_code;
      run.then(result);
    }
  }

  /// Its socket has gone: the agent and all it ran were killed.
  void falls_silent(Code code = Code::unavailable) {
    for (auto& run : std::exchange(runs, {})) run.then(fail(code, "the agent ended the connection before its answer"));
  }

  void run(const Incarnation& to, const Command& command, Duration,
           std::function<void(Result<RunResult>)> then) override {
    runs.push_back({to, command, std::move(then)});
  }
  Result<AgentStatus> status(const Incarnation&) override { return tl::unexpected(not_asked()); }
  Result<Process> spawn(const Incarnation&, const Command&) override { return tl::unexpected(not_asked()); }
  Result<std::vector<Process>> processes(const Incarnation&) override { return tl::unexpected(not_asked()); }
  Result<Process> process(const Incarnation&, std::int64_t) override { return tl::unexpected(not_asked()); }
  void wait(const Incarnation&, std::int64_t id, Duration, std::function<void(Result<RunResult>)> then) override {
    waits.push_back(id);
    if (wait_refused) return then(fail(*wait_refused, "no process 7"));
    then(RunResult());
  }
  void connect(const Incarnation&, int port, std::function<void(Result<PortConnection>)> then) override {
    dialled.push_back(port);
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    const ByteChannel guest(ends[0]);
    then(PortConnection{ByteChannel(ends[1]), nullptr});
  }
  std::vector<int> dialled;
  Status let_sleep(const Incarnation&, std::int64_t) override { return tl::unexpected(not_asked()); }
  Result<std::int64_t> holding(const Incarnation&) override { return tl::unexpected(not_asked()); }
  Status signal(const Incarnation&, std::int64_t, int) override { return tl::unexpected(not_asked()); }
  Result<LogPiece> log(const Incarnation&, std::int64_t, LogStream, std::int64_t, std::int64_t, Duration) override {
    return tl::unexpected(not_asked());
  }
  Result<std::unique_ptr<ProcessStream>> attach(const Incarnation& to, const Command& command) override {
    attached.push_back({to, command, {}});
    if (attach_refused) return fail(*attach_refused, "no agent listens");
    return std::make_unique<FakeStream>(streams);
  }
  Result<std::unique_ptr<ProcessStream>> follow(const Incarnation&, std::int64_t, const LogView&) override {
    return std::make_unique<FakeStream>(streams);
  }
  Result<Fed> feed(const Incarnation&, std::int64_t, std::string_view, bool, Duration) override {
    return tl::unexpected(not_asked());
  }
  Result<FileInfo> stat(const Incarnation&, const std::string&) override { return tl::unexpected(not_asked()); }
  Result<FileList> list(const Incarnation&, const std::string&) override { return tl::unexpected(not_asked()); }
  Result<FileList> tree(const Incarnation&, const std::string&) override { return tl::unexpected(not_asked()); }
  Result<std::unique_ptr<Source>> read(const Incarnation&, const std::string&, std::int64_t, std::int64_t) override {
    return tl::unexpected(not_asked());
  }
  Status write(const Incarnation&, const std::string&, std::optional<std::uint32_t>, Source&) override {
    return tl::unexpected(not_asked());
  }
  Status set_mode(const Incarnation&, const std::string&, std::uint32_t) override { return {}; }
  Status link(const Incarnation&, const std::string&, const std::string&) override { return {}; }
  Status mkdir(const Incarnation&, const std::string&, bool) override { return tl::unexpected(not_asked()); }
  Status move(const Incarnation&, const std::string&, const std::string&) override {
    return tl::unexpected(not_asked());
  }
  Status remove(const Incarnation&, const std::string&, bool) override { return tl::unexpected(not_asked()); }
};

struct Inside {
  World world;
  FakeAgent agent;
  Idempotency idempotency{world.store, world.chance, world.clock, [](std::string_view b) { return std::string(b); }};
  Execution execution{world->sandboxes, agent, world->activity, idempotency, world->installation};
  std::string answer;   // of the last run: "fine" or the error

  void run(const std::string& sandbox, Command command = {}, const Once& once = {}) {
    execution.run(world.admin(), sandbox, std::move(command), 10s,
                  [this](Result<RunResult> result) { answer = outcome(result); }, once);
  }
};

}  // namespace mayfly
