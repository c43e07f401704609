#pragma once
// A server that runs for one test, and things tests wait for.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "http/router.h"
#include "http/server.h"
#include "raw_client.h"

namespace mayfly::http {

// How long a test waits for what must happen before it fails; nothing depends on its length.
constexpr std::chrono::seconds patience{20};

class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// Keeps what the server told about finished requests.
class Log {
 public:
  struct Line {
    std::string id, target, route;
    int status;
    std::string trouble;
  };

  void add(const Finished& f) {
    const std::lock_guard lock(mutex_);
    lines_.push_back({f.request.id, f.request.target, std::string(f.route), f.status, std::string(f.trouble)});
    changed_.notify_all();
  }
  // The nth line, counted from 0, as soon as it is there.
  Line line(std::size_t n) {
    std::unique_lock lock(mutex_);
    const bool there = changed_.wait_for(lock, patience, [&] { return lines_.size() > n; });
    return there ? lines_[n] : Line{};
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Line> lines_;
};

inline Response text(std::string body, int status = 200) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

struct World {
  ServerOptions options;
  Router router;
  Log log;
  std::unique_ptr<Server> server;

  World() {
    router.refuse("", [](int status, std::string_view detail, const Request&) {
      return text("refused " + std::to_string(status) + ": " + std::string(detail), status);
    });
  }
  ~World() { server.reset(); }

  void get(std::string pattern, Handler handler) {
    router.add({.method = "GET", .pattern = pattern, .handler = handler});
  }
  void post(std::string pattern, Handler handler) {
    router.add({.method = "POST", .pattern = pattern, .handler = handler});
  }
  void start() {
    server = std::make_unique<Server>(options, router, [this](const Finished& f) { log.add(f); });
    const auto started = server->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  RawClient client() const { return RawClient(server->port()); }
};

inline BlockingHandler says(std::string words) {
  return [words](const Request&) { return text(words); };
}

inline BlockingHandler echoes() {
  return [](const Request& request) { return text(request.body); };
}

// For what no event tells, such as a counter of the server.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace mayfly::http
