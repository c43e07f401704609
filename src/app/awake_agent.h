#pragma once
// Another agent port, which wakes a sandbox before it is spoken to and keeps it awake while it is.

#include "app/standby.h"
#include "ports/agent.h"

namespace mayfly {

class AwakeAgent : public Agent {
 public:
  /// `post` runs what may wait on another thread.
  AwakeAgent(Agent& real, Standby& standby, std::function<void(std::function<void()>)> post)
      : real_(real), standby_(standby), post_(std::move(post)) {}

  Result<AgentStatus> status(const Incarnation& to) override;
  void run(const Incarnation& to, const Command& command, Duration wait,
           std::function<void(Result<RunResult>)> then) override;
  Result<Process> spawn(const Incarnation& to, const Command& command) override;
  Result<std::vector<Process>> processes(const Incarnation& to) override;
  Result<Process> process(const Incarnation& to, std::int64_t id) override;
  void wait(const Incarnation& to, std::int64_t id, Duration wait,
            std::function<void(Result<RunResult>)> then) override;
  Status let_sleep(const Incarnation& to, std::int64_t id) override;
  Result<std::int64_t> holding(const Incarnation& to) override;
  Status signal(const Incarnation& to, std::int64_t id, int signal) override;
  Result<LogPiece> log(const Incarnation& to, std::int64_t id, LogStream stream, std::int64_t offset,
                       std::int64_t limit, Duration wait) override;
  Result<std::unique_ptr<ProcessStream>> attach(const Incarnation& to, const Command& command) override;
  Result<std::unique_ptr<ProcessStream>> follow(const Incarnation& to, std::int64_t id, const LogView& view) override;
  Result<Fed> feed(const Incarnation& to, std::int64_t id, std::string_view bytes, bool close,
                   Duration patience) override;

  Result<FileInfo> stat(const Incarnation& to, const std::string& path) override;
  Result<FileList> list(const Incarnation& to, const std::string& path) override;
  Result<FileList> tree(const Incarnation& to, const std::string& path) override;
  Result<std::unique_ptr<Source>> read(const Incarnation& to, const std::string& path, std::int64_t offset,
                                       std::int64_t length) override;
  Status write(const Incarnation& to, const std::string& path, std::optional<std::uint32_t> mode,
               Source& content) override;
  Status mkdir(const Incarnation& to, const std::string& path, bool parents) override;
  Status move(const Incarnation& to, const std::string& from, const std::string& path) override;
  Status remove(const Incarnation& to, const std::string& path, bool recursive) override;
  Status set_mode(const Incarnation& to, const std::string& path, std::uint32_t mode) override;
  Status link(const Incarnation& to, const std::string& path, const std::string& target) override;
  void connect(const Incarnation& to, int port, std::function<void(Result<PortConnection>)> then) override;

 private:
  using Then = std::function<void(Result<RunResult>)>;
  void with_hold(const Incarnation& to, std::function<void(Result<std::shared_ptr<void>>)> act);

  Agent& real_;
  Standby& standby_;
  const std::function<void(std::function<void()>)> post_;
};

}  // namespace mayfly
