#include "peer.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/process.h"

namespace mayfly::bench {

namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

bool answers(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const auto address = loopback(port);
  const bool up = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return up;
}

}  // namespace

Peer::Peer(const std::string& modules, const std::string& script) : modules_(modules), script_(script) {
  if (modules.empty() || !std::filesystem::exists(modules + "/node_modules/bullmq")) return;
  char name[] = "/tmp/mayfly-bench-redis-XXXXXX";
  folder_ = ::mkdtemp(name);
  port_ = free_port();
  const auto port = std::to_string(port_);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);   // a bench that is interrupted leaves nothing that runs
    ::dup2(::open((folder_ + "/log").c_str(), O_WRONLY | O_CREAT, 0600), 1);
    ::execlp("redis-server", "redis-server", "--port", port.c_str(), "--bind", "127.0.0.1", "--dir", folder_.c_str(),
             "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction",
             nullptr);
    ::_exit(127);
  }
  for (int tries = 0; tries < 500; ++tries) {
    if (answers(port_)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

Peer::~Peer() {
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

std::string Peer::run(const std::string& arguments) const {
  os::RunOptions options;
  options.timeout = std::chrono::minutes(10);
  options.argv = {"/bin/sh", "-c",
                  "cd " + modules_ + " && exec node " + script_ + " " + std::to_string(port_) + " " + arguments};
  const auto done = os::run(options);
  if (done && done->exit_code == 0) return done->out;
  std::fprintf(stderr, "bench: bullmq: %s\n", done ? done->err.c_str() : done.error().message.c_str());
  return "";
}

double Peer::burn(int jobs) const { return std::atof(run("burn " + std::to_string(jobs)).c_str()); }

std::vector<double> Peer::latency(int per_second, int seconds) const {
  std::istringstream lines(run("latency " + std::to_string(per_second) + " " + std::to_string(seconds)));
  std::vector<double> all;
  for (double ms = 0; lines >> ms;) all.push_back(ms);
  return all;
}

}  // namespace mayfly::bench
