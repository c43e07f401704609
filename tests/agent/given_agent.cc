#include "agent/given_agent.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mayfly::test {

namespace {

std::string new_folder() {
  auto name = (std::filesystem::temp_directory_path() / "mayfly-agent-XXXXXX").string();
  CHECK(::mkdtemp(name.data()) != nullptr);
  return name;
}

pid_t start_agent(int listener, const std::function<void()>& in_child) {
  const int program = ::open(MAYFLY_BIN "/mayfly-agent", O_PATH | O_CLOEXEC);
  CHECK(program >= 0);
  const pid_t pid = fork_alone();
  CHECK(pid >= 0);
  if (pid == 0) {
    if (in_child) in_child();
    char name[] = "mayfly-agent", secret[] = "SECRET=of the agent";
    char* argv[] = {name, nullptr};
    char* env[] = {secret, nullptr};
    // dup2 onto itself would keep close-on-exec.
    if (listener == 3)
      ::fcntl(3, F_SETFD, 0);
    else
      ::dup2(listener, 3);
    ::fexecve(program, argv, env);
    ::_exit(125);
  }
  ::close(program);
  return pid;
}

}  // namespace

pid_t fork_alone() { return static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr)); }

namespace {

/// What the agent started is ours once it is gone.
void end_adopted_children() {
  for (bool found = true; found;) {
    found = false;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const auto child = std::atoi(entry.path().filename().c_str());
      std::ifstream stat(entry.path() / "stat");
      std::string line;
      if (child <= 0 || !std::getline(stat, line)) continue;
      int parent = 0;
      char state = 0;
      if (std::sscanf(line.c_str() + line.rfind(')') + 1, " %c %d", &state, &parent) != 2 || parent != ::getpid())
        continue;
      ::kill(child, SIGKILL);
      found |= ::waitpid(child, nullptr, 0) == child;
    }
  }
}

}  // namespace

TemporaryFolder::TemporaryFolder() : path(new_folder()) {}
TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(path); }

int listen_at(const std::string& path) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  CHECK(path.size() < sizeof name.sun_path);
  std::copy(path.begin(), path.end(), name.sun_path);
  CHECK(::bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  CHECK(::listen(listener, 512) == 0);
  return listener;
}

GivenAgent::GivenAgent(AgentClientOptions options, std::function<void()> in_child)
    : socket_path(folder.path + "/agent.sock") {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const int listener = listen_at(socket_path);
  pid = start_agent(listener, in_child);
  ::close(listener);
  client = std::make_unique<AgentClient>([this](const Incarnation&) { return socket_path; }, options);
}

GivenAgent::~GivenAgent() {
  client.reset();
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  end_adopted_children();
}

Result<RunResult> GivenAgent::try_run(const Command& command, Duration wait) {
  std::promise<Result<RunResult>> done;
  client->run(here, command, wait, [&](Result<RunResult> result) { done.set_value(std::move(result)); });
  return done.get_future().get();
}

RunResult GivenAgent::run(const Command& command, Duration wait) {
  auto result = try_run(command, wait);
  EXPECT_TRUE(result) << result.error().message;
  return result ? std::move(*result) : RunResult();
}

Result<RunResult> GivenAgent::wait(std::int64_t id, Duration wait) {
  std::promise<Result<RunResult>> done;
  client->wait(here, id, wait, [&](Result<RunResult> result) { done.set_value(std::move(result)); });
  return done.get_future().get();
}

Process GivenAgent::spawn_sh(const std::string& line) {
  auto process = client->spawn(here, {.argv = {"/bin/sh", "-c", line}});
  EXPECT_TRUE(process) << process.error().message;
  return process ? *process : Process();
}

LogPiece GivenAgent::printed(std::int64_t id, std::int64_t bytes) {
  auto piece = client->log(here, id, LogStream::out, bytes - 1, 1, 20s);
  EXPECT_TRUE(piece) << piece.error().message;
  EXPECT_GE(piece->total, bytes);
  return *client->log(here, id, LogStream::out, 0, Agent::log_limit, 0s);
}

void GivenAgent::signal(int number) { ::kill(pid, number); }

std::int64_t GivenAgent::memory(const std::string& line) const { return memory_of(pid, line); }

std::int64_t memory_of(pid_t pid, const std::string& line) {
  std::istringstream status(contents("/proc/" + std::to_string(pid) + "/status"));
  for (std::string word; status >> word;)
    if (word == line + ":") {
      std::int64_t kilobytes = 0;
      status >> kilobytes;
      return kilobytes;
    }
  return -1;
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  CHECK(contents(path) == bytes);
}

Result<std::size_t> StringSource::read(std::span<char> room) {
  const auto size = std::min(room.size(), bytes_.size() - at_);
  std::memcpy(room.data(), bytes_.data() + at_, size);
  at_ += size;
  return size;
}

Result<std::string> drain(Source& source) {
  std::string bytes, room(64 << 10, '\0');
  while (const auto got = TRY(source.read(room))) bytes.append(room, 0, got);
  return bytes;
}

}  // namespace mayfly::test
