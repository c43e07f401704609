#include "server.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mayfly::bench {

namespace {

constexpr const char* key = "bench-key-of-nobody-else";

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(1);
}

}  // namespace

Server::Server(const std::string& bin, const std::string& configuration) : bin_(bin) {
  char name[] = "/tmp/mayfly-bench-XXXXXX";
  folder_ = ::mkdtemp(name);
  data_ = folder_ + "/data";
  std::ofstream(folder_ + "/config.toml") << configuration;
  start();
}

void Server::start() {
  const auto out = folder_ + "/out", file = folder_ + "/config.toml";
  url_.clear();
  std::filesystem::remove(out);   // that of the life before
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    ::dup2(::open((folder_ + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), 2);
    ::setenv("MAYFLY_ADMIN_KEY", key, 1);
    ::execl((bin_ + "/mayfly").c_str(), "mayfly", "serve", "--data", data_.c_str(), "--listen", "127.0.0.1:0",
            "--config", file.c_str(), nullptr);
    ::_exit(127);
  }
  for (int tries = 0; url_.empty(); ++tries) {
    if (tries > 30'000) give_up("the server did not start");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::ifstream lines(out);
    for (std::string line; std::getline(lines, line);)
      if (const auto at = line.find("http://"); at != std::string::npos && !lines.eof()) url_ = line.substr(at);
  }
  auto probe = client();
  for (int tries = 0; tries < 30'000; ++tries) {
    http::ClientRequest ready;
    ready.path = "/readyz";
    const auto answer = probe.call(ready);
    if (answer && answer->status == 200) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  give_up("the server is not ready");
}

void Server::stop() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

Server::~Server() {
  stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

http::Client Server::client() const { return http::Client(url_, {{"Authorization", std::string("Bearer ") + key}}); }

boost::json::object call(http::Client& client, const std::string& method, const std::string& path, int expected,
                         const std::string& body) {
  http::ClientRequest request;
  request.method = method;
  request.path = path;
  request.body = body;
  request.timeout = std::chrono::minutes(10);
  const auto answer = client.call(request);
  if (!answer) give_up(method + " " + path + ": " + answer.error().message);
  if (answer->status != expected) give_up(method + " " + path + ": " + answer->body);
  return boost::json::parse(answer->body).as_object();
}

std::string text(const boost::json::object& object, const char* key) { return std::string(object.at(key).as_string()); }

}  // namespace mayfly::bench
