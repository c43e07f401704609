// Deadlines on a real server, with the clock moved by hand.

#include <thread>

#include "base/time.h"
#include "e2e/server.h"

namespace mayfly::test {
namespace {

class Deadline : public Served {
 protected:
  double seconds_between(const std::string& from, const std::string& to) {
    const auto a = parse_wall_time(from), b = parse_wall_time(to);
    EXPECT_TRUE(a && b) << from << " " << to;
    return a && b ? std::chrono::duration<double>(*b - *a).count() : 0;
  }
  std::string given_with(json::object lifetime) { return given_sandbox({{"lifetime", std::move(lifetime)}}); }
  std::string expiry(const std::string& id) { return api().get(Api::of(id)).string("expires_at"); }
  void expect_gone(const std::string& id, const std::string& reason) {
    EXPECT_TRUE(comes_true([&] { return api().state(id) == "gone"; })) << api().get(Api::of(id));
    EXPECT_EQ(api().get(Api::of(id)).string("ended.reason"), reason);
  }
};

TEST_F(Deadline, AKeepaliveMovesItByExactlyTheSeconds) {
  const auto id = given_with({{"max_age_seconds", 3600}});
  const auto before = expiry(id);

  const auto kept = api().keepalive(id, 1800);

  ASSERT_EQ(kept.status, 200) << kept;
  EXPECT_DOUBLE_EQ(seconds_between(before, kept.string("expires_at")), 1800);
  advance(3700);
  EXPECT_EQ(api().state(id), "running");
  advance(1800);
  expect_gone(id, "max_age");
}

TEST_F(Deadline, TheLimitClampsAndThenRefuses) {
  const auto id = given_with({{"max_age_seconds", 3600}, {"limit_seconds", 5400}});

  const auto clamped = api().keepalive(id, 86400);
  const auto refused = api().keepalive(id, 60);

  EXPECT_EQ(clamped.at("clamped"), json::value(true)) << clamped;
  EXPECT_EQ(clamped.string("expires_at"), clamped.string("limit_at"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.string("code"), "limit_reached");
  advance(5500);
  expect_gone(id, "max_age");
}

TEST_F(Deadline, SettingItMayShortenAndRemove) {
  const auto id = given_with({{"max_age_seconds", 3600}});

  ASSERT_EQ(api().put(Api::of(id, "expiry"), json::object{{"max_age_seconds", nullptr}}).status, 200);
  EXPECT_EQ(api().get(Api::of(id)).at("expires_at"), json::value());
  advance(7200);
  EXPECT_EQ(api().state(id), "running");

  ASSERT_EQ(api().put(Api::of(id, "expiry"), json::object{{"idle_seconds", 600}}).status, 200);
  advance(700);
  expect_gone(id, "idle");
}

TEST_F(Deadline, IdleDoesNotEndOneThatIsInUseAndLookingIsNotUse) {
  const auto used = given_with({{"idle_seconds", 600}});
  const auto looked_at = given_with({{"idle_seconds", 600}});
  Answer ran;
  std::thread user([&, api = std::make_shared<Api>(server_.connect())] {
    ran = api->exec(used, "touch /begun; while [ ! -e /go ]; do sleep 0.05; done; echo done");
  });
  ASSERT_TRUE(comes_true([&] { return api().output(used, "ls /begun 2>/dev/null") == "/begun\n"; }));

  advance(500);
  EXPECT_EQ(api().get(Api::of(looked_at, "processes")).status, 200);
  EXPECT_EQ(api().get(Api::of(looked_at, "files/list?path=/")).status, 200);
  advance(500);

  expect_gone(looked_at, "idle");
  EXPECT_EQ(api().state(used), "running");
  EXPECT_EQ(api().exec(used, "touch /go").status, 200);
  user.join();
  EXPECT_EQ(ran.string("stdout"), "done\n");
}

TEST_F(Deadline, AnInstantFollowsTheWallClockAsItIsSet) {
  const auto in_two_hours = format(std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()) + 2h);
  const auto id = given_with({{"at", in_two_hours}});
  const auto relative = given_with({{"max_age_seconds", 3600}});

  advance(-7200);   // the wall clock is set back; service time goes on
  advance(3700);
  expect_gone(relative, "max_age");
  EXPECT_EQ(api().state(id), "running");
  advance(10800);
  expect_gone(id, "at");
}

TEST_F(Deadline, ExpiryMayStopOrPauseInstead) {
  const auto stops = given_with({{"max_age_seconds", 600}, {"on_expiry", "stop"}});
  const auto pauses = given_with({{"idle_seconds", 600}, {"on_expiry", "pause"}});

  advance(700);

  EXPECT_TRUE(comes_true([&] { return api().state(stops) == "stopped" && api().state(pauses) == "paused"; }));
}

TEST_F(Deadline, WhatFellDueWhileTheServerWasDownCanStillBeKept) {
  const auto kept = given_with({{"max_age_seconds", 2}});
  const auto due = parse_wall_time(expiry(kept));
  server_.kill_hard();
  comes_true([&] { return std::chrono::system_clock::now() > *due + 100ms; }, 5s);

  ASSERT_TRUE(server_.start());

  ASSERT_EQ(api().state(kept), "running") << "the grace after a downtime";
  EXPECT_EQ(api().output(kept, "echo alive"), "alive\n");
  ASSERT_EQ(api().keepalive(kept, 3600).status, 200);
  advance(120);
  EXPECT_EQ(api().state(kept), "running");
  advance(3600);
  expect_gone(kept, "max_age");
}

TEST_F(Deadline, TheGraceAfterADowntimeEnds) {
  const auto id = given_with({{"max_age_seconds", 2}});
  const auto due = parse_wall_time(expiry(id));
  server_.kill_hard();
  comes_true([&] { return std::chrono::system_clock::now() > *due + 100ms; }, 5s);
  ASSERT_TRUE(server_.start());

  advance(65);

  expect_gone(id, "max_age");
}

}  // namespace
}  // namespace mayfly::test
