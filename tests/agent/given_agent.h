#pragma once
// A real agent as an ordinary child of the test, its socket in a folder of its own, and a client that talks to it.

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "driver/agent_client/agent_client.h"

namespace mayfly::test {

/// fork() as the kernel knows it: a library that watches threads would start one of its own in the child, and what has
/// two threads enters no user namespace.
pid_t fork_alone();

/// A folder that is removed with all in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string path;
};

int listen_at(const std::string& path);

struct Quick {
  static constexpr AgentClientOptions options{
      .connect_timeout = 300ms, .call_timeout = 300ms, .long_call_timeout = 300ms};
};

class GivenAgent {
 public:
  /// `in_child` runs between fork and exec.
  explicit GivenAgent(AgentClientOptions options = {}, std::function<void()> in_child = {});
  /// Also ends whatever the agent started.
  ~GivenAgent();
  GivenAgent(const GivenAgent&) = delete;
  GivenAgent& operator=(const GivenAgent&) = delete;

  Result<RunResult> try_run(const Command& command, Duration wait = 20s);
  RunResult run(const Command& command, Duration wait = 20s);
  RunResult sh(const std::string& line, Duration wait = 20s) { return run({.argv = {"/bin/sh", "-c", line}}, wait); }
  Result<RunResult> wait(std::int64_t id, Duration wait = 20s);
  Process spawn_sh(const std::string& line);
  /// Waits until the process has printed that many bytes on stdout.
  LogPiece printed(std::int64_t id, std::int64_t bytes);

  void signal(int number);
  /// Kilobytes of a line of /proc/PID/status, such as "VmHWM".
  std::int64_t memory(const std::string& line) const;

  /// A path in the folder of this test, which the agent sees under the same name.
  std::string path(const std::string& below) const { return folder.path + "/" + below; }

  const TemporaryFolder folder;
  const std::string socket_path;
  const Incarnation here{"test", {}, 1};
  pid_t pid = -1;
  std::unique_ptr<AgentClient> client;
};

std::int64_t memory_of(pid_t pid, const std::string& line);
std::string contents(const std::string& path);
void put(const std::string& path, const std::string& bytes);

/// Bytes from memory.
class StringSource : public Source {
 public:
  explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::size_t> read(std::span<char> room) override;

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

Result<std::string> drain(Source& source);

}  // namespace mayfly::test
