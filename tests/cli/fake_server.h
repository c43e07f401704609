#pragma once
// A server that answers what a test tells it to, and what the command line made of it.

#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli/cli.h"
#include "http/router.h"
#include "http/server.h"
#include "json/reader.h"

namespace mayfly::cli {

/// Shorter than a key would be, and nowhere else in any answer.
inline const std::string secret = "mf_secret_of_this_test";

struct Ran {
  int code = -1;
  std::string out, err;
};

class FakeServer {
 public:
  ~FakeServer() { server_.reset(); }

  /// The answers of one route, in their order; the last one goes on.
  void answer(const std::string& method, const std::string& pattern, int status, const std::string& body) {
    auto& answers = answers_[method + " " + pattern];
    answers.push_back({status, body});
    if (answers.size() > 1) return;
    handle(method, pattern, http::BlockingHandler([this, key = method + " " + pattern](const http::Request& request) {
             return next(key, request);
           }));
  }
  void problem(const std::string& method, const std::string& pattern, int status, const std::string& code,
               const std::string& detail) {
    answer(method, pattern, status,
           boost::json::serialize(
               json::object{{"status", status}, {"detail", detail}, {"code", code}, {"request_id", "req-7"}}));
  }
  void handle(const std::string& method, const std::string& pattern, http::Handler handler) {
    router_.add({.method = method, .pattern = pattern, .handler = std::move(handler)});
  }

  /// Runs one command line against it, within this process.
  Ran run(const std::vector<std::string>& words) {
    if (!server_) start();
    ::setenv("MAYFLY_API_KEY", secret.c_str(), 1);
    std::vector<std::string> all = {"mayfly", "--url", "http://127.0.0.1:" + std::to_string(server_->port())};
    all.insert(all.end(), words.begin(), words.end());
    return run_words(all);
  }
  static Ran run_words(std::vector<std::string> words) {
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Ran ran;
    ran.code = run_cli(static_cast<int>(argv.size()), argv.data());
    ran.out = testing::internal::GetCapturedStdout();
    ran.err = testing::internal::GetCapturedStderr();
    return ran;
  }

  /// "METHOD target" of every request that came to a canned route, in their order.
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> lines;
    for (const auto& request : requests_) lines.push_back(request.method + " " + request.target);
    return lines;
  }
  http::Request request(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return requests_.at(index);
  }
  void note(const http::Request& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }

 private:
  struct Canned {
    int status;
    std::string body;
  };

  void start() {
    server_ = std::make_unique<http::Server>(http::ServerOptions(), router_, [](const http::Finished&) {});
    const auto started = server_->start();
    ASSERT_TRUE(started) << started.error().message;
  }

  http::Response next(const std::string& key, const http::Request& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    auto& answers = answers_[key];
    const auto canned = answers.front();
    if (answers.size() > 1) answers.erase(answers.begin());
    http::Response response;
    response.status = canned.status;
    response.body = canned.body;
    return response;
  }

  std::mutex mutex_;
  std::map<std::string, std::vector<Canned>> answers_;
  std::vector<http::Request> requests_;
  http::Router router_;
  std::unique_ptr<http::Server> server_;
};

inline std::string sandbox_json(const std::string& name, const std::string& state = "running") {
  return R"({"id":"sbx_)" + name + R"(","name":")" + name + R"(","state":")" + state +
         R"(","image":{"name":"busybox","digest":"sha256:1"},"labels":{"team":"search"},"caveats":[],)" +
         R"("last_activity_at":"2026-11-21T10:00:00.000000Z","expires_at":null,"cleanup_task_id":"clt_1"})";
}

}  // namespace mayfly::cli
