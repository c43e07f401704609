#include "app/sandboxes.h"

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

NewSandbox wish_for(const std::string& name, const std::string& image = "busybox") {
  NewSandbox wish;
  wish.name = name;
  wish.spec.image = image;
  return wish;
}

TEST(Create, IsOneCommitThatAWorkerStartsFrom) {
  World world;
  std::optional<Wakes> heard;
  world.store.on_commit([&](const Wakes& wakes) { heard = wakes; });
  auto wish = wish_for("build");
  wish.lifetime = age_of(1h);
  const int commits = world.commits;

  const auto sandbox = must(world->sandboxes.create(world.admin(), wish));

  EXPECT_EQ(world.commits, commits + 1);
  EXPECT_EQ(sandbox.resource.state, State::requested);
  EXPECT_EQ(sandbox.resource.generation, 1);
  EXPECT_EQ(sandbox.spec.image_digest, "sha256:busybox") << "what the name meant when it was asked";
  EXPECT_EQ(kind_of_id(sandbox.resource.id.text), Kind::sandbox);
  ASSERT_TRUE(heard);
  EXPECT_TRUE(heard->fast_work);
  EXPECT_EQ(heard->deadline, sandbox.lifetime.expires_at);
}

TEST(Create, MakesUpANameWhereNoneIsGiven) {
  World world;

  const auto one = must(world->sandboxes.create(world.admin(), wish_for("")));
  const auto other = must(world->sandboxes.create(world.admin(), wish_for("")));

  EXPECT_NE(one.resource.name, other.resource.name);
  EXPECT_TRUE(check_sandbox_name(one.resource.name));
  EXPECT_TRUE(one.resource.id < other.resource.id) << "ids sort by the order they were made in";
}

TEST(Create, TakesANameFromWhatIsPastItsEndAndNotAMomentSooner) {
  World world;
  const auto holder = world.a_running_sandbox({.name = "build", .lifetime = age_of(10min)});
  world.clock.advance(9min);

  EXPECT_EQ(outcome(world->sandboxes.create(world.admin(), wish_for("build"))), "conflict name_taken");
  EXPECT_EQ(world.state_of(holder), "running");

  world.clock.advance(1min + 1ms);
  EXPECT_EQ(outcome(world->sandboxes.create(world.admin(), wish_for("build"))), "fine");
  EXPECT_EQ(world.state_of(holder), "deleting") << "no loop has come by yet";
}

TEST(Create, IsRefusedWithWhatToDoAboutIt) {
  World world;
  world.a_requested_sandbox({.name = "taken"});
  const auto refusal = [&](const Caller& caller, const NewSandbox& wish) {
    const auto before = world.store.snapshot();
    const auto answer = world->sandboxes.create(caller, wish);
    EXPECT_EQ(world.store.snapshot().sandboxes.size(), before.sandboxes.size());
    EXPECT_EQ(world.store.snapshot().events.size(), before.events.size());
    return outcome(answer);
  };

  EXPECT_EQ(refusal(world.caller(Role::reader), wish_for("x")), "denied role_too_low");
  EXPECT_EQ(refusal(world.admin(), wish_for("Not A Name")), "invalid name_invalid");
  EXPECT_EQ(refusal(world.admin(), wish_for("taken")), "conflict name_taken");
  EXPECT_EQ(refusal(world.admin(), wish_for("x", "unheard-of")), "not_found image_not_found");
  const auto message = world->sandboxes.create(world.admin(), wish_for("x", "unheard-of")).error().message;
  EXPECT_NE(message.find("known: busybox"), std::string::npos) << message;
  world->sandboxes.before_create([](bool) -> Status { return fail(Code::no_space, "5 % left", "disk_low"); });
  EXPECT_EQ(refusal(world.admin(), wish_for("x")), "no_space disk_low");
}

TEST(Create, FromAnArchiveTakesWhatIsNotSaidFromIt) {
  World world;
  auto wish = wish_for("original");
  wish.spec.resources = {2, 1024, 99, 4096};
  wish.resources_given = true;
  wish.spec.env = {{"A", "1"}};
  wish.spec.exclude = {"/var/cache"};
  wish.spec.workdir = "/home";
  wish.labels = {{"team", "ml"}};
  const auto original = must(world->sandboxes.create(world.admin(), wish));
  world.run_workers();
  world.remove(original);
  world.run_workers();

  NewSandbox again;
  again.spec.restore_from = world.archives_of(original).at(0).resource.id.text;
  const auto restored = must(world->sandboxes.create(world.admin(), again));

  EXPECT_EQ(restored.spec.image, "busybox");
  EXPECT_EQ(restored.spec.resources, wish.spec.resources);
  EXPECT_EQ(restored.spec.env, wish.spec.env);
  EXPECT_EQ(restored.spec.exclude, wish.spec.exclude);
  EXPECT_EQ(restored.spec.workdir, "/home");
  EXPECT_EQ(restored.resource.labels, wish.labels);

  again.spec.env = {{"B", "2"}};
  again.spec.resources = {1, 256, 10, 512};
  again.resources_given = true;
  const auto changed = must(world->sandboxes.create(world.admin(), again));
  EXPECT_EQ(changed.spec.env, again.spec.env);
  EXPECT_EQ(changed.spec.resources, again.spec.resources);
}

TEST(Create, FromAnArchiveIsSlowWork) {
  World world;
  const auto archive = world.an_archive();
  const auto sandbox = world.a_requested_sandbox({.restore_from = archive.resource.id.text});

  world.run_fast();
  EXPECT_EQ(world.state_of(sandbox), "requested") << "reading an archive holds no fast worker up";

  world.run_slow();
  EXPECT_EQ(world.state_of(sandbox), "running");
}

TEST(Get, FindsByNameAndById) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build"});
  const auto reader = world.caller(Role::reader);

  EXPECT_EQ(must(world->sandboxes.get(reader, "build")).resource.id, sandbox.resource.id);
  EXPECT_EQ(must(world->sandboxes.get(reader, sandbox.resource.id.text)).resource.name, "build");
  for (const auto& text : {std::string("other"), std::string(), std::string("../build"), std::string(100'000, 'x'),
                           "sbx_" + std::string(32, '0'), "arc_" + sandbox.resource.id.text.substr(4)})
    EXPECT_EQ(outcome(world->sandboxes.get(reader, text)), "not_found sandbox_not_found");
}

TEST(Get, ShowsTheDeadlineWithItsGrace) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build", .lifetime = age_of(10min)});

  world.restart(1h);

  const auto expires = must(world->sandboxes.get(world.admin(), "build")).lifetime.expires_at;
  EXPECT_EQ(expires, world->installation.down.until + lifetime::downtime_grace);
  EXPECT_GT(*expires, *sandbox.lifetime.expires_at);
}

TEST(List, ShowsTheLivingOnesOfOneWorkspaceNewestFirst) {
  World world;
  world.a_sandbox_in(State::gone);
  const auto one = world.a_running_sandbox({.labels = {{"team", "ml"}}});
  const auto two = world.a_stopped_sandbox();
  const auto ids = [&](const SandboxFilter& filter, const Page& page = {}) {
    std::vector<ResourceId> found;
    for (const auto& row : must(world->sandboxes.list(world.caller(Role::reader), filter, page)))
      found.push_back(row.resource.id);
    return found;
  };
  using Ids = std::vector<ResourceId>;

  EXPECT_EQ(ids({}), (Ids{two.resource.id, one.resource.id}));
  EXPECT_EQ(ids({}, {.before = {}, .limit = 1}), (Ids{two.resource.id}));
  EXPECT_EQ(ids({}, {.before = two.resource.id.text, .limit = 1}), (Ids{one.resource.id}));
  SandboxFilter filter;
  filter.labels = {{"team", "ml"}};
  EXPECT_EQ(ids(filter), (Ids{one.resource.id}));
  filter.workspace = {"wsp_" + std::string(32, '7')};
  EXPECT_EQ(ids(filter), (Ids{one.resource.id})) << "a filter cannot lead out of the caller's own";
}

/// The answer of one keepalive.
Result<lifetime::Extended> extend(World& world, const Caller& caller, const std::string& name, Duration by) {
  std::optional<Result<lifetime::Extended>> answer;
  world->sandboxes.extend(caller, name, {.by = by, .until = {}},
                          [&](Result<lifetime::Extended> extended) { answer = std::move(extended); });
  return std::move(*answer);
}

TEST(Extend, ChangesOneNarrowRowAndNothingElse) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build", .lifetime = age_of(1h)});
  const auto before = world.store.snapshot();
  const int commits = world.commits;

  const auto extended = must(extend(world, world.admin(), "build", 30min));

  EXPECT_EQ(extended.expires_at, *sandbox.lifetime.expires_at + 30min);
  EXPECT_EQ(world.commits, commits + 1);
  EXPECT_EQ(world.row(sandbox).lifetime.expires_at, extended.expires_at);
  EXPECT_EQ(world.row(sandbox).resource.updated_at, sandbox.resource.updated_at);
  EXPECT_EQ(world.store.snapshot().events.size(), before.events.size());
}

TEST(Extend, IsAnsweredAfterItsCommitAndWithItsRefusal) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build", .lifetime = age_of(1h)});

  world.refuse_commits(1);
  EXPECT_EQ(outcome(extend(world, world.admin(), "build", 30min)), "no_space");
  EXPECT_EQ(world.row(sandbox).lifetime.expires_at, sandbox.lifetime.expires_at);

  EXPECT_EQ(outcome(extend(world, world.caller(Role::reader), "build", 30min)), "denied role_too_low");
  EXPECT_EQ(outcome(extend(world, world.admin(), "nobody", 30min)), "not_found sandbox_not_found");
  world.remove(sandbox);
  EXPECT_EQ(outcome(extend(world, world.admin(), "build", 30min)), "conflict state_deleting");
  world.run_workers();
  EXPECT_EQ(outcome(extend(world, world.admin(), "build", 30min)), "not_found sandbox_not_found");
}

TEST(SetLifetime, MayShortenAndIsTold) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build", .lifetime = age_of(1h)});

  must(world->sandboxes.set_lifetime(world.admin(), "build", [](LifetimePolicy& policy) { policy.max_age = 10min; }));

  const auto row = world.row(sandbox);
  EXPECT_EQ(*row.lifetime.expires_at, row.lifetime.born_at + 10min);
  EXPECT_EQ(world.last_event(sandbox.resource.id, "sandbox.lifetime_set").data.at("expires_at"),
            format(*row.lifetime.expires_at));
  world.let_pass(11min);
  EXPECT_EQ(world.state_of(sandbox), "gone") << "the loop has noticed that it became sooner";
}

TEST(SetLifetime, IsForWhatStillHasDeadlines) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build"});
  const auto set = [&](const Caller& caller) {
    return outcome(world->sandboxes.set_lifetime(caller, "build", [](LifetimePolicy& policy) { policy.idle = 1h; }));
  };

  EXPECT_EQ(set(world.caller(Role::reader)), "denied role_too_low");
  EXPECT_EQ(set(world.admin()), "fine");
  world.remove(sandbox);
  EXPECT_EQ(set(world.admin()), "conflict state_deleting");
}

TEST(SetLifetime, FreesWhatItsInstantHadPaused) {
  // Paused at 17:00 because it said so: it must be possible to take that back and go on.
  World world;
  auto policy = with_action({}, ExpiryAction::pause);
  policy.at = world.clock.wall() + 1h;
  const auto sandbox = world.a_running_sandbox({.name = "build", .lifetime = policy});
  world.let_pass(2h);
  ASSERT_EQ(world.state_of(sandbox), "paused");

  must(world->sandboxes.set_lifetime(world.admin(), "build", [](LifetimePolicy& change) { change.at.reset(); }));
  must(world->sandboxes.resume(world.admin(), "build"));
  world.let_pass(2h);

  EXPECT_EQ(world.state_of(sandbox), "running");
}

}  // namespace
}  // namespace mayfly
