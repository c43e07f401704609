// The same request a hundred times at once, the server killed in between: one effect, one answer.

#include <atomic>
#include <set>
#include <thread>

#include "e2e/server.h"

namespace mayfly::test {
namespace {

constexpr int callers = 100;

struct Request {
  std::string method, path;
  json::value body = nullptr;
};

bool asks_for_patience(const Answer& answer) {
  return answer.status == 503 || (answer.status == 409 && answer.string("code") == "call_in_flight");
}

class Idempotent : public Served {
 protected:
  Answer call(Api& api, const Request& request, const std::string& key) {
    return api.call(request.method, request.path, request.body.is_null() ? "" : boost::json::serialize(request.body),
                    {{"Idempotency-Key", key}});
  }

  /// All of them, each on a connection of its own, until they have an answer or lose it. `heard` counts.
  std::vector<std::thread> at_once(const Request& request, std::vector<Answer>& answers, std::atomic<int>& heard,
                                   bool patient) {
    answers.assign(callers, {});
    std::vector<std::thread> threads;
    for (auto& answer : answers)
      threads.emplace_back([&, request, patient, api = std::make_shared<Api>(server_.connect())] {
        comes_true([&] {
          answer = call(*api, request, "the key");
          return !patient || answer.lost() || !asks_for_patience(answer);
        }, 60s);
        ++heard;
        heard.notify_one();
      });
    return threads;
  }

  /// A hundred, of which the kill leaves some without an answer; then a hundred more. Every answer that was given.
  std::vector<Answer> with_a_kill_between(const Request& request, int enough) {
    std::atomic<int> heard = 0;
    std::vector<Answer> before, after;
    auto threads = at_once(request, before, heard, false);
    for (int now = heard; now < enough; now = heard) heard.wait(now);
    server_.kill_hard();
    for (auto& thread : threads) thread.join();

    EXPECT_TRUE(server_.start()) << server_.log();
    threads = at_once(request, after, heard, true);
    for (auto& thread : threads) thread.join();
    for (const auto& answer : after) EXPECT_FALSE(answer.lost());
    before.insert(before.end(), after.begin(), after.end());
    std::erase_if(before, [](const Answer& answer) { return answer.lost() || asks_for_patience(answer); });
    return before;
  }

  /// The one value that all answers have there.
  static std::string only(const std::vector<Answer>& answers, int status, std::string_view path) {
    std::set<std::string> values;
    for (const auto& answer : answers) {
      EXPECT_EQ(answer.status, status) << answer;
      values.insert(boost::json::serialize(answer.at(path)));
    }
    EXPECT_EQ(values.size(), 1u);
    return answers.empty() ? "" : answers.front().string(path);
  }
};

TEST_F(Idempotent, AHundredCreatesMakeOneSandbox) {
  const auto answers = with_a_kill_between({"POST", "/v1/sandboxes", json::object{{"labels", {{"of", "us"}}}}}, 1);

  const auto id = only(answers, 201, "id");
  EXPECT_EQ(api().get("/v1/sandboxes").items().size(), 1u);
  EXPECT_EQ(api().output(id, "echo alive"), "alive\n");
}

TEST_F(Idempotent, AHundredExecsRunOnce) {
  const auto id = given_sandbox();
  const auto answers = with_a_kill_between(
      {"POST", Api::of(id, "exec"), json::object{{"command", "echo line >> /log; sleep 0.2; echo done"}}}, 1);

  only(answers, 200, "id");
  EXPECT_EQ(only(answers, 200, "stdout"), "done\n");
  EXPECT_EQ(api().output(id, "cat /log"), "line\n");
}

TEST_F(Idempotent, ACommandThatOutlivesTheServerIsWaitedForByTheRepeat) {
  const auto id = given_sandbox();
  const Request request{"POST", Api::of(id, "exec"),
                        json::object{{"command", "echo line >> /log; until test -e /go; do sleep 0.02; done; exit 3"}}};
  Answer lost;
  std::thread first([&, api = std::make_shared<Api>(server_.connect())] { lost = call(*api, request, "the key"); });
  EXPECT_TRUE(comes_true([&] { return api().output(id, "cat /log") == "line\n"; }));
  EXPECT_EQ(call(api(), request, "the key").string("code"), "call_in_flight");
  server_.kill_hard();
  first.join();
  EXPECT_TRUE(lost.lost());

  ASSERT_TRUE(server_.start()) << server_.log();
  api().exec(id, "touch /go");
  const auto ended = call(api(), request, "the key");

  EXPECT_EQ(ended.status, 200) << ended;
  EXPECT_EQ(ended.at("exit_code"), json::value(3));
  EXPECT_EQ(api().output(id, "cat /log"), "line\n");
}

TEST_F(Idempotent, AHundredKeepalivesAddTheirTimeOnce) {
  const auto id = given_sandbox({{"lifetime", json::object{{"max_age_seconds", 600}}}});
  const auto answers =
      with_a_kill_between({"POST", Api::of(id, "keepalive"), json::object{{"extend_seconds", 60}}}, 30);

  EXPECT_EQ(only(answers, 200, "expires_at"), api().get(Api::of(id)).string("expires_at"));
}

TEST_F(Idempotent, AHundredDeletesAreOne) {
  const auto id = given_sandbox();
  const auto answers = with_a_kill_between({"DELETE", Api::of(id) + "?archive=false"}, 30);

  EXPECT_TRUE(server_.task_completes(only(answers, 202, "cleanup_task_id")));
  EXPECT_EQ(server_.traces_of(id.substr(4)), std::vector<std::string>());
}

TEST_F(Idempotent, ACommitThatNobodyHeardOfIsFound) {
  server_.stop();
  ASSERT_TRUE(server_.start("create_sandbox.after_commit")) << server_.log();
  const Request request{"POST", "/v1/sandboxes", json::object{{"name", "build"}}};
  EXPECT_TRUE(call(api(), request, "the key").lost());
  EXPECT_TRUE(server_.dies(10s));

  ASSERT_TRUE(server_.start()) << server_.log();
  const auto made = call(api(), request, "the key");

  EXPECT_EQ(made.status, 201) << made;
  EXPECT_EQ(made.string("name"), "build");
}

TEST_F(Idempotent, WhatIsNoRepeatIsRefused) {
  const auto id = given_sandbox({{"lifetime", json::object{{"max_age_seconds", 600}}}});
  const Request request{"POST", Api::of(id, "keepalive"), json::object{{"extend_seconds", 60}}};
  EXPECT_EQ(call(api(), request, "the key").status, 200);

  const auto other = call(api(), {request.method, request.path, json::object{{"extend_seconds", 61}}}, "the key");
  EXPECT_EQ(other.status, 422) << other;
  EXPECT_EQ(other.string("code"), "idempotency_key_reused");
  const auto broken = call(api(), request, std::string(256, 'x'));
  EXPECT_EQ(broken.status, 400) << broken;
  EXPECT_EQ(broken.string("code"), "idempotency_key_invalid");
}

TEST_F(Idempotent, CallsOutsideOfTheDatabaseKeepTheirStatus) {
  const auto id = given_sandbox();
  api().exec(id, "echo x > /a");
  const Request request{"POST", Api::of(id, "files/move"), json::object{{"from", "/a"}, {"to", "/b"}}};
  EXPECT_EQ(call(api(), request, "the key").status, 200);

  const auto again = call(api(), request, "the key");

  EXPECT_EQ(again.status, 200) << again;
  EXPECT_EQ(again.at("repeated"), json::value(true));
  EXPECT_EQ(call(api(), request, "another key").status, 404);
}

}  // namespace
}  // namespace mayfly::test
