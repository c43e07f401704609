#include "app/waiting.h"

#include <deque>

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

constexpr Time noon = service_time(1'790'000'000'000'000);
const ResourceId one{"sbx_1"}, other{"sbx_2"};

/// Parked callers, and looks that run when the test says so.
struct Parking {
  std::deque<std::function<void()>> posted;
  Waiting waiting{[this](std::function<void()> look) { posted.push_back(std::move(look)); }};
  bool settled = false;
  int looks = 0, answers = 0;
  std::function<void()> while_looking;

  Waiting::Look caller() {
    return [this](bool last) {
      ++looks;
      const bool seen = settled;
      if (const auto act = std::exchange(while_looking, nullptr)) act();
      if (!seen && !last) return false;
      ++answers;
      return true;
    };
  }
  void run_posted() {
    for (; !posted.empty(); posted.pop_front()) posted.front()();
  }
};

TEST(Waiting, AnswersAsSoonAsItHasSettled) {
  Parking parking;
  parking.waiting.park(one, noon + 30s, parking.caller());
  parking.run_posted();
  EXPECT_EQ(parking.answers, 0);
  EXPECT_EQ(parking.waiting.size(), 1u);

  parking.settled = true;
  parking.waiting.settled({one});
  parking.run_posted();

  EXPECT_EQ(parking.answers, 1);
  EXPECT_EQ(parking.waiting.size(), 0u);
}

TEST(Waiting, SeesWhatHadSettledBeforeItWasParked) {
  Parking parking;
  parking.settled = true;  // between the caller's own look and the parking

  parking.waiting.park(one, noon + 30s, parking.caller());
  parking.run_posted();

  EXPECT_EQ(parking.answers, 1);
}

TEST(Waiting, SeesWhatSettlesWhileItLooks) {
  Parking parking;
  parking.while_looking = [&] {
    // It has read the row already, and has not gone back to waiting yet.
    parking.settled = true;
    parking.waiting.settled({one});
  };

  parking.waiting.park(one, noon + 30s, parking.caller());
  parking.run_posted();

  EXPECT_EQ(parking.answers, 1) << "otherwise it would wait for its whole patience";
}

TEST(Waiting, IsNotWokenByOthers) {
  Parking parking;
  parking.waiting.park(one, noon + 30s, parking.caller());
  parking.run_posted();
  const int looks = parking.looks;

  parking.waiting.settled({other});
  parking.run_posted();

  EXPECT_EQ(parking.looks, looks);
}

TEST(Waiting, AnswersAtItsDeadlineAndOnce) {
  Parking parking;
  parking.waiting.park(one, noon + 30s, parking.caller());
  parking.run_posted();

  EXPECT_EQ(parking.waiting.run_once(noon + 29s), noon + 30s);
  parking.run_posted();
  EXPECT_EQ(parking.answers, 0);

  EXPECT_EQ(parking.waiting.run_once(noon + 30s), std::nullopt);
  parking.waiting.settled({one});
  parking.waiting.run_once(noon + 31s);
  parking.run_posted();
  EXPECT_EQ(parking.answers, 1);
  EXPECT_EQ(parking.waiting.size(), 0u);
}

TEST(Waiting, SettledAndDueAtTheSameTimeAnswersOnce) {
  Parking parking;
  parking.waiting.park(one, noon + 30s, parking.caller());
  parking.run_posted();
  parking.settled = true;

  parking.waiting.settled({one});
  parking.waiting.run_once(noon + 30s);
  parking.waiting.settled({one});
  parking.run_posted();

  EXPECT_EQ(parking.answers, 1);
}

TEST(Waiting, ManyWaitForTheSameThing) {
  Parking parking;
  for (int i = 0; i < 100; ++i) parking.waiting.park(one, noon + 30s, parking.caller());
  parking.run_posted();
  EXPECT_EQ(parking.waiting.size(), 100u);

  parking.settled = true;
  parking.waiting.settled({other, one});
  parking.run_posted();

  EXPECT_EQ(parking.answers, 100);
}

TEST(WhenSettled, GivesTheSandboxOnceItRuns) {
  World world;
  const auto sandbox = world.a_requested_sandbox();
  std::string answer;
  world->sandboxes.when_settled(world.admin(), sandbox.resource.id, 30s, [&](Result<Sandbox> settled) {
    answer = name(must(std::move(settled)).resource.state);
  });
  EXPECT_EQ(answer, "");

  world.run_workers();

  EXPECT_EQ(answer, "running");
}

TEST(WhenSettled, GivesItAsItIsWhenPatienceEnds) {
  World world;
  const auto sandbox = world.a_sandbox_in(State::starting);
  std::string answer;
  world->sandboxes.when_settled(world.admin(), sandbox.resource.id, 30s, [&](Result<Sandbox> settled) {
    answer = name(must(std::move(settled)).resource.state);
  });

  world.clock.advance(30s);
  world->waiting.run_once(world.clock.now());

  EXPECT_EQ(answer, "starting");
}

TEST(WhenSettled, ADeleteSettlesToo) {
  World world;
  const auto sandbox = world.a_sandbox_in(State::starting);
  std::string answer;
  world->sandboxes.when_settled(world.admin(), sandbox.resource.id, 30s, [&](Result<Sandbox> settled) {
    answer = name(must(std::move(settled)).resource.state);
  });

  world.remove(sandbox);

  EXPECT_EQ(answer, "deleting");
}

TEST(Waiting, AnswersAllAsThingsStandWhenTheServerStops) {
  Parking before, after;
  before.waiting.park(one, noon + 30s, before.caller());
  before.run_posted();

  before.waiting.stop();
  before.run_posted();
  after.waiting.stop();
  after.waiting.park(other, noon + 30s, after.caller());
  after.run_posted();

  for (const auto* parking : {&before, &after}) {
    EXPECT_EQ(parking->answers, 1);
    EXPECT_EQ(parking->waiting.size(), 0u);
  }
}

}  // namespace
}  // namespace mayfly
