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
  EXPECT_EQ(starts_at(more, 30s), last_seen) << "what is written now must not lie in a future that never comes";
}

TEST(ServiceClock, AJumpThatSomebodyVouchesForIsBelieved) {
  const auto start =
      continue_clock(record, "boot-2", 30s, WallTime(last_seen.time_since_epoch() + 30 * 24h), /*trusted=*/true);

  EXPECT_EQ(starts_at(start, 30s), last_seen + 30 * 24h);
  EXPECT_FALSE(start.jumped);
}

TEST(ServiceClock, IsSavedAndLoaded) {
  simulation::VirtualClock clock;
  MemoryStore store(clock);
  EXPECT_FALSE(must(load_clock(store)));

  must(save_clock(store, "boot-1", 5000s, last_seen + 1h));

  const auto loaded = must(load_clock(store));
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->boot_id, "boot-1");
  EXPECT_EQ(loaded->boottime, Duration(5000s));
  EXPECT_EQ(loaded->time, last_seen + 1h);
}

/// A machine with one database, whose lives of the server end before they have done anything.
struct Machine {
  simulation::VirtualClock clock;
  simulation::Chance chance{1};
  MemoryStore store{clock};

  Time start() {
    const auto start = continue_clock(must(load_clock(store)), clock.boot_id(), clock.boottime(), clock.wall());
    clock.start_from(start.base);
    must(open_installation(store, chance, "", "", start));
    return clock.now();
  }
};

TEST(ServiceClock, IsWrittenDownByAStartThatEndsBeforeItsFirstSecond) {
  Machine machine;
  machine.start();
  machine.clock.reboot(10min);
  const auto began = machine.start();
  machine.clock.advance(3h);
  machine.clock.step_wall_clock(-2 * 365 * 24h);

  EXPECT_GE(machine.start() - began, Duration(3h)) << "the boot is the same, whatever the wall clock says by now";
}

TEST(ServiceClock, OfAJumpIsNotTakenForTheWallClockOfThisBoot) {
  Machine machine;
  const auto began = machine.start();
  machine.clock.reboot(10min);
  machine.clock.step_wall_clock(365 * 24h);
  EXPECT_LT(machine.start() - began, Duration(1min));
  machine.clock.step_wall_clock(-365 * 24h);

  EXPECT_GE(machine.start() - began, Duration(10min)) << "set right, it is asked again";
}

TEST(ServiceClock, GoesOnFromWhatWasWrittenAfterItsRecord) {
  World world;
  must(save_clock(world.store, "boot-1", 5000s, world.clock.now()));
  world.clock.advance(2h);   // the machine slept, and died before the record was written again
  const auto sandbox = world.a_requested_sandbox();

  const auto loaded = must(load_clock(world.store));

  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->time, world.last_event(sandbox.resource.id, "sandbox.created").at);
  EXPECT_EQ(loaded->time - loaded->boottime, last_seen - 5000s) << "of the same boot it is the same clock";
}

TEST(Installation, IsMadeOnceAndContinued) {
  World world;
  const auto first = world->installation;
  EXPECT_EQ(first.epoch, 1);
  EXPECT_EQ(first.instance.size(), 8u);
  EXPECT_LT(first.down.until - first.down.from, 1ms) << "it was never there before";

  world.restart(1h);

  const auto second = world->installation;
  EXPECT_EQ(second.instance, first.instance);
  EXPECT_EQ(second.workspace, first.workspace);
  EXPECT_EQ(second.epoch, 2);
  EXPECT_GE(second.down.until - second.down.from, 1h - 1ms);
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

  EXPECT_NE(must(open_installation(one, one_chance, "", "", {})).instance,
            must(open_installation(other, other_chance, "", "", {})).instance);
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

/// Lets somebody act between a read and what is made of it, and counts the reads.
class PeekingStore : public Store {
 public:
  explicit PeekingStore(Store& real) : real_(real) {}
  void submit(Closure closure, Then then) override { real_.submit(std::move(closure), std::move(then)); }
  Status view(const Closure& closure) override {
    ++views;
    const auto done = real_.view(closure);
    if (const auto meanwhile = std::exchange(after_view, nullptr)) meanwhile();
    return done;
  }
  void on_commit(std::function<void(const Wakes&)> listener) override { real_.on_commit(std::move(listener)); }

  int views = 0;
  std::function<void()> after_view;

 private:
  Store& real_;
};

/// Keys are their own hashes here.
struct Door {
  World world;
  int hashed = 0;
  PeekingStore store{world.store};
  Access access{store, [this](std::string_view secret) {
                  ++hashed;
                  return std::string(secret);
                }, world.clock};

  /// Whoever revokes a key says so to the one who remembers it.
  void revoke(const std::string& key) {
    must(access.change([&](Transaction& t) -> Status {
      auto row = TRY(t.identities().find_key(key));
      row->revoked = true;
      return t.identities().update_key(*row);
    }));
  }
  void start_with(const std::string& key) {
    must(open_installation(world.store, world.chance, key, key.substr(0, 3), world.clock_start()));
  }
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

  Door next_life;
  next_life.world.store.restore(door.world.store.snapshot());
  next_life.start_with("mf_one");
  EXPECT_EQ(next_life.asks("mf_one"), "fine");
  EXPECT_EQ(next_life.asks("mf_two"), "unauthenticated key_unknown");
}

TEST(Access, AStartWithTheSameKeyChangesNothing) {
  Door door;
  door.start_with("mf_one");
  const auto keys = door.world.store.snapshot().keys.size();

  door.start_with("mf_one");

  EXPECT_EQ(door.asks("mf_one"), "fine");
  EXPECT_EQ(door.world.store.snapshot().keys.size(), keys);
}

TEST(Access, RemembersWhomItKnowsUntilTheKeyIsRevoked) {
  Door door;
  door.start_with("mf_one");
  EXPECT_EQ(door.asks("mf_one"), "fine");
  EXPECT_EQ(door.asks("mf_one"), "fine");
  EXPECT_EQ(door.store.views, 1) << "no query a request";

  door.revoke("mf_one");

  EXPECT_EQ(door.asks("mf_one"), "unauthenticated key_unknown");
}

TEST(Access, ALookUpThatARevocationOvertakesIsNotRemembered) {
  Door door;
  door.start_with("mf_one");
  // The row has been read and is not yet remembered when the key is revoked.
  door.store.after_view = [&] { door.revoke("mf_one"); };

  EXPECT_EQ(door.asks("mf_one"), "fine") << "this request came before";

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
