#pragma once
// Talks to the agents in the sandboxes, each through its unix socket. Guest root may own an agent: whatever it says or
// fails to say, a call ends by its deadline, in bounded memory, with a value of the right form or an error.

#include <functional>
#include <memory>
#include <string>

#include "ports/agent.h"

namespace mayfly {

namespace agent_client {
struct Address;
struct Reply;
class Outstanding;
}  // namespace agent_client

struct AgentClientOptions {
  Duration connect_timeout = 2s;
  Duration call_timeout = 10s;       // beyond what a call itself waits for
  Duration long_call_timeout = 60s;  // of calls that walk over many files: list, tree, move, remove
};

class AgentClient : public Agent {
 public:
  /// Called from any thread, also from several at once.
  using SocketPath = std::function<std::string(const Incarnation&)>;

  explicit AgentClient(SocketPath socket_path, AgentClientOptions options = {});
  /// Outstanding runs and waits end with Code::unavailable.
  ~AgentClient() override;

  /// Runs and waits, outstanding ones and those to come, end with Code::unavailable, stopping: the server is about to.
  void end_waits();

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
  Result<Fed> feed(const Incarnation& to, std::int64_t id, std::string_view bytes, bool close, Duration wait) override;

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
  Result<std::unique_ptr<ProcessStream>> open_stream(const Incarnation& to, const std::string& request,
                                                     const LogView& view);
  agent_client::Address address(const Incarnation& to) const;
  Result<agent_client::Reply> call(const Incarnation& to, const Result<std::string>& request,
                                   std::optional<std::size_t> content_limit, Duration timeout);
  void call_later(const Incarnation& to, Result<std::string> request, Duration wait,
                  std::function<void(Result<RunResult>)> then);

  const SocketPath socket_path_;
  const AgentClientOptions options_;
  const std::unique_ptr<agent_client::Outstanding> outstanding_;
};

}  // namespace mayfly
