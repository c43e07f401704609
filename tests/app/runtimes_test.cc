// Runtimes: one live sandbox each, whose time is counted only while it runs.

#include "app/runtimes.h"

#include <gtest/gtest.h>

#include "app/data_tokens.h"
#include "support/given.h"

namespace mayfly {
namespace {

class RuntimeStory : public ::testing::Test {
 protected:
  NewRuntime wish(const std::string& key, Duration timeout = 1h, std::optional<Duration> limit = {}) {
    NewRuntime wish;
    wish.key = key;
    wish.config.timeout = timeout;
    wish.config.document = "as it was";
    wish.config_given = true;
    wish.requested_limit = limit;
    return wish;
  }
  RuntimeView given_running(const std::string& key, Duration timeout = 1h, std::optional<Duration> limit = {}) {
    must(world->runtimes.ensure(world.admin(), wish(key, timeout, limit)));
    return must(start(key));
  }
  /// The answer of a call that waits, once the workers have done what it asked for.
  Result<RuntimeView> done(const std::function<void(Runtimes::Then)>& call) {
    std::optional<Result<RuntimeView>> answer;
    call([&](Result<RuntimeView> view) { answer.emplace(std::move(view)); });
    world.run_workers();
    if (!answer) {
      world.let_pass(26s);
      (void)world->waiting.run_once(world.clock.now());
    }
    if (!answer) return fail(Code::internal, "nobody was told");
    return std::move(*answer);
  }
  Result<RuntimeView> start(const std::string& key, const RuntimeStart& how = {}, const Once& once = {}) {
    return done([&](auto then) { world->runtimes.start(world.admin(), key, how, then, once); });
  }
  Result<RuntimeView> pause(const std::string& key) {
    return done([&](auto then) { world->runtimes.pause(world.admin(), key, then); });
  }
  Result<RuntimeView> resume(const std::string& key) {
    return done([&](auto then) { world->runtimes.resume(world.admin(), key, then); });
  }
  RuntimeView now(const std::string& key) { return must(world->runtimes.get(world.admin(), key)); }
  Result<KeptAlive> keepalive(const std::string& key, Duration by) {
    std::optional<Result<KeptAlive>> answer;
    world->runtimes.keepalive(world.admin(), key, {.by = by, .until = {}},
                              [&](Result<KeptAlive> kept) { answer.emplace(std::move(kept)); });
    return std::move(*answer);
  }
  std::size_t sandboxes() { return must(world->sandboxes.list(world.admin(), {}, {})).size(); }

  World world;
};

TEST_F(RuntimeStory, IsMadeOnceForEachKey) {
  const auto made = must(world->runtimes.ensure(world.admin(), wish("build")));
  EXPECT_TRUE(made.created);
  EXPECT_EQ(made.state(), RuntimeState::idle);
  const auto again = must(world->runtimes.ensure(world.admin(), wish("build")));
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.runtime.resource.id, made.runtime.resource.id);

  auto other = wish("build");
  other.config.document = "another one";
  EXPECT_EQ(outcome(world->runtimes.ensure(world.admin(), other)), "conflict config_differs");
  other.config_given = false;
  EXPECT_FALSE(must(world->runtimes.ensure(world.admin(), other)).created) << "whatever stands is meant";
  EXPECT_EQ(outcome(world->runtimes.ensure(world.caller(Role::reader), wish("mine"))), "denied role_too_low");
  EXPECT_EQ(outcome(world->runtimes.ensure(world.admin(), wish("too-long", 1h, 9h))), "invalid limit_invalid");
}

TEST_F(RuntimeStory, HasOneSandboxHoweverManyStartIt) {
  must(world->runtimes.ensure(world.admin(), wish("build")));
  for (int i = 0; i < 10; ++i) must(world->runtimes.begin_start(world.admin(), "build", {}));
  world.run_workers();
  EXPECT_EQ(sandboxes(), 1u);
  EXPECT_EQ(now("build").state(), RuntimeState::running);
  EXPECT_EQ(now("build").sandbox->resource.parent, now("build").runtime.resource.id);
}

TEST_F(RuntimeStory, IsStartedByAKeyOnce) {
  given_running("build");
  const Once once{"scope", "body"};
  const auto first = must(start("build", {}, once));
  must(world->runtimes.reset(world.admin(), "build"));
  world.run_workers();
  EXPECT_EQ(outcome(start("build", {}, once)), "conflict deleted_while_starting")
      << "a repeat begins nothing that somebody has ended since";
  EXPECT_EQ(sandboxes(), 0u);
}

TEST_F(RuntimeStory, GoesOnWithWhatWasLeftAfterAPause) {
  given_running("build", 10min, 20min);
  world.let_pass(4min);
  const auto paused = must(pause("build"));
  EXPECT_EQ(paused.state(), RuntimeState::paused);
  world.let_pass(3h);
  EXPECT_EQ(outcome(keepalive("build", 60s)), "conflict state_paused");

  const auto resumed = must(resume("build"));
  EXPECT_NEAR(seconds(*resumed.sandbox->lifetime.expires_at - resumed.now), 360, 1);
  EXPECT_NEAR(seconds(*resumed.sandbox->lifetime.limit_at - resumed.now), 960, 1);
  EXPECT_FALSE(resumed.sandbox->ending);
}

TEST_F(RuntimeStory, GetsItsTimeoutAgainWithinTheLimitAfterOne) {
  given_running("build", 10min, 15min);
  world.let_pass(10min + 1s);
  EXPECT_EQ(now("build").state(), RuntimeState::paused);
  EXPECT_EQ(now("build").sandbox->ending->reason, "max_age");

  const auto resumed = must(start("build"));
  EXPECT_EQ(resumed.state(), RuntimeState::running) << "start does the same as resume";
  EXPECT_NEAR(seconds(*resumed.sandbox->lifetime.expires_at - resumed.now), 300, 1) << "min(timeout, limit left)";
  world.let_pass(6min);
  EXPECT_EQ(outcome(resume("build")), "conflict limit_reached");
  EXPECT_EQ(outcome(start("build")), "conflict limit_reached");
  EXPECT_EQ(now("build").state(), RuntimeState::paused);

  must(world->runtimes.reset(world.admin(), "build"));
  EXPECT_EQ(must(start("build")).state(), RuntimeState::running) << "a new life begins anew";
}

TEST_F(RuntimeStory, IsWarnedOfOnceBeforeEachEnd) {
  const auto sandbox = *given_running("build", 10min).sandbox;
  const auto warnings = [&] {
    const auto story = world.story_of(sandbox.resource.id);
    std::size_t count = 0;
    for (auto at = story.find("sandbox.expiring"); at != story.npos; at = story.find("sandbox.expiring", at + 1))
      ++count;
    return count;
  };
  world.let_pass(4min);
  EXPECT_EQ(warnings(), 0u);
  world.let_pass(90s);
  EXPECT_EQ(warnings(), 1u);
  must(keepalive("build", 10min));
  world.let_pass(9min);
  EXPECT_EQ(warnings(), 1u) << "the end has moved";
  world.let_pass(4min);
  EXPECT_EQ(warnings(), 2u);
  world.let_pass(60s);
  EXPECT_EQ(warnings(), 3u) << "five minutes, and one";
  EXPECT_EQ(now("build").state(), RuntimeState::running);
  world.let_pass(1min);
  EXPECT_EQ(now("build").state(), RuntimeState::paused);
}

TEST_F(RuntimeStory, IsArchivedAndDeletedWhenItStaysPaused) {
  const auto sandbox = *given_running("build").sandbox;
  must(pause("build"));
  world.let_pass(halted_retention + 1min);
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world.archives_of(sandbox).size(), 1u);
  EXPECT_EQ(now("build").state(), RuntimeState::idle) << "the runtime itself is durable";
}

TEST_F(RuntimeStory, IsNotRevivedByAKeepaliveThatComesTooLate) {
  given_running("build", 10min);
  world.clock.advance(10min + 1s);
  EXPECT_EQ(outcome(keepalive("build", 60s)), "conflict expired");
  // A start that finds it so decides what the loop has not come to, and then goes on from there.
  const auto started = must(start("build"));
  EXPECT_EQ(started.state(), RuntimeState::running);
  EXPECT_EQ(started.sandbox->halts, 1);
}

TEST_F(RuntimeStory, IsClampedAtItsLimit) {
  const auto begun = given_running("build", 300s, 600s);
  const auto kept = must(keepalive("build", 3600s));
  EXPECT_TRUE(kept.extended.clamped);
  EXPECT_EQ(kept.extended.expires_at, begun.sandbox->lifetime.born_at + 600s);
  EXPECT_EQ(outcome(keepalive("build", 60s)), "conflict limit_reached");
}

TEST_F(RuntimeStory, KeepsItsSandboxUntilItIsToldOtherwise) {
  const auto first = given_running("build");
  RuntimeConfig changed;
  changed.document = "another one";
  EXPECT_TRUE(must(world->runtimes.replace_config(world.admin(), "build", changed)).stale());
  EXPECT_EQ(must(start("build")).sandbox->resource.id, first.sandbox->resource.id);
  EXPECT_EQ(outcome(start("build", {.requested_limit = {}, .if_stale = IfStale::fail})), "conflict config_stale");
  const auto replaced = must(start("build", {.requested_limit = {}, .if_stale = IfStale::replace}));
  EXPECT_NE(replaced.sandbox->resource.id, first.sandbox->resource.id);
  EXPECT_FALSE(replaced.stale());
}

TEST_F(RuntimeStory, TellsWhatTheHostRefuses) {
  must(world->runtimes.ensure(world.admin(), wish("build")));
  world.driver.fail_next("start", Code::internal);
  EXPECT_EQ(outcome(start("build")), "unavailable start_failed");
  const auto failed = now("build").runtime.sandbox;
  EXPECT_EQ(now("build").state(), RuntimeState::idle);
  const auto begun = must(start("build"));
  EXPECT_NE(begun.sandbox->resource.id, failed);
  EXPECT_EQ(world.row(failed).resource.state, State::gone) << "one that never ran holds nothing";
  const auto end = begun.sandbox->lifetime.expires_at;

  world.driver.fail_next("freeze", Code::unavailable, 1000);
  EXPECT_EQ(outcome(pause("build")), "timed_out still_pausing");
  EXPECT_EQ(now("build").sandbox->lifetime.max_at, end) << "what is left stays left";
}

TEST_F(RuntimeStory, BelongsToItsOwner) {
  given_running("build");
  auto other = world.caller(Role::member);
  other.user = {"usr_somebody_else"};
  EXPECT_EQ(outcome(world->runtimes.begin_start(other, "build", {})), "denied not_the_owner");
  EXPECT_EQ(outcome(world->runtimes.reset(other, "build")), "denied not_the_owner");
  EXPECT_EQ(outcome(world->runtimes.remove(other, "build")), "denied not_the_owner");
  EXPECT_EQ(outcome(world->runtimes.remove_sandbox(other, now("build").sandbox->resource.id.text)),
            "denied not_the_owner");
  other.workspace = {"wsp_elsewhere"};
  EXPECT_EQ(outcome(world->runtimes.get(other, "build")), "not_found runtime_not_found");
  EXPECT_EQ(outcome(world->runtimes.get(other, hex(uid_of(now("build").runtime.resource.id)))),
            "not_found runtime_not_found");
}

TEST_F(RuntimeStory, IsDeletedAfterItsSandbox) {
  const auto begun = given_running("build");
  const auto deleted = must(world->runtimes.remove(world.admin(), "build"));
  EXPECT_EQ(world.steps_of(deleted.task), "delete_sandbox children, confirm_runtime waiting, forget_runtime waiting");
  EXPECT_EQ(outcome(world->runtimes.get(world.admin(), "build")), "not_found runtime_not_found");
  EXPECT_TRUE(must(world->runtimes.ensure(world.admin(), wish("build"))).created) << "the key is free";

  world.let_pass(1min);
  EXPECT_EQ(world.row(deleted.task).phase, Phase::completed);
  EXPECT_EQ(world.state_of(*begun.sandbox), "gone");
  const auto gone = must(world.store.read([&](Transaction& t) { return t.runtimes().get(begun.runtime.resource.id); }));
  EXPECT_EQ(gone.resource.state, State::gone);
  EXPECT_EQ(world.story_of(begun.runtime.resource.id),
            "runtime.created runtime.started runtime.delete_accepted runtime.gone cleanup.completed");
}

TEST_F(RuntimeStory, FailsToBeDeletedWhenItsSandboxDoesAndIsTriedAgain) {
  const auto begun = given_running("build");
  world.driver.fail_next("kill", Code::internal);
  const auto deleted = must(world->runtimes.remove(world.admin(), "build"));
  world.let_pass(1h);
  EXPECT_EQ(world.row(deleted.task).phase, Phase::failed);
  EXPECT_EQ(world.state_of(*begun.sandbox), "deleting");
  must(world->cleanups.retry(world.admin(), deleted.task, Cleanups::Retry::failed));
  world.let_pass(1h);
  EXPECT_EQ(world.row(deleted.task).phase, Phase::completed);
  EXPECT_EQ(world.state_of(*begun.sandbox), "gone");
}

TEST_F(RuntimeStory, GoesOnLivingInNoWorkspaceThatGoes) {
  const auto begun = given_running("build");
  must(pause("build"));
  must(world.store.write([&](Transaction& t) -> Status {
    auto row = TRY(t.identities().find_workspace(world.admin().workspace.text));
    row->resource.state = State::deleting;
    return t.identities().update_workspace(*row);
  }));
  EXPECT_EQ(outcome(world->runtimes.ensure(world.admin(), wish("other"))), "conflict parent_deleting");
  EXPECT_EQ(outcome(start("build")), "conflict parent_deleting");
  EXPECT_EQ(world.state_of(*begun.sandbox), "paused");
}

TEST_F(RuntimeStory, ARepeatedStartRevivesNothingThatWasPausedSince) {
  given_running("build");
  const Once once{"scope", "body"};
  must(start("build", {}, once));
  must(pause("build"));
  EXPECT_EQ(must(start("build", {}, once)).state(), RuntimeState::paused);
  EXPECT_EQ(must(start("build")).state(), RuntimeState::running);
}

TEST_F(RuntimeStory, LimitsOfTheOrganizationAreKept) {
  const ResourceId organization{"org_00000000000000000000000000000001"};
  const auto set = [&](OrganizationLimits wanted) {
    return world->runtimes.set_limits(world.admin(), organization,
                                      [&](OrganizationLimits& limits) { limits = wanted; });
  };
  must(set({2h, 10min}));
  EXPECT_EQ(must(world->runtimes.limits(organization)).organization, (OrganizationLimits{2h, 10min}));
  EXPECT_EQ(outcome(set({9h, {}})), "invalid limit_invalid");
  EXPECT_EQ(outcome(set({2h, 3h})), "invalid limit_invalid");
  must(set({}));
  EXPECT_EQ(must(world->runtimes.limits(organization)).organization, OrganizationLimits{});
  EXPECT_EQ(outcome(world->runtimes.set_limits(world.caller(Role::member), organization, [](auto&) {})),
            "denied role_too_low");
}

}  // namespace
}  // namespace mayfly
