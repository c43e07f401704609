// Sandboxes that are started before anybody asks for them, and such as sleep while nobody uses them.

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "e2e/server.h"

namespace mayfly::test {
namespace {

constexpr int pool_size = 2;

class Sleepers : public ::testing::Test {
 protected:
  Sleepers() { server.configure("[pool]\nbusybox = " + std::to_string(pool_size) + "\n"); }
  ~Sleepers() override {
    // What nobody had goes when nobody is to have it.
    server.configure("[pool]\nbusybox = 0\n");
    server.kill_hard();
    EXPECT_TRUE(server.start());
    server.delete_all();
    EXPECT_TRUE(comes_true([&] { return runs() == 0; }));
    server.end();
  }

  /// Containers, whoever has them.
  std::ptrdiff_t runs() {
    const std::filesystem::directory_iterator folders(server.data() + "/run");
    return std::distance(begin(folders), end(folders));
  }

  double metric(const std::string& name) {
    const auto text = "\n" + server.api().get("/metrics").text;
    const auto at = text.find("\n" + name);
    return at == std::string::npos ? -1 : std::strtod(text.c_str() + text.find(' ', at), nullptr);
  }
  bool pool_is_full() {
    return comes_true([&] { return server.dies(0ms) || metric("mayfly_pool_ready{") == pool_size; });
  }
  void pass(double seconds) {
    const auto moved = server.api().post("/test/clock", json::object{{"advance_seconds", seconds}});
    EXPECT_TRUE(moved.lost() || moved.status == 200) << moved;
  }
  std::string power(const std::string& id) { return server.api().get(Api::of(id)).string("power"); }
  /// Quiet for long enough.
  bool falls_asleep(const std::string& id) {
    // Again, should it not have been known yet that this one may sleep.
    return comes_true([&] {
      pass(61);
      return server.dies(0ms) || power(id) == "asleep";
    });
  }
  std::string a_sleepy_one() {
    const auto made = server.api().create({{"standby_seconds", 60}});
    EXPECT_EQ(made.status, 201) << made;
    return made.string("id");
  }

  Server server;
};

TEST_F(Sleepers, AClaimIsTheCallersInEverything) {
  ASSERT_TRUE(server.start());
  ASSERT_TRUE(pool_is_full()) << server.log();
  EXPECT_TRUE(server.api().get("/v1/sandboxes").items().empty());
  const auto made = server.api().create({{"name", "mine"},
                                         {"env", json::object{{"WORD", "given"}}},
                                         {"workdir", "/tmp"},
                                         {"resources", json::object{{"memory_mb", 32}, {"pids", 20}}}});
  ASSERT_EQ(made.status, 201) << made;
  EXPECT_EQ(made.string("state"), "running");
  const auto events = server.api().get("/v1/events?subject=" + made.string("id") + "&type=sandbox.created");
  ASSERT_EQ(events.items().size(), 1u) << events;
  EXPECT_EQ(boost::json::value(events.items().front()).at_pointer("/data/from"), "pool") << events;

  EXPECT_EQ(server.api().output("mine", "echo $WORD; pwd"), "given\n/tmp\n");
  const auto hog = server.api().exec("mine", "head -c 100m /dev/zero | tail -c 90m | wc -c");
  EXPECT_NE(hog.string("stdout"), "94371840\n") << "its own memory limit holds: " << hog;
  const auto forks = server.api().exec("mine", "for i in $(seq 40); do sleep 1 & done; wait");
  EXPECT_NE(forks.string("stderr").find("fork"), std::string::npos) << forks;
  EXPECT_TRUE(pool_is_full()) << "another one took its place";
}

TEST_F(Sleepers, AStoppedServerAdoptsItsPoolAndASmallerOneDeletesTheRest) {
  ASSERT_TRUE(server.start());
  ASSERT_TRUE(pool_is_full()) << server.log();
  server.restart();
  ASSERT_TRUE(pool_is_full()) << server.log();
  EXPECT_TRUE(server.clean()) << server.doctor();
  server.configure("[pool]\nbusybox = 0\n");
  server.restart();
  EXPECT_TRUE(comes_true([&] { return runs() == 0; }));
}

TEST_F(Sleepers, SleepStopsEverythingAndACallFindsItWhereItWas) {
  ASSERT_TRUE(server.start());
  const auto id = a_sleepy_one();
  const auto counter = server.api().post(
      Api::of(id, "exec"), json::object{{"command", "i=0; while true; do i=$((i+1)); echo $i >/next; mv /next /count; "
                                                   "done"},
                                        {"wait", false},
                                        {"keep_awake", false}});
  ASSERT_EQ(counter.status, 202) << counter;
  ASSERT_TRUE(comes_true([&] { return server.api().output(id, "cat /count") > "1"; }));
  ASSERT_TRUE(falls_asleep(id)) << server.api().get(Api::of(id));
  EXPECT_EQ(server.api().state(id), "running");
  EXPECT_EQ(metric("mayfly_sandboxes_asleep"), 1);
  EXPECT_TRUE(server.clean()) << server.doctor();

  const auto woken = std::stol(server.api().output(id, "cat /count"));
  EXPECT_EQ(power(id), "awake");
  EXPECT_TRUE(comes_true([&] { return std::stol(server.api().output(id, "cat /count")) > woken; }));
}

TEST_F(Sleepers, AProcessHoldsItAwakeUnlessToldOtherwise) {
  ASSERT_TRUE(server.start());
  const auto id = a_sleepy_one();
  const auto holder = server.api().post(Api::of(id, "exec"), json::object{{"command", "sleep 1000"}, {"wait", false}});
  ASSERT_EQ(holder.status, 202);
  for (int i = 0; i < 3; ++i) {
    pass(61);
    std::this_thread::sleep_for(100ms);
    EXPECT_EQ(power(id), "awake");
  }
  EXPECT_TRUE(server.api().remove(Api::of(id, "processes/" + std::to_string(holder.at("id").as_int64()))).fine());
  EXPECT_TRUE(falls_asleep(id));
}

TEST_F(Sleepers, WhateverIsAskedOfASleeperHappens) {
  ASSERT_TRUE(server.start());
  const std::map<std::string, std::function<Answer(const std::string&)>> asked = {
      {"running", [&](const std::string& id) { return server.api().keepalive(id, 1); }},
      {"paused", [&](const std::string& id) { return server.api().post(Api::of(id, "pause")); }},
      {"stopped", [&](const std::string& id) { return server.api().post(Api::of(id, "stop")); }},
      {"gone", [&](const std::string& id) { return server.api().remove(Api::of(id)); }},
  };
  for (const auto& [state, ask] : asked) {
    const auto made = server.api().create(
        {{"standby_seconds", 60}, {"lifetime", json::object{{"max_age_seconds", 100000}}}});
    const auto id = made.string("id");
    ASSERT_TRUE(falls_asleep(id));
    const auto answer = ask(id);
    EXPECT_TRUE(answer.fine()) << state << ": " << answer;
    EXPECT_TRUE(comes_true([&] { return server.api().state(id) == state; })) << server.api().get(Api::of(id));
  }
}

class KilledSleepers : public Sleepers, public ::testing::WithParamInterface<std::string> {};

TEST_P(KilledSleepers, LoseAndDoubleNothing) {
  const auto place = GetParam();
  std::string id;
  if (server.start(place) && pool_is_full()) {
    const auto made = server.api().create(
        {{"name", "mine"}, {"standby_seconds", 60}, {"resources", json::object{{"memory_mb", 64}}}});
    if (!made.lost()) {
      id = made.string("id");
      if (falls_asleep(id)) server.api().exec(id, "true");
    }
  }
  EXPECT_TRUE(server.dies(5000ms)) << place << " was not reached";
  ASSERT_TRUE(server.start()) << server.log();
  EXPECT_TRUE(comes_true([&] { return server.clean(); }, 2s)) << server.doctor();
  if (!id.empty()) { EXPECT_EQ(server.api().output(id, "echo here"), "here\n"); }
  const auto again = server.api().create({{"name", "mine"}});
  const bool committed = !id.empty() || place == "create_sandbox.after_commit";
  EXPECT_EQ(again.status, committed ? 409 : 201) << again;
  EXPECT_TRUE(pool_is_full()) << server.log();
}

INSTANTIATE_TEST_SUITE_P(At, KilledSleepers,
                         ::testing::Values("claim_sandbox.before_limits", "claim_sandbox.after_limits",
                                           "create_sandbox.after_commit", "sleep_sandbox.before_effect",
                                           "sleep_sandbox.after_effect", "wake_sandbox.before_effect",
                                           "wake_sandbox.after_effect"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

/// kill -9 at any moment of claims, again and again: what was answered is there, and nothing else but the pool.
TEST_F(Sleepers, ManyKillsLoseAndDoubleNone) {
  const char* given = std::getenv("MAYFLY_ROUNDS");
  const int rounds = given ? std::atoi(given) : 15;
  std::mt19937 random(7);
  std::vector<std::string> promised;
  for (int round = 0; round < rounds; ++round) {
    ASSERT_TRUE(server.start()) << server.log();
    std::thread killer([pid = server.pid(), wait = random() % 120] {
      std::this_thread::sleep_for(std::chrono::milliseconds(wait));
      ::kill(pid, SIGKILL);
    });
    for (;;) {
      const auto made = server.api().create({{"standby_seconds", 1}});
      if (made.lost()) break;
      if (made.status == 201) promised.push_back(made.string("id"));
      if (promised.size() <= 4) continue;
      // Also when the answer is lost: it may have been accepted.
      server.api().remove(Api::of(promised.front()) + "?archive=false");
      promised.erase(promised.begin());
    }
    killer.join();
    server.dies(5000ms);
  }
  ASSERT_TRUE(server.start());
  EXPECT_TRUE(comes_true([&] { return server.clean(); }, 2s)) << server.doctor();
  for (const auto& id : promised) EXPECT_EQ(server.api().output(id, "echo here"), "here\n") << id;
  ASSERT_TRUE(pool_is_full()) << server.log();
  server.delete_all();
  ASSERT_TRUE(pool_is_full()) << server.log();
  EXPECT_TRUE(comes_true([&] { return runs() == pool_size; })) << "nothing runs but the pool";
}

}  // namespace
}  // namespace mayfly::test
