// The keepalive of a runtime, case by case, against real sandboxes. Statuses that it is declared with: 400 and 422 in
// BodiesThatAreWrong, 401, 403 and 404 in ForOthers, 409 in OfWhatDoesNotRun, 429 in ComesTooOften, 426 in
// TakesNoClientsThatAreTooOld, 500 in AnswerWithTheEnvelopeWhateverHappens of runtimes_test.cc, 502 and 504 in
// TellWhatTheHostRefuses there: a keepalive itself calls nobody.

#include <set>
#include <thread>

#include "e2e/runtimes.h"

namespace mayfly::test {
namespace {

class RuntimeKeepalive : public RuntimeStory {};

TEST_F(RuntimeKeepalive, AddsToTheEndThatStands) {
  const auto id = given_running("build");
  const auto start = expiry(id);

  const auto first = keepalive(id, 60);                                                     // case 1
  ASSERT_EQ(first.status, 200) << first;
  EXPECT_TRUE(first.string("expires_at").ends_with("Z"));
  EXPECT_EQ(seconds_between(start, instant(first, "expires_at")), 60);
  EXPECT_EQ(seconds_between(start, instant(keepalive(id, 3600), "expires_at")), 3660);      // case 2
  keepalive(id, 300);
  const auto last = keepalive(id, 300);                                                     // case 3
  EXPECT_EQ(seconds_between(start, instant(last, "expires_at")), 4260);
  EXPECT_EQ(expiry(id), instant(last, "expires_at"));                                       // case 25
  EXPECT_EQ(last.at("clamped"), json::value(false));
  EXPECT_EQ(seconds_between(start, instant(last, "limit_at")), 7 * 3600) << "8 h, of which the first is its timeout";
  EXPECT_NEAR(last.at("remaining_seconds").to_number<double>(), 3600 + 4260, 60);
}

TEST_F(RuntimeKeepalive, LosesNoneOfTenAtOnce) {                                            // case 4
  const auto id = given_running("build");
  const auto start = expiry(id);
  std::vector<std::string> ends(10);
  std::vector<std::thread> threads;
  for (auto& end : ends)
    threads.emplace_back([&end, id, api = std::make_shared<Api>(server_.connect())] {
      end = api->post(at(id, "keepalive"), json::object{{"extend_seconds", 60}}).string("expires_at");
    });
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(seconds_between(start, expiry(id)), 600);
  EXPECT_EQ(std::set<std::string>(ends.begin(), ends.end()).size(), 10u) << "all answers differ";
}

TEST_F(RuntimeKeepalive, BodiesThatAreWrong) {                                              // cases 5, 6, 7
  const auto id = given_running("build");
  const auto before = expiry(id);
  // The body of the original's own page is the first.
  for (const auto* body : {R"({"extend_seconds": 1})", R"({"extend_seconds": 59})", R"({"extend_seconds": 3601})",
                           R"({"extend_seconds": 0})", R"({"extend_seconds": -1})", R"({"extend_seconds": 1e9})",
                           R"({"extend_seconds": "abc"})", R"({"extend_seconds": "60"})", R"({"extend_seconds": null})",
                           R"({"extend_seconds": 60.5})", R"({"extend_seconds": true})", "{}", ""}) {
    const auto refused = api().call("POST", at(id, "keepalive"), body);
    expect_envelope(refused, 422);
    const auto errors = refused.at("errors");
    ASSERT_TRUE(errors.is_array()) << body << refused;
    const auto& error = errors.as_array().at(0).as_object();
    EXPECT_EQ(error.at("loc").as_array().back(), json::value("extend_seconds")) << body;
    EXPECT_TRUE(error.at("msg").is_string() && error.at("type").is_string()) << body;
  }
  for (const auto* body : {"[]", "3"}) {
    const auto refused = api().call("POST", at(id, "keepalive"), body);
    expect_envelope(refused, 422);
    EXPECT_EQ(refused.at("errors").as_array().at(0).at("loc").as_array().at(0), json::value("body"));
  }
  expect_envelope(api().call("POST", at(id, "keepalive"), "{"), 400);
  EXPECT_EQ(expiry(id), before);
  EXPECT_EQ(api().call("POST", at(id, "keepalive"), R"({"extend_seconds": 60.0, "extra": 1})").status, 200)
      << "60.0 is 60, and what is not known is passed over";
}

TEST_F(RuntimeKeepalive, OfWhatDoesNotRun) {                                                // cases 8 to 11
  const auto id = given_runtime("build");
  expect_envelope(keepalive(id, 60), 409, "runtime_idle");
  started(id);
  ASSERT_EQ(api().post(at(id, "pause")).status, 200);
  expect_envelope(keepalive(id, 60), 409, "state_paused");
  EXPECT_EQ(now(id).string("status"), "paused");
  ASSERT_EQ(api().post(at(id, "reset")).status, 200);
  expect_envelope(keepalive(id, 60), 409, "runtime_idle");
  const auto sandbox = started(id).string("instance.provider_sandbox_id");
  ASSERT_EQ(api().remove(sandbox_at(sandbox)).status, 200);
  expect_envelope(keepalive(id, 60), 409, "runtime_idle");
  EXPECT_EQ(now(id).string("status"), "idle");
}

TEST_F(RuntimeKeepalive, NeverRevivesWhatHasExpired) {                                      // case 12
  const auto id = given_running("build", with_timeout(60));
  advance(61);
  const auto late = keepalive(id, 60);
  EXPECT_EQ(late.status, 409) << late;
  EXPECT_TRUE(late.string("reason") == "expired" || late.string("reason").starts_with("state_paus")) << late;
  const auto sandbox = now(id).string("instance.provider_sandbox_id");
  EXPECT_TRUE(comes_true([&] { return api().state(sandbox) == "paused"; }));
  EXPECT_EQ(now(id).string("status"), "paused");
  EXPECT_EQ(now(id).string("instance.pause_reason"), "timeout");
  expect_envelope(keepalive(id, 60), 409, "state_paused");
}

TEST_F(RuntimeKeepalive, EndsAtTheLimit) {                                                  // case 14
  const auto id = given_running("build", with_timeout(300, {{"requested_runtime_limit_seconds", 600}}));
  const auto end = expiry(id);
  const auto clamped = keepalive(id, 3600);
  ASSERT_EQ(clamped.status, 200) << clamped;
  EXPECT_EQ(seconds_between(end, instant(clamped, "expires_at")), 300);
  EXPECT_EQ(clamped.at("clamped"), json::value(true));
  EXPECT_EQ(clamped.string("limit_at"), clamped.string("expires_at"));
  expect_envelope(keepalive(id, 60), 409, "limit_reached");
  EXPECT_EQ(expiry(id), instant(clamped, "expires_at"));
}

TEST_F(RuntimeKeepalive, ForOthers) {                                                       // cases 15 to 21
  const auto id = given_running("build");
  const auto body = json::object{{"extend_seconds", 60}};
  for (const auto* nobody : {"2489E9AD-2EE2-8E00-8EC9-32D5F69181C0", "no-such-key", "%2e%2e"})
    expect_envelope(api().post(at(nobody, "keepalive"), body), 404, "runtime_not_found");
  auto upper = id;
  for (auto& letter : upper) letter = static_cast<char>(std::toupper(letter));
  for (const auto& spelling : {upper, std::string("build")})
    EXPECT_EQ(api().post(at(spelling, "keepalive"), body).status, 200) << spelling;
  ASSERT_EQ(api().post("/v1/workspaces", json::object{{"slug", "other"}}).status, 201);
  expect_envelope(api().post(org("/ws/other/runtimes/" + id + "/keepalive"), body), 404, "runtime_not_found");
  auto ben = person("ben");
  expect_envelope(ben.post(at(id, "keepalive"), body), 403, "not_the_owner");
  auto looker = person("looker", "member", {{"scopes", json::array{"read"}}});
  expect_envelope(looker.post(at(id, "keepalive"), body), 403);
  auto nobody = server_.connect_with({});
  const auto unknown = nobody.post(at(id, "keepalive"), body);
  expect_envelope(unknown, 401);
  EXPECT_EQ(unknown.string("type"), "authentication_error");
  auto wrong = server_.connect_with({{"X-API-Key", "wrong"}});
  expect_envelope(wrong.post(at(id, "keepalive"), body), 401);
  auto plain = server_.connect_with({{"X-API-Key", Server::key}});
  EXPECT_EQ(plain.post(at(id, "keepalive"), body).status, 200);
  expect_envelope(api().post("/api/v1/org/none/ws/default/runtimes/" + id + "/keepalive", body), 404,
                  "organization_not_found");
  expect_envelope(api().post(org("/ws/none/runtimes/" + id + "/keepalive"), body), 404, "workspace_not_found");
}

TEST_F(RuntimeKeepalive, OfOneKeyCountsOnce) {                                              // case 24
  const auto id = given_running("build");
  const auto start = expiry(id);
  const auto call = [&](const std::string& body) {
    return api().call("POST", at(id, "keepalive"), body, {{"Idempotency-Key", "once"}});
  };
  const auto first = call(R"({"extend_seconds": 60})"), again = call(R"({"extend_seconds": 60})");
  ASSERT_EQ(first.status, 200) << first;
  EXPECT_EQ(first.string("expires_at"), again.string("expires_at"));
  EXPECT_EQ(seconds_between(start, expiry(id)), 60);
  expect_envelope(call(R"({"extend_seconds": 61})"), 422, "idempotency_key_reused");
}

TEST_F(RuntimeKeepalive, ReachesAnInstantAndNeverComesNearer) {
  const auto id = given_running("build");
  const auto end = expiry(id);
  const auto until = [&](WallTime wanted) {
    return api().post(at(id, "keepalive"), json::object{{"until", format(wanted)}});
  };
  const auto later = until(end + 1h);
  ASSERT_EQ(later.status, 200) << later;
  EXPECT_NEAR(seconds_between(end, instant(later, "expires_at")), 3600, 1);
  const auto sooner = until(end);
  EXPECT_EQ(sooner.status, 200) << sooner;
  EXPECT_EQ(sooner.string("expires_at"), later.string("expires_at"));
  expect_envelope(api().post(at(id, "keepalive"), json::object{{"until", "soon"}}), 422);
}

TEST_F(RuntimeKeepalive, IsTheSameByTheSandbox) {
  const auto id = given_runtime("build");
  const auto instance = started(id).at("instance").as_object();
  const auto start = expiry(id);
  for (const auto* name : {"sandbox_id", "provider_sandbox_id"}) {
    const auto kept = api().post(sandbox_at(std::string(instance.at(name).as_string()), "keepalive"),
                                 json::object{{"extend_seconds", 60}});
    EXPECT_EQ(kept.status, 200) << kept;
  }
  EXPECT_EQ(seconds_between(start, expiry(id)), 120);
  auto ben = person("ben");
  expect_envelope(ben.post(sandbox_at(std::string(instance.at("sandbox_id").as_string()), "keepalive"),
                           json::object{{"extend_seconds", 60}}),
                  403, "not_the_owner");
}

TEST_F(RuntimeKeepalive, IsHonouredAfterAKill) {                                            // case 23
  const auto id = given_running("build");
  // Durable, and the answer is never sent: the server dies between.
  const auto kept = keepalive(id, 60);
  ASSERT_EQ(kept.status, 200);
  server_.kill_hard();
  ASSERT_TRUE(server_.start());
  EXPECT_GE(expiry(id), instant(kept, "expires_at"));
  EXPECT_EQ(keepalive(id, 60).status, 200);
}

TEST_F(RuntimeKeepalive, TakesNoClientsThatAreTooOld) {                                     // case 46
  server_.stop();
  server_.configure("[clients]\n\"dreadnode-sdk\" = \"2.1\"\n");
  ASSERT_TRUE(server_.start());
  const auto id = given_running("build");
  const auto as = [&](const std::string& agent) {
    return api().call("POST", at(id, "keepalive"), R"({"extend_seconds": 60})", {{"User-Agent", agent}});
  };
  for (const auto* old : {"dreadnode-sdk/0.1", "dreadnode-sdk/2.0.9"}) expect_envelope(as(old), 426, "client_too_old");
  for (const auto* fine : {"dreadnode-sdk/2.1", "dreadnode-sdk/10.0 (linux)", "curl/7.0", "none"})
    EXPECT_EQ(as(fine).status, 200) << fine;
}

TEST_F(RuntimeKeepalive, ComesTooOften) {                                                   // case 43, the plain rate
  auto fast = person("fast", "member", {{"rate_limit", json::object{{"requests_per_second", 0.001}, {"burst", 2}}}});
  Answer refused;
  for (int i = 0; i < 20 && refused.status != 429; ++i)
    refused = fast.post(at("none", "keepalive"), json::object{{"extend_seconds", 60}});
  expect_envelope(refused, 429, "rate_limited");
  EXPECT_TRUE(http::find(refused.headers, "Retry-After"));
  EXPECT_EQ(refused.text.find("credit"), std::string::npos);
}

}  // namespace
}  // namespace mayfly::test
