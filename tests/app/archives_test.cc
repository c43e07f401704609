// What people do with archives: how long they are kept, what is listed, and whether their bytes are still right.

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

/// How it was answered; verify answers at once here, unless `post` keeps the work.
Result<Archive> verify(World& world, const Archive& archive, Role role = Role::admin) {
  std::optional<Result<Archive>> answer;
  world->archives.verify(world.caller(role), archive.resource.id.text, [&](auto looked) { answer = looked; });
  return answer ? *answer : Result<Archive>(fail(Code::internal, "no answer"));
}

/// Transactions have moments of their own, microseconds apart: this is the same to the second.
void expect_about(std::optional<Time> found, Time expected) {
  ASSERT_TRUE(found);
  EXPECT_NEAR(seconds(*found - expected), 0, 1);
}

TEST(Archives, EndWhenTheyWereToldToAndByTheOneDeletionPath) {
  World world;
  const auto archive = world.an_archive();
  const auto& id = archive.resource.id.text;

  const auto set = must(world->archives.set_expiry(world.admin(), id, {.retention = 48h, .at = {}}));

  EXPECT_EQ(set.lifetime.expires_at, *archive.verified_at + 48h);
  EXPECT_EQ(world.last_event(archive.resource.id, "archive.expiry_set").data.at("expires_at"),
            format(*set.lifetime.expires_at));
  world.let_pass_until(*set.lifetime.expires_at - 1us);
  EXPECT_EQ(world.row(archive).resource.state, State::active);
  world.let_pass(1us);
  EXPECT_EQ(world.row(archive).resource.state, State::gone);
  EXPECT_EQ(world.last_event(archive.resource.id, "archive.delete_accepted").data.at("reason"), "retention");
  EXPECT_FALSE(world.host.objects.contains(archive.key));
}

TEST(Archives, CanEndAtAnInstantOfTheWallClockOrNever) {
  World world;
  const auto named = world.an_archive(), kept = world.an_archive();
  const auto set = [&](const Archive& archive, const ArchiveExpiry& expiry) {
    return must(world->archives.set_expiry(world.admin(), archive.resource.id.text, expiry));
  };

  expect_about(set(named, {.retention = {}, .at = world.clock.wall() + 1h}).lifetime.expires_at,
               world.clock.now() + 1h);
  EXPECT_EQ(set(kept, {}).lifetime.expires_at, std::nullopt);

  world.let_pass(30 * 24h);
  EXPECT_EQ(world.row(named).resource.state, State::gone);
  EXPECT_EQ(world.row(kept).resource.state, State::active);
}

TEST(Archives, AreKeptForLongerAndNeverForLess) {
  World world;
  const auto archive = world.an_archive("x", 48h);
  const auto keep = [&](const lifetime::Extension& wish) {
    return must(world->archives.keep_longer(world.admin(), archive.resource.id.text, wish)).lifetime.expires_at;
  };
  const Time ends = *archive.lifetime.expires_at;

  EXPECT_EQ(keep({.by = {}, .until = world.clock.wall() + 1h}), ends) << "covered already";
  EXPECT_EQ(keep({.by = 1h, .until = {}}), ends + 1h);
  expect_about(keep({.by = {}, .until = world.clock.wall() + 72h}), world.clock.now() + 72h);
  expect_about(keep({.by = 1h, .until = {}}), world.clock.now() + 73h);   // from that instant

  world.let_pass(72h);
  EXPECT_EQ(world.row(archive).resource.state, State::active);
  world.let_pass(1h + 1s);
  EXPECT_EQ(world.row(archive).resource.state, State::gone);
}

TEST(Archives, KeptForEverStaySo) {
  World world;
  const auto archive = world.an_archive();
  must(world->archives.set_expiry(world.admin(), archive.resource.id.text, {}));

  const auto kept = must(world->archives.keep_longer(world.admin(), archive.resource.id.text, {.by = 1h, .until = {}}));

  EXPECT_EQ(kept.lifetime.expires_at, std::nullopt);
}

TEST(Archives, AreNotChangedByReadersNorAfterTheirEnd) {
  World world;
  const auto archive = world.an_archive();
  const auto& id = archive.resource.id.text;
  const auto reader = world.caller(Role::reader);

  EXPECT_EQ(outcome(world->archives.set_expiry(reader, id, {})), "denied role_too_low");
  EXPECT_EQ(outcome(world->archives.keep_longer(reader, id, {.by = 1h, .until = {}})), "denied role_too_low");
  EXPECT_EQ(outcome(verify(world, archive, Role::reader)), "denied role_too_low");

  must(world->archives.remove(world.admin(), id));
  EXPECT_EQ(outcome(world->archives.set_expiry(world.admin(), id, {})), "conflict state_deleting");
  EXPECT_EQ(outcome(world->archives.content(world.row(archive))), "conflict state_deleting");
  EXPECT_EQ(outcome(verify(world, archive)), "conflict state_deleting");
}

TEST(Archives, OfAnotherWorkspaceAreNotThere) {
  World world;
  const auto archive = world.an_archive();
  auto stranger = world.admin();
  stranger.workspace = {"wsp_other"};

  EXPECT_EQ(outcome(world->archives.set_expiry(stranger, archive.resource.id.text, {})), "not_found archive_not_found");
  EXPECT_TRUE(must(world->archives.list(stranger, {}, {})).empty());
}

TEST(Archives, AreListedNewestFirstByStateAndSandboxPageByPage) {
  World world;
  const auto first = world.an_archive(), second = world.an_archive(), third = world.an_archive();
  must(world->archives.remove(world.admin(), second.resource.id.text));
  const auto list = [&](ArchiveFilter filter, Page page = {}) {
    std::vector<std::string> ids;
    for (const auto& row : must(world->archives.list(world.admin(), filter, page))) ids.push_back(row.resource.id.text);
    return ids;
  };
  using Ids = std::vector<std::string>;
  const auto &a = first.resource.id.text, &b = second.resource.id.text, &c = third.resource.id.text;

  EXPECT_EQ(list({}), (Ids{c, a}));
  EXPECT_EQ(list({.workspace = {}, .sandbox = {}, .states = {State::deleting}}), Ids{b});
  EXPECT_EQ(list({.workspace = {}, .sandbox = {}, .states = {State::deleting, State::active}}), (Ids{c, b, a}));
  EXPECT_EQ(list({.workspace = {}, .sandbox = first.sandbox, .states = {}}), Ids{a});
  EXPECT_EQ(list({}, {.before = {}, .limit = 1}), Ids{c});
  EXPECT_EQ(list({}, {.before = c, .limit = 1}), Ids{a});
}

TEST(Archives, StayWhileADeleteRestsOnThem) {
  World world;
  const auto sandbox = world.a_stopped_sandbox();
  world.driver.fail_next("discard", Code::busy, 2);
  must(world->sandboxes.remove(world.admin(), sandbox.resource.id.text, {}));
  world.run_workers();
  const auto archive = must(world.store.read([](Transaction& t) { return t.archives().scan("", 10); })).at(0);
  const auto& id = archive.resource.id.text;
  ASSERT_EQ(world.state_of(sandbox), "deleting");

  EXPECT_EQ(outcome(world->archives.remove(world.admin(), id)), "conflict archive_needed");

  world.let_pass(1h);
  EXPECT_EQ(world.state_of(sandbox), "gone");
  must(world->archives.remove(world.admin(), id));
}

TEST(VerifyingAnArchive, RecordsWhenItsBytesWereLastRight) {
  World world;
  const auto archive = world.an_archive();
  world.let_pass(1h);

  const auto looked = must(verify(world, archive));

  EXPECT_EQ(looked.verify_error, "");
  expect_about(looked.verified_at, *archive.verified_at + 1h);
  EXPECT_EQ(world.row(archive).verified_at, looked.verified_at);
  EXPECT_EQ(world.row(archive).lifetime.expires_at, archive.lifetime.expires_at) << "a look keeps nothing alive";
  EXPECT_EQ(world.story_of(archive.resource.id).find("verify_failed"), std::string::npos);
}

TEST(VerifyingAnArchive, NamesTheDamageRecordsItAndWritesAnEvent) {
  const struct {
    std::string_view what;
    std::function<void(simulation::Host&, const Archive&)> damage;
    std::string_view said;
  } table[] = {
      {"a flipped bit", [](auto& host, auto& a) { host.objects.at(a.key)[0] ^= 1; }, "differs"},
      {"half of it", [](auto& host, auto& a) { host.objects.at(a.key).resize(3); }, "differs"},
      {"no manifest", [](auto& host, auto& a) { host.objects.erase(manifest_key(a)); }, "manifest is missing"},
      {"no tar", [](auto& host, auto& a) { host.objects.erase(a.key); }, "tar is missing"},
      {"another archive's objects",
       [](auto& host, auto& a) {
         host.objects.at(a.key) = "other";
         host.objects.at(manifest_key(a)) = simulation::summary_of("other").digest;
       },
       "not the ones that were recorded"},
  };
  for (const auto& row : table) {
    World world;
    const auto archive = world.an_archive();
    row.damage(world.host, archive);

    const auto looked = must(verify(world, archive));

    EXPECT_NE(looked.verify_error.find(row.said), std::string::npos) << row.what << ": " << looked.verify_error;
    EXPECT_EQ(world.row(archive).verify_error, looked.verify_error) << row.what;
    EXPECT_EQ(looked.verified_at, archive.verified_at) << row.what << ": when it was last right";
    EXPECT_EQ(world.last_event(archive.resource.id, "archive.verify_failed").data.at("error"), looked.verify_error);
    EXPECT_EQ(looked.resource.state, State::active) << row.what << ": damaged or not, it is nobody's to throw away";
  }
}

TEST(VerifyingAnArchive, ForgetsADamageThatIsMended) {
  World world;
  const auto archive = world.an_archive();
  world.host.objects.at(archive.key)[0] ^= 1;
  must(verify(world, archive));
  world.host.objects.at(archive.key)[0] ^= 1;

  EXPECT_EQ(must(verify(world, archive)).verify_error, "");
  EXPECT_EQ(world.row(archive).verify_error, "");
}

/// A store that does not answer while it is told not to.
class SilentBlobs : public BlobStore {
 public:
  explicit SilentBlobs(BlobStore& real) : real_(real) {}
  bool silent = false;
  std::function<void()> when_opened = [] {};

  Result<std::unique_ptr<BlobWriter>> create(const std::string& key) override { return real_.create(key); }
  Result<std::unique_ptr<Source>> open(const std::string& key) override {
    if (silent) return fail(Code::unavailable, "the store does not answer");
    when_opened();
    return real_.open(key);
  }
  Result<std::unique_ptr<Source>> open_at(const std::string& key, std::int64_t offset) override {
    return real_.open_at(key, offset);
  }
  Result<BlobInfo> stat(const std::string& key) override { return real_.stat(key); }
  Status remove(const std::string& key) override { return real_.remove(key); }
  Result<std::vector<BlobInfo>> list(const std::string& prefix) override { return real_.list(prefix); }

 private:
  BlobStore& real_;
};

struct WithSilentBlobs {
  World world;
  Archive archive = world.an_archive();
  SilentBlobs blobs{*world.blobs};
  Archives archives{world.store,     blobs,        *world.reader,
                    world->deletion, world.chance, world->installation};

  std::vector<std::string> answers;
  void verify() {
    archives.verify(world.admin(), archive.resource.id.text,
                    [this](const Result<Archive>& looked) { answers.push_back(outcome(looked)); });
  }
};

TEST(VerifyingAnArchive, RecordsNothingWhenTheStoreDoesNotAnswer) {
  WithSilentBlobs given;
  given.blobs.silent = true;

  given.verify();

  EXPECT_EQ(given.answers, std::vector<std::string>{"unavailable"});
  EXPECT_EQ(given.world.row(given.archive).verify_error, "");
}

TEST(VerifyingAnArchive, TakesNoDeleteForADamage) {
  WithSilentBlobs given;
  given.blobs.when_opened = [&given, done = false]() mutable {
    if (std::exchange(done, true)) return;
    must(given.world->archives.remove(given.world.admin(), given.archive.resource.id.text));
    given.world.host.objects.erase(given.archive.key);
  };

  given.verify();

  EXPECT_EQ(given.answers, std::vector<std::string>{"conflict state_deleting"});
  EXPECT_EQ(given.world.story_of(given.archive.resource.id).find("verify_failed"), std::string::npos);
}

TEST(VerifyingAnArchive, IsDoneByTwoThreadsAtMostAndWaitsInAQueueThatHasASize) {
  WithSilentBlobs given;
  std::vector<std::function<void()>> threads;
  given.archives.post = [&](std::function<void()> work) { threads.push_back(std::move(work)); };

  for (int i = 0; i < 101; ++i) given.verify();

  EXPECT_EQ(threads.size(), 2u);
  EXPECT_EQ(given.answers, std::vector<std::string>{"unavailable verify_busy"});
  for (const auto& work : threads) work();
  EXPECT_EQ(given.answers.size(), 101u);
  EXPECT_EQ(given.answers.back(), "fine");

  given.verify();
  EXPECT_EQ(threads.size(), 3u) << "a thread that has ended is asked for again";
  given.archives.stop_verifying();
  EXPECT_EQ(given.answers.back(), "unavailable stopping");
  given.verify();
  EXPECT_EQ(given.answers.back(), "unavailable verify_busy");
}

}  // namespace
}  // namespace mayfly
