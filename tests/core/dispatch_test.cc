// Who is served next: turns, breakers, caps and the rule of too many deletes at once.

#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/cleanup_record.h"
#include "core/dispatch.h"
#include "support/must.h"

namespace mayfly::dispatch {
namespace {

ResourceId workspace(int number) { return {"wsp_" + std::to_string(number)}; }

/// Workspaces with so many tasks each, and a server that has now so much room and now so much.
struct Queues {
  std::map<ResourceId, std::size_t> waiting;
  RoundRobin robin{4};
  std::vector<ResourceId> served;   // one entry a task

  void round(std::size_t room) {
    std::set<ResourceId> some;
    for (const auto& [id, tasks] : waiting)
      if (tasks > 0) some.insert(id);
    robin.begin(some, room);
    while (const auto turn = robin.next()) {
      const auto tasks = std::min(turn->most, waiting[turn->whose]);
      waiting[turn->whose] -= tasks;
      served.insert(served.end(), tasks, turn->whose);
      robin.took(tasks);
    }
  }
};

TEST(RoundRobin, GivesEachAFewInTurn) {
  Queues queues;
  queues.waiting = {{workspace(1), 10}, {workspace(2), 1}, {workspace(3), 6}};

  queues.round(100);

  std::string order;
  for (const auto& id : queues.served) order += id.text.back();
  EXPECT_EQ(order, "11112333311113311");
}

TEST(RoundRobin, KeepsTheRestOfATurnThatRoomCutShort) {
  Queues queues;
  queues.waiting = {{workspace(1), 10}, {workspace(2), 10}};

  for (int i = 0; i < 10; ++i) queues.round(1);

  std::string order;
  for (const auto& id : queues.served) order += id.text.back();
  EXPECT_EQ(order, "1111222211");
}

TEST(RoundRobin, DoesNotWaitForOneThatIsGone) {
  Queues queues;
  queues.waiting = {{workspace(1), 10}, {workspace(2), 3}};
  queues.round(2);
  queues.waiting.erase(workspace(1));

  queues.round(2);

  EXPECT_EQ(queues.served.back(), workspace(2));
}

RC_GTEST_PROP(RoundRobin, ServesWhoeverWaitsWithinAQuantumOfEachOther, ()) {
  const auto others = *rc::gen::inRange(1, 12);
  const auto rounds = *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 20)));
  const auto arrives = static_cast<std::size_t>(*rc::gen::inRange(0, static_cast<int>(rounds.size())));
  Queues queues;
  for (int i = 1; i <= others; ++i) queues.waiting[workspace(i * 2)] = 100'000;
  const auto late = workspace(*rc::gen::inRange(0, others * 2 + 2) | 1);
  for (std::size_t i = 0; i < arrives; ++i) queues.round(static_cast<std::size_t>(rounds[i]));
  const auto before = queues.served.size();
  queues.waiting[late] = 1;
  for (std::size_t i = arrives; i < rounds.size() || queues.waiting[late] > 0; ++i)
    queues.round(static_cast<std::size_t>(rounds[i % rounds.size()]));

  const auto found = std::find(queues.served.begin() + static_cast<std::ptrdiff_t>(before), queues.served.end(), late);
  RC_ASSERT(found != queues.served.end());
  const auto waited = static_cast<std::size_t>(found - queues.served.begin()) - before;
  RC_ASSERT(waited <= 4u * static_cast<std::size_t>(others));
}

RC_GTEST_PROP(RoundRobin, TakesNeitherMoreThanThereIsRoomNorLessThanThereIs, ()) {
  Queues queues;
  const auto sizes = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 30));
  std::size_t all = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    queues.waiting[workspace(static_cast<int>(i))] = static_cast<std::size_t>(sizes[i]);
    all += static_cast<std::size_t>(sizes[i]);
  }
  const auto room = static_cast<std::size_t>(*rc::gen::inRange(0, 200));

  queues.round(room);

  RC_ASSERT(queues.served.size() == std::min(room, all));
}

TEST(Priorities, ComeFirstButForOneTurnOfEight) {
  int last = 0;
  for (std::uint64_t turn = 0; turn < 80; ++turn) {
    const auto order = order_of_turn(turn);
    ASSERT_EQ(order.size(), 4u);
    last += order.front() == Priority::orphan;
    EXPECT_TRUE(order.front() == Priority::user || order.front() == Priority::orphan);
  }
  EXPECT_EQ(last, 10);
}

TEST(Priorities, FollowFromTheReasonOfTheDelete) {
  EXPECT_EQ(priority_of("request"), Priority::user);
  EXPECT_EQ(priority_of("quota"), Priority::quota);
  for (const auto* reason : {"max_age", "idle", "at", "limit", "retention", "stale", "pool"})
    EXPECT_EQ(priority_of(reason), Priority::retention) << reason;
  for (const auto* reason : {"orphan", "stray", "abandoned"})
    EXPECT_EQ(priority_of(reason), Priority::orphan) << reason;
  EXPECT_EQ(name(Priority::retention), "retention");
}

const Time start = service_time(1'000'000'000);
ResourceId thing(int number) { return {"sbx_" + std::to_string(number)}; }
Status down() { return fail(Code::unavailable, "no answer"); }

TEST(CircuitBreaker, OpensAfterFailuresOfSeveralThingsAndNotOfOne) {
  Breaker of_one, of_many;
  for (int i = 0; i < 50; ++i) of_one.ended(thing(1), down(), start);
  for (int i = 0; i < 4; ++i) of_many.ended(thing(i), down(), start);
  EXPECT_EQ(of_many.state(), Breaker::State::closed);
  of_many.ended(thing(4), down(), start);

  EXPECT_EQ(of_one.state(), Breaker::State::closed) << "one broken sandbox is not a broken host";
  EXPECT_EQ(of_many.state(), Breaker::State::open);
  EXPECT_FALSE(of_many.allows(start));
  EXPECT_TRUE(of_many.allows(start + 1s));
}

TEST(CircuitBreaker, CountsOnlyWhatSpeaksAgainstThePart) {
  Breaker breaker;
  for (int i = 0; i < 50; ++i) breaker.ended(thing(i), fail(Code::busy, "in use"), start);
  for (int i = 0; i < 50; ++i) breaker.ended(thing(i), fail(Code::internal, "broken"), start);
  for (int i = 0; i < 4; ++i) breaker.ended(thing(i), down(), start);
  breaker.ended(thing(9), Status(), start);
  for (int i = 0; i < 4; ++i) breaker.ended(thing(i), down(), start);

  EXPECT_EQ(breaker.state(), Breaker::State::closed);
  EXPECT_EQ(breaker.failures(), 4);
}

TEST(CircuitBreaker, AProbeThatIsMerelyBusyWasNone) {
  Breaker breaker;
  for (int i = 0; i < 5; ++i) breaker.ended(thing(i), down(), start);
  const auto now = breaker.retry_at();
  breaker.began(now);
  breaker.ended(thing(1), fail(Code::busy, "mounted"), now);
  EXPECT_TRUE(breaker.allows(now)) << "another one may show whether the part answers";
  breaker.began(now);
  breaker.ended(thing(2), Status(), now);
  EXPECT_EQ(breaker.state(), Breaker::State::closed);
}

TEST(CircuitBreaker, LetsOneProbeThroughAndDoublesTheWaitWhenItFails) {
  Breaker breaker;
  for (int i = 0; i < 5; ++i) breaker.ended(thing(i), down(), start);
  auto now = start;
  for (const auto wait : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    EXPECT_EQ(breaker.retry_at() - now, wait);
    now = breaker.retry_at();
    ASSERT_TRUE(breaker.allows(now));
    breaker.began(now);
    EXPECT_EQ(breaker.state(), Breaker::State::half_open);
    EXPECT_FALSE(breaker.allows(now)) << "one at a time";
    breaker.ended(thing(1), down(), now);
  }
  breaker.began(breaker.retry_at());
  EXPECT_TRUE(breaker.allows(breaker.retry_at())) << "nobody heard of the last probe again: another one may go";
  breaker.ended(thing(1), Status(), now);

  EXPECT_EQ(breaker.state(), Breaker::State::closed);
  EXPECT_TRUE(breaker.allows(now));
}

TEST(Caps, LeaveRoomForWhatTheyAreNotSetFor) {
  Caps caps;
  EXPECT_FALSE(caps.any());
  caps.per_workspace = 3;
  caps.kinds["volume"] = 1;
  caps.parts["objects"] = 2;
  InWork in_work;
  in_work.add(workspace(1), Lane::fast, Kind::sandbox, 2);
  in_work.add(workspace(2), Lane::slow, Kind::sandbox, 2);

  EXPECT_TRUE(caps.any());
  EXPECT_EQ(room_under(caps, in_work, workspace(1), Lane::fast, Kind::sandbox), 1u);
  EXPECT_EQ(room_under(caps, in_work, workspace(3), Lane::fast, Kind::sandbox), 3u);
  EXPECT_EQ(room_under(caps, in_work, workspace(3), Lane::fast, Kind::volume), 1u);
  EXPECT_EQ(room_under(caps, in_work, workspace(3), Lane::slow, Kind::sandbox), 0u) << "archives are full";
  EXPECT_EQ(part_of(Lane::fast, Kind::image), Part::images);
  EXPECT_EQ(part_of(Lane::fast, Kind::workspace), std::nullopt);
  for (const auto part : parts) EXPECT_EQ(parse_part(name(part)), part);
  EXPECT_EQ(parse_part("moon"), std::nullopt);
}

TEST(BlastRadius, IsAShareOfWhatThereIs) {
  const BlastRule half;

  EXPECT_EQ(enough_things(half, 500), 1000);
  EXPECT_EQ(enough_things({.least = 1, .percent = 30}, 3), 10);
  EXPECT_EQ(enough_things({.least = 1, .percent = 100}, 7), 7);
}

TEST(Parts, AreWhatCarriesStepsOut) {
  for (const auto part : parts) EXPECT_EQ(parse_part(name(part)), part);
  EXPECT_EQ(parse_part("weather"), std::nullopt);
  EXPECT_EQ(part_of(Lane::fast, Kind::sandbox), Part::host);
  EXPECT_EQ(part_of(Lane::slow, Kind::sandbox), Part::objects);
  EXPECT_EQ(part_of(Lane::fast, Kind::archive), Part::objects);
  EXPECT_EQ(part_of(Lane::fast, Kind::image), Part::images);
  EXPECT_EQ(part_of(Lane::fast, Kind::app), std::nullopt) << "a record needs none";
  for (const auto state : {Breaker::State::closed, Breaker::State::open, Breaker::State::half_open})
    EXPECT_FALSE(name(state).empty());
  Breaker slow;
  for (int i = 0; i < 5; ++i) slow.ended(thing(i), fail(i % 2 ? Code::timed_out : Code::unknown, "no answer"), start);
  EXPECT_EQ(slow.state(), Breaker::State::open);
  slow.ended(thing(1), fail(Code::unavailable, "a late one"), start);
  EXPECT_EQ(slow.retry_at(), start + 1s) << "one that had begun before says nothing new";
}

TEST(Caps, AreOfWorkspacesKindsAndParts) {
  InWork in_work;
  in_work.add(workspace(1), Lane::fast, Kind::sandbox, 3);
  in_work.add(workspace(2), Lane::fast, Kind::app, 2);
  const auto room = [&](const Caps& caps, int of, Kind kind) {
    return room_under(caps, in_work, workspace(of), Lane::fast, kind);
  };
  EXPECT_EQ(room({.per_workspace = 4, .kinds = {}, .parts = {}}, 1, Kind::sandbox), 1u);
  EXPECT_EQ(room({.per_workspace = 4, .kinds = {}, .parts = {}}, 3, Kind::sandbox), 4u);
  EXPECT_EQ(room({.per_workspace = 0, .kinds = {{"sandbox", 2}}, .parts = {}}, 2, Kind::sandbox), 0u);
  EXPECT_EQ(room({.per_workspace = 0, .kinds = {{"volume", 2}}, .parts = {}}, 2, Kind::volume), 2u);
  EXPECT_EQ(room({.per_workspace = 0, .kinds = {}, .parts = {{"host", 5}}}, 2, Kind::volume), 2u);
  EXPECT_GT(room({.per_workspace = 0, .kinds = {{"app", 0}}, .parts = {{"host", 1}}}, 2, Kind::app), 1000u);
}

TEST(Pauses, HoldUpWhatTheyAreOf) {
  const auto by = [](const std::string& scope) { return std::vector<Pause>{{scope, "why", "who", {}, false}}; };

  EXPECT_TRUE(paused_by(by("all"), workspace(1), Kind::sandbox));
  EXPECT_TRUE(paused_by(by(pause_of(workspace(1))), workspace(1), Kind::sandbox));
  EXPECT_FALSE(paused_by(by(pause_of(workspace(1))), workspace(2), Kind::sandbox));
  EXPECT_TRUE(paused_by(by(pause_of(Kind::volume)), workspace(1), Kind::volume));
  EXPECT_FALSE(paused_by(by(pause_of(Kind::volume)), workspace(1), Kind::sandbox));
  EXPECT_FALSE(paused_by(by(allowance_of(workspace(1))), workspace(1), Kind::sandbox));
  EXPECT_FALSE(paused_by({}, workspace(1), Kind::sandbox));
}

}  // namespace
}  // namespace mayfly::dispatch
