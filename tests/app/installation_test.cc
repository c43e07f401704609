// What a start of the server continues, and who may come in.

#include "app/installation.h"

#include <gtest/gtest.h>

#include "app/access.h"
#include "support/given.h"

namespace mayfly {
namespace {

constexpr Time last_seen = service_time(1'790'000'000'000'000);
const ClockRecord record{"boot-1", 5000s, last_seen};

/// Service time right after a start at that CLOCK_BOOTTIME.
Time starts_at(const ClockStart& start, Duration boottime) { return Time(start.base + boottime); }

TEST(ServiceClock, BeginsAtTheWallClock) {
  const auto start = continue_clock(std::nullopt, "boot-1", 77s, WallTime(1h));

  EXPECT_EQ(starts_at(start, 77s), Time(Duration(1h)));
  EXPECT_FALSE(start.jumped);
}

TEST(ServiceClock, ContinuesOverARestartWhateverTheWallClockSays) {
  for (const Duration step : {Duration(0s), Duration(-100 * 24h), Duration(100 * 24h)}) {
    const auto start = continue_clock(record, "boot-1", 5060s, WallTime(last_seen.time_since_epoch() + 60s + step));

    EXPECT_EQ(starts_at(start, 5060s), last_seen + 60s) << human(step);
    EXPECT_FALSE(start.jumped);
  }
}

TEST(ServiceClock, AfterARebootOnlyTheWallClockKnowsHowLongItTook) {
  const auto start = continue_clock(record, "boot-2", 30s, WallTime(last_seen.time_since_epoch() + 10min));

  EXPECT_EQ(starts_at(start, 30s), last_seen + 10min);
  EXPECT_FALSE(start.jumped);
}

TEST(ServiceClock, NeverRunsBackwards) {
  const auto start = continue_clock(record, "boot-2", 30s, WallTime(last_seen.time_since_epoch() - 10 * 365 * 24h));

  EXPECT_EQ(starts_at(start, 30s), last_seen) << "a battery that is empty shortens no life and stretches none";
  EXPECT_FALSE(start.jumped);
}

TEST(ServiceClock, AJumpOfMoreThanAWeekIsNotBelievedBlindly) {
  const auto week = continue_clock(record, "boot-2", 30s, WallTime(last_seen.time_since_epoch() + 7 * 24h));
  EXPECT_FALSE(week.jumped);

  const auto more = continue_clock(record, "boot-2", 30s, WallTime(last_seen.time_since_epoch() + 7 * 24h + 1us));
  EXPECT_TRUE(more.jumped);
}

TEST(ServiceClock, IsSavedAndLoaded) {
  World world;
  EXPECT_FALSE(must(load_clock(world.store)));

  must(save_clock(world.store, "boot-1", 5000s, last_seen));

  const auto loaded = must(load_clock(world.store));
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->boot_id, "boot-1");
  EXPECT_EQ(loaded->boottime, Duration(5000s));
  EXPECT_EQ(loaded->time, last_seen);
}

TEST(Installation, IsMadeOnceAndContinued) {
  World world;
  const auto first = world->installation;
  EXPECT_EQ(first.epoch, 1);
  EXPECT_EQ(first.instance.size(), 8u);
  EXPECT_EQ(first.down.from, first.down.until) << "it was never there before";

  world.restart(1h);

  const auto second = world->installation;
  EXPECT_EQ(second.instance, first.instance);
  EXPECT_EQ(second.workspace, first.workspace);
  EXPECT_EQ(second.epoch, 2);
  EXPECT_GE(second.down.until - second.down.from, Duration(1h));
  const auto rows = world.store.snapshot();
  EXPECT_EQ(rows.workspaces.size(), 1u);
  EXPECT_EQ(rows.users.size(), 1u);
  EXPECT_EQ(rows.keys.size(), 1u);
}

TEST(Installation, TwoOfThemHaveDifferentNames) {
  // Nothing of another instance is ever touched, so the names must not be equal by accident.
  simulation::VirtualClock clock;
  simulation::Chance one_chance(1), other_chance(2);
  MemoryStore one(clock), other(clock);

  EXPECT_NE(must(open_installation(one, one_chance, "", "")).instance,
            must(open_installation(other, other_chance, "", "")).instance);
}

TEST(Installation, ReleasesTheClaimsOfEarlierLives) {
  World world;
  const auto sandbox = world.a_requested_sandbox();
  world.driver.during("start", [&] { world.refuse_commits(1); });
  EXPECT_EQ(outcome(world->worker.run_once(Lane::fast)), "no_space");
  ASSERT_EQ(world.row(sandbox).work.claim, 1) << "the server dies with the start in its hands";

  world.restart();

  EXPECT_EQ(world.row(sandbox).work.claim, 0);
  world.run_workers();
  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.host.containers.size(), 1u);
}

/// Keys are their own hashes here.
struct Door {
  World world;
  int hashed = 0;
  Access access{world.store, [this](std::string_view secret) {
                  ++hashed;
                  return std::string(secret);
                }};

  void start_with(const std::string& key) { must(open_installation(world.store, world.chance, key, key.substr(0, 3))); }
  std::string asks(const std::string& key) { return outcome(access.caller_of(key, "request-9")); }
};

TEST(Access, KnowsTheAdminByTheKeyOfThisStart) {
  Door door;
  door.start_with("mf_new");

  const auto caller = must(door.access.caller_of("mf_new", "request-9"));

  EXPECT_EQ(caller.actor, "user:admin");
  EXPECT_EQ(caller.role, Role::admin);
  EXPECT_EQ(caller.workspace, door.world->installation.workspace);
  EXPECT_EQ(caller.request_id, "request-9");
}

TEST(Access, AnUnknownKeyIsNotRepeatedInTheAnswer) {
  Door door;

  const auto refused = door.access.caller_of("my secret", "r");

  EXPECT_EQ(outcome(refused), "unauthenticated key_unknown");
  EXPECT_EQ(refused.error().message.find("my secret"), std::string::npos);
  EXPECT_EQ(door.asks(""), "unauthenticated key_unknown");
}

TEST(Access, ANewKeyReplacesTheOldOneAndTheOldOneCanComeBack) {
  Door door;
  door.start_with("mf_one");
  door.start_with("mf_two");
  EXPECT_EQ(door.asks("mf_one"), "unauthenticated key_unknown");
  EXPECT_EQ(door.asks("mf_two"), "fine");

  door.start_with("mf_one");
  door.access.forget_cache();
  EXPECT_EQ(door.asks("mf_one"), "fine");
  EXPECT_EQ(door.asks("mf_two"), "unauthenticated key_unknown");
}

TEST(Access, AStartWithTheSameKeyChangesNothing) {
  Door door;
  door.start_with("mf_one");
  const auto keys = door.world.store.snapshot().keys.size();

  door.start_with("mf_one");

  EXPECT_EQ(door.asks("mf_one"), "fine");
  EXPECT_EQ(door.world.store.snapshot().keys.size(), keys);
}

TEST(Access, RemembersWhomItKnowsUntilItIsToldToForget) {
  Door door;
  door.start_with("mf_one");
  EXPECT_EQ(door.asks("mf_one"), "fine");
  door.start_with("mf_two");
  EXPECT_EQ(door.asks("mf_one"), "fine") << "no query a request: whoever revokes a key says so";

  door.access.forget_cache();

  EXPECT_EQ(door.asks("mf_one"), "unauthenticated key_unknown");
}

TEST(Access, EachRequestCarriesItsOwnId) {
  Door door;
  door.start_with("mf_one");

  EXPECT_EQ(must(door.access.caller_of("mf_one", "first")).request_id, "first");
  EXPECT_EQ(must(door.access.caller_of("mf_one", "second")).request_id, "second");
}

TEST(Access, AnInactiveUserDoesNotComeIn) {
  Door door;
  door.start_with("mf_one");
  auto rows = door.world.store.snapshot();
  rows.users.begin()->second.active = false;
  door.world.store.restore(rows);

  EXPECT_EQ(door.asks("mf_one"), "unauthenticated key_unknown");
}

}  // namespace
}  // namespace mayfly
