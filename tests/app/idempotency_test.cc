#include "app/idempotency.h"

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

const Once once{"scope", "body"};
const Once other_body{"scope", "another body"};

NewSandbox wish_for(const std::string& name) {
  NewSandbox wish;
  wish.name = name;
  wish.spec.image = "busybox";
  return wish;
}

struct Keys {
  World world;
  Idempotency idempotency{world.store, world.chance, world.clock,
                          [](std::string_view bytes) { return std::string(bytes); }};

  std::size_t rows() { return world.store.snapshot().idempotency.size(); }
  std::string of(const std::string& key) { return outcome(idempotency.of(key, "key_1", "POST", "/path", "")); }
};

TEST(Idempotency, ACreateIsMadeOnce) {
  World world;

  const auto made = must(world->sandboxes.create(world.admin(), wish_for("build"), once));
  world.run_workers();
  const auto again = must(world->sandboxes.create(world.admin(), wish_for("build"), once));

  EXPECT_EQ(again.resource.id, made.resource.id);
  EXPECT_EQ(again.resource.state, State::running) << "as it is now";
  EXPECT_EQ(world.story_of(made.resource.id).find("sandbox.created"),
            world.story_of(made.resource.id).rfind("sandbox.created"));
}

TEST(Idempotency, OutlivesTheServerAndTheSandbox) {
  World world;
  const auto made = must(world->sandboxes.create(world.admin(), wish_for("build"), once));
  world.run_workers();
  world.remove(made, {.archive = false});
  world.run_workers();
  world.restart();

  const auto again = must(world->sandboxes.create(world.admin(), wish_for("build"), once));

  EXPECT_EQ(again.resource.id, made.resource.id);
  EXPECT_EQ(again.resource.state, State::gone);
}

TEST(Idempotency, AnotherBodyUnderTheSameKeyIsRefused) {
  World world;
  must(world->sandboxes.create(world.admin(), wish_for("build"), once));

  EXPECT_EQ(outcome(world->sandboxes.create(world.admin(), wish_for("other"), other_body)),
            "invalid idempotency_key_reused");
}

TEST(Idempotency, ARefusalIsNotRemembered) {
  World world;
  const auto holder = world.a_running_sandbox({.name = "build"});
  EXPECT_FALSE(world->sandboxes.create(world.admin(), wish_for("build"), once));
  world.remove(holder, {.archive = false});

  EXPECT_EQ(outcome(world->sandboxes.create(world.admin(), wish_for("build"), once)), "fine");
}

TEST(Idempotency, EffectAndMemoryCommitTogether) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build"});
  world.refuse_commits(1);
  EXPECT_FALSE(world->sandboxes.remove(world.admin(), "build", {}, once));
  EXPECT_TRUE(world.store.snapshot().idempotency.empty());

  const auto first = must(world->sandboxes.remove(world.admin(), "build", {}, once));
  const auto again = must(world->sandboxes.remove(world.admin(), "build", {}, once));

  EXPECT_EQ(again.task, first.task);
  EXPECT_EQ(again.sandbox.resource.id, sandbox.resource.id);
}

TEST(Idempotency, AKeepaliveAddsItsTimeOnceAndSaysTheSame) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build", .lifetime = age_of(10min)});
  const auto keep = [&] {
    std::optional<Time> expires_at;
    lifetime::Extension wish;
    wish.by = 1min;
    world->sandboxes.extend(world.admin(), "build", wish,
                            [&](Result<lifetime::Extended> extended) { expires_at = must(extended).expires_at; }, once);
    return expires_at;
  };

  const auto first = keep();
  world.clock.advance(1min);

  EXPECT_EQ(keep(), first);
  EXPECT_EQ(world.row(sandbox).lifetime.expires_at, first);
}

TEST(Idempotency, AMoveIsAskedForOnce) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build"});
  must(world->sandboxes.stop(world.admin(), "build", once));
  world.run_workers();
  must(world->sandboxes.start(world.admin(), "build"));
  world.run_workers();

  EXPECT_EQ(must(world->sandboxes.stop(world.admin(), "build", once)).resource.state, State::running);
  world.run_workers();

  EXPECT_EQ(world.state_of(sandbox), "running");
}

TEST(Idempotency, IsForgottenAfterADay) {
  Keys keys;
  auto& world = keys.world;
  must(world->sandboxes.create(world.admin(), wish_for("build"), once));
  EXPECT_FALSE(must(keys.idempotency.purge_once()));
  EXPECT_EQ(keys.rows(), 1u);

  world.clock.advance(idempotency_retention + 1s);

  EXPECT_FALSE(must(world.store.read([](Transaction& t) { return recall(t, once); }))) << "purged or not";
  EXPECT_FALSE(must(keys.idempotency.purge_once()));
  EXPECT_EQ(keys.rows(), 0u);
}

TEST(Idempotency, IsPurgedInSmallBatches) {
  Keys keys;
  auto& world = keys.world;
  for (int i = 0; i < 300; ++i)
    must(world.store.write([&](Transaction& t) { return remember(t, {"scope " + std::to_string(i), ""}, {}); }));
  world.clock.advance(idempotency_retention + 1s);

  EXPECT_TRUE(must(keys.idempotency.purge_once())) << "there is more";
  EXPECT_GT(keys.rows(), 0u);
  EXPECT_FALSE(must(keys.idempotency.purge_once()));
  EXPECT_EQ(keys.rows(), 0u);
}

TEST(Idempotency, TakesKeysOfAReasonableForm) {
  Keys keys;
  EXPECT_EQ(keys.of("8e03978e-40d5-43e8-bc93-6894a57f9324"), "fine");
  EXPECT_EQ(keys.of(std::string(255, 'x')), "fine");
  EXPECT_EQ(keys.of("h\xc3\xa9"), "fine");
  EXPECT_EQ(keys.of(""), "invalid idempotency_key_invalid");
  EXPECT_EQ(keys.of(std::string(256, 'x')), "invalid idempotency_key_invalid");
  EXPECT_EQ(keys.of("a\tb"), "invalid idempotency_key_invalid");
  EXPECT_EQ(keys.of("a\x7f"), "invalid idempotency_key_invalid");
}

TEST(Idempotency, TheScopeIsKeyCallerMethodAndPath) {
  Keys keys;
  const auto scope = [&](const char* key, const char* who, const char* method, const char* target) {
    return must(keys.idempotency.of(key, who, method, target, "body")).scope;
  };
  const auto plain = scope("k", "key_1", "POST", "/v1/a?b=1");
  EXPECT_EQ(scope("k", "key_1", "POST", "/v1/a?b=1"), plain);
  EXPECT_NE(scope("l", "key_1", "POST", "/v1/a?b=1"), plain);
  EXPECT_NE(scope("k", "key_2", "POST", "/v1/a?b=1"), plain);
  EXPECT_NE(scope("k", "key_1", "PUT", "/v1/a?b=1"), plain);
  EXPECT_NE(scope("k", "key_1", "POST", "/v1/a?b=2"), plain);
  EXPECT_NE(scope("kk", "ey_1", "POST", "/v1/a?b=1"), plain);
}

TEST(Idempotency, AParkedCallHoldsItsPlaceUntilItIsAnswered) {
  Keys keys;
  auto place = keys.idempotency.enter(once);
  ASSERT_TRUE(place);

  EXPECT_EQ(outcome(keys.idempotency.enter(once)), "conflict call_in_flight");
  EXPECT_EQ(outcome(keys.idempotency.enter(other_body)), "invalid idempotency_key_reused");
  EXPECT_EQ(outcome(keys.idempotency.enter({"other scope", "body"})), "fine");
  EXPECT_EQ(outcome(keys.idempotency.enter({})), "fine") << "without a key nobody is in the way";

  place->reset();
  EXPECT_EQ(outcome(keys.idempotency.enter(once)), "fine");
}

}  // namespace
}  // namespace mayfly
