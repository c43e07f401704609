#include "store/both_stores.h"

namespace mayfly {
namespace {

class SandboxTables : public BothStores {
 protected:
  void given(const Sandbox& sandbox) {
    write(store(), [&](Transaction& t) { return t.sandboxes().insert(sandbox); });
  }
  void changed(const Sandbox& sandbox) {
    write(store(), [&](Transaction& t) { return t.sandboxes().update(sandbox); });
  }
  Sandbox stored(int number) {
    return read([&](Transaction& t) { return t.sandboxes().get(sandbox_id(number)); });
  }
  std::string named(const std::string& name) {
    const auto found = read([&](Transaction& t) { return t.sandboxes().find_named(workspace_id(1), name); });
    return found ? numbers(std::vector{*found}) : "nobody";
  }
  std::string listed(const SandboxFilter& filter, const Page& page = {}) {
    return numbers(read([&](Transaction& t) { return t.sandboxes().list(filter, page); }));
  }
  std::string claimable(Lane lane, int second, std::size_t limit = 10) {
    return numbers(read([&](Transaction& t) { return t.sandboxes().claimable(lane, at(second), limit); }));
  }
  /// A requested sandbox that may be worked on from that second on.
  Sandbox waiting(int number, int second) {
    auto sandbox = given_sandbox(number, "s" + std::to_string(number), State::requested);
    sandbox.work.next_attempt_at = at(second);
    return sandbox;
  }
  SandboxFilter mine() { return {.workspace = workspace_id(1), .states = {}, .labels = {}, .image = {}}; }
};
FOR_BOTH_STORES(SandboxTables);

TEST_P(SandboxTables, KeepEveryMember) {
  given(full_sandbox(1));

  EXPECT_EQ(as_text(stored(1)), as_text(full_sandbox(1)));
}

TEST_P(SandboxTables, KeepEveryMemberOfAnUpdate) {
  given(given_sandbox(1, "web"));

  changed(full_sandbox(1));
  EXPECT_EQ(as_text(stored(1)), as_text(full_sandbox(1)));

  changed(given_sandbox(1, "web"));
  EXPECT_EQ(as_text(stored(1)), as_text(given_sandbox(1, "web")));
}

TEST_P(SandboxTables, AnswerNotFoundForWhatIsNotThere) {
  const auto found = store().read([](Transaction& t) { return t.sandboxes().get(sandbox_id(5)); });

  EXPECT_EQ(outcome(found), "not_found");
  EXPECT_NE(found.error().message.find(sandbox_id(5).text), std::string::npos);
}

TEST_P(SandboxTables, DoNotTakeAnArchiveForASandbox) {
  write(store(), [](Transaction& t) { return t.archives().insert(given_archive(1)); });

  EXPECT_EQ(outcome(store().read([](Transaction& t) { return t.sandboxes().get(archive_id(1)); })), "not_found");
}

TEST_P(SandboxTables, RefuseAHeldNameAndNameIt) {
  given(given_sandbox(1, "web"));

  const auto second = store().write([](Transaction& t) { return t.sandboxes().insert(given_sandbox(2, "web")); });

  EXPECT_EQ(outcome(second), "conflict name_taken");
  EXPECT_NE(second.error().message.find("\"web\""), std::string::npos);
  EXPECT_EQ(named("web"), "1");
}

TEST_P(SandboxTables, RefuseAKnownId) {
  given(given_sandbox(1, "web"));

  EXPECT_EQ(outcome(store().write([](Transaction& t) { return t.sandboxes().insert(given_sandbox(1, "other")); })),
            "conflict id_taken");
}

TEST_P(SandboxTables, LetTheSameNameLiveInTwoWorkspaces) {
  given(given_sandbox(1, "web"));
  auto other = given_sandbox(2, "web");
  other.resource.workspace = workspace_id(2);

  given(other);

  EXPECT_EQ(named("web"), "1");
}

TEST_P(SandboxTables, GiveAReleasedNameToTheNextOneInTheSameTransaction) {
  given(given_sandbox(1, "web"));

  write(store(), [](Transaction& t) -> Status {
    auto old = TRY(t.sandboxes().get(sandbox_id(1)));
    old.resource.name_held = false;
    TRY(t.sandboxes().update(old));
    return t.sandboxes().insert(given_sandbox(2, "web"));
  });

  EXPECT_EQ(named("web"), "2");
}

TEST_P(SandboxTables, RefuseToTakeANameBackThatAnotherHoldsNow) {
  auto old = given_sandbox(1, "web");
  old.resource.name_held = false;
  given(old);
  given(given_sandbox(2, "web"));

  old.resource.name_held = true;
  EXPECT_EQ(outcome(store().write([&](Transaction& t) { return t.sandboxes().update(old); })), "conflict name_taken");
  old.resource.name = "free";
  changed(old);

  EXPECT_EQ(named("web"), "2");
  EXPECT_EQ(named("free"), "1");
}

TEST_P(SandboxTables, FindTheLivingOneBeforeANewerTombstoneAndElseTheNewestTombstone) {
  const auto tombstone = [](int number) {
    auto sandbox = given_sandbox(number, "web", State::gone);
    sandbox.resource.name_held = false;
    return sandbox;
  };
  given(tombstone(1));
  given(given_sandbox(2, "web"));
  given(tombstone(3));
  EXPECT_EQ(named("web"), "2");

  changed(tombstone(2));

  EXPECT_EQ(named("web"), "3");
  EXPECT_EQ(named("nobody"), "nobody");
}

TEST_P(SandboxTables, ListNewestFirstInPagesThatNeitherRepeatNorSkip) {
  for (int number = 1; number <= 7; ++number) given(given_sandbox(number, "s" + std::to_string(number)));

  EXPECT_EQ(listed(mine(), {.before = {}, .limit = 3}), "7 6 5");
  EXPECT_EQ(listed(mine(), {.before = sandbox_id(5).text, .limit = 3}), "4 3 2");
  given(given_sandbox(8, "newcomer"));
  EXPECT_EQ(listed(mine(), {.before = sandbox_id(2).text, .limit = 3}), "1");
  EXPECT_EQ(listed(mine(), {.before = sandbox_id(1).text, .limit = 3}), "");
  EXPECT_EQ(listed(mine(), {.before = {}, .limit = 0}), "");
}

TEST_P(SandboxTables, ListAllButGoneUnlessStatesAreNamed) {
  given(given_sandbox(1, "a", State::running));
  given(given_sandbox(2, "b", State::deleting));
  given(given_sandbox(3, "c", State::gone));
  auto filter = mine();

  EXPECT_EQ(listed(filter), "2 1");
  filter.states = {State::gone, State::running};
  EXPECT_EQ(listed(filter), "3 1");
  filter.states = {State::paused};
  EXPECT_EQ(listed(filter), "");
}

TEST_P(SandboxTables, FilterByWorkspaceAndNeverShowEverything) {
  given(given_sandbox(1, "a"));
  auto other = given_sandbox(2, "b");
  other.resource.workspace = workspace_id(2);
  given(other);

  EXPECT_EQ(listed(mine()), "1");
  EXPECT_EQ(listed({}), "");
}

TEST_P(SandboxTables, FilterByLabelsAcrossPagesAndAfterTheyChanged) {
  for (int number = 1; number <= 6; ++number) {
    auto sandbox = given_sandbox(number, "s" + std::to_string(number));
    sandbox.resource.labels = {{"team", number % 2 ? "red" : "blue"}, {"n", std::to_string(number)}};
    given(sandbox);
  }
  auto filter = mine();
  filter.labels = {{"team", "red"}};

  EXPECT_EQ(listed(filter, {.before = {}, .limit = 2}), "5 3");
  EXPECT_EQ(listed(filter, {.before = sandbox_id(3).text, .limit = 2}), "1");
  filter.labels["n"] = "3";
  EXPECT_EQ(listed(filter), "3");

  auto moved = stored(3);
  moved.resource.labels = {{"team", "blue"}};
  changed(moved);
  EXPECT_EQ(listed(filter), "");
  filter.labels = {{"team", "blue"}};
  EXPECT_EQ(listed(filter), "6 4 3 2");
  filter.labels = {{"team", "b%"}};
  EXPECT_EQ(listed(filter), "");
}

TEST_P(SandboxTables, FilterByImageAsWrittenOrByDigest) {
  given(given_sandbox(1, "a"));
  auto other = given_sandbox(2, "b");
  other.spec.image = "debian";
  given(other);
  auto filter = mine();

  filter.image = "debian";
  EXPECT_EQ(listed(filter), "2");
  filter.image = "sha256:busy";
  EXPECT_EQ(listed(filter), "2 1");
  filter.image = "alpine";
  EXPECT_EQ(listed(filter), "");
}

TEST_P(SandboxTables, ScanEverythingNotGoneInTheOrderOfIds) {
  given(given_sandbox(3, "c"));
  given(given_sandbox(1, "a", State::deleting));
  given(given_sandbox(2, "b", State::gone));
  auto other = given_sandbox(4, "d");
  other.resource.workspace = workspace_id(2);
  given(other);
  const auto scan = [&](const std::string& after, std::size_t limit) {
    return numbers(read([&](Transaction& t) { return t.sandboxes().scan(after, limit); }));
  };

  EXPECT_EQ(scan("", 2), "1 3");
  EXPECT_EQ(scan(sandbox_id(3).text, 2), "4");
}

TEST_P(SandboxTables, OfferTransitionalDueUnclaimedOnesOldestAttemptFirst) {
  given(waiting(1, 20));
  given(waiting(2, 10));
  given(waiting(3, 10));
  given(waiting(4, 31));
  auto claimed = waiting(5, 10);
  claimed.work.claim = 7;
  given(claimed);
  auto running = waiting(6, 10);
  set_state(running, State::running);
  given(running);
  auto idle = waiting(7, 10);
  idle.work.next_attempt_at.reset();
  given(idle);
  const auto next = [&](Lane lane) { return read([&](Transaction& t) { return t.sandboxes().next_attempt(lane); }); };

  EXPECT_EQ(claimable(Lane::fast, 30), "2 3 1");
  EXPECT_EQ(claimable(Lane::fast, 30, 2), "2 3");
  EXPECT_EQ(claimable(Lane::fast, 9), "");
  EXPECT_EQ(claimable(Lane::slow, 30), "");
  EXPECT_EQ(next(Lane::fast), at(10));
  EXPECT_EQ(next(Lane::slow), std::nullopt);
}

TEST_P(SandboxTables, PutAFirstStartFromAnArchiveIntoTheSlowLane) {
  auto restoring = waiting(1, 10);
  restoring.spec.restore_from = archive_id(1).text;
  given(restoring);
  EXPECT_EQ(claimable(Lane::slow, 30), "1");

  restoring.started_at = at(5);
  changed(restoring);

  EXPECT_EQ(claimable(Lane::slow, 30), "");
  EXPECT_EQ(claimable(Lane::fast, 30), "1");
}

TEST_P(SandboxTables, ReleaseTheClaimsOfTheDeadAndKeepTheirOwn) {
  auto theirs = waiting(1, 99);
  theirs.work.claim = 6;
  auto mine = waiting(2, 99);
  mine.work.claim = 7;
  auto deleting = waiting(3, 99);
  deleting.work.claim = 6;
  deleting.work.next_attempt_at.reset();
  set_state(deleting, State::deleting);
  for (const auto& sandbox : {theirs, mine, deleting}) given(sandbox);

  write(store(), [](Transaction& t) { return t.sandboxes().release_claims_of_others(7, at(50)); });

  EXPECT_EQ(claimable(Lane::fast, 50), "1");
  EXPECT_EQ(stored(1).work.next_attempt_at, at(50));
  EXPECT_EQ(stored(2).work.claim, 7);
  EXPECT_EQ(stored(3).work.claim, 0);
  EXPECT_EQ(stored(3).work.next_attempt_at, std::nullopt);
}

TEST_P(SandboxTables, KnowWhichImagesAreUsed) {
  given(given_sandbox(1, "a"));
  const auto used = [&] { return read([](Transaction& t) { return t.sandboxes().uses_image("sha256:busy"); }); };
  EXPECT_TRUE(used());

  changed(given_sandbox(1, "a", State::gone));

  EXPECT_FALSE(used());
}

TEST_P(SandboxTables, KnowWhichArchivesAFirstStartStillNeeds) {
  const auto needed = [&] { return read([](Transaction& t) { return t.sandboxes().restores_from(archive_id(1)); }); };
  auto sandbox = given_sandbox(1, "a", State::requested);
  sandbox.spec.restore_from = archive_id(1).text;
  given(sandbox);
  EXPECT_TRUE(needed());

  set_state(sandbox, State::stopped);
  changed(sandbox);
  EXPECT_TRUE(needed()) << "stopped before its first start was over";

  set_state(sandbox, State::running);
  sandbox.started_at = at(5);
  changed(sandbox);
  EXPECT_FALSE(needed());

  set_state(sandbox, State::deleting);
  sandbox.started_at.reset();
  changed(sandbox);
  EXPECT_FALSE(needed());
}

TEST_P(SandboxTables, CountTheLivingByState) {
  given(given_sandbox(1, "a", State::running));
  given(given_sandbox(2, "b", State::running));
  given(given_sandbox(3, "c", State::requested));
  given(given_sandbox(4, "d", State::gone));
  auto nobodys = given_sandbox(5, "e", State::running);
  nobodys.resource.workspace = nobodys.resource.parent = {};
  given(nobodys);

  const auto counts = read([](Transaction& t) { return t.sandboxes().count_by_state(); });

  EXPECT_EQ(counts, (std::vector<std::pair<State, std::int64_t>>{{State::requested, 1}, {State::running, 2}}));
}

}  // namespace
}  // namespace mayfly
