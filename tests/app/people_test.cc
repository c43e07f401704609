// Who may come in, in which workspace, and that nobody can lock everybody out.

#include "app/keys.h"
#include "app/people.h"
#include "app/workspaces.h"
#include "support/given.h"

namespace mayfly {
namespace {

/// The admin's key is "mf_first", and the hash of a secret is "#" and the secret.
class PeopleAndKeys : public ::testing::Test {
 protected:
  PeopleAndKeys() {
    must(open_installation(world.store, world.chance, "#mf_first", "mf_fir", world.clock_start()));
    must(workspaces.create(admin(), "search", false));
    must(workspaces.create(admin(), "secret", false));
    must(people.create(admin(), "ada", Role::member));
    must(workspaces.put_member(admin(), "search", "ada", Role::member));
  }

  Caller admin() { return must(access.caller_of("mf_first", "request-1")); }
  Caller with(const std::string& secret, const std::string& workspace = {}) {
    return must(access.caller_of(secret, "request-2", workspace));
  }
  std::string enters(const std::string& secret, const std::string& workspace = {}) {
    return outcome(access.caller_of(secret, "request-3", workspace));
  }
  /// Its secret; ada's, at home in search.
  std::string given_key(NewKey wish = {.name = "ci"}) {
    if (wish.user.empty()) wish.user = "ada";
    if (wish.home.empty() && wish.workspaces.empty()) wish.home = "search";
    auto made = must(keys.create(admin(), wish));
    id = made.key.id;
    return made.secret;
  }
  KeyId first_key() {
    for (const auto& key : must(keys.list(admin(), "admin", {})))
      if (key.name.empty()) return key.id;
    return {};
  }
  ApiKey stored(const KeyId& key) { return must(keys.get(admin(), key)); }
  std::string text_of_all_events() {
    std::string text;
    for (const auto& [event_id, event] : world.store.snapshot().events) {
      text += event.type + " ";
      for (const auto& [name, value] : event.data) text += name + "=" + value + " ";
    }
    return text;
  }

  World world;
  Access access{world.store, [](std::string_view secret) { return "#" + std::string(secret); }, world.clock};
  People people{world.store, access, world.chance};
  Keys keys{world.store, access, world.chance};
  Workspaces workspaces{world.store, access, world.chance};
  KeyId id;   // of the key that was given last
};

TEST_F(PeopleAndKeys, AKeyActsAsItsUserAtItsHome) {
  const auto caller = with(given_key());

  EXPECT_EQ(caller.actor, "user:ada");
  EXPECT_EQ(caller.role, Role::member);
  EXPECT_EQ(caller.workspace, must(workspaces.get(admin(), "search")).resource.id);
}

TEST_F(PeopleAndKeys, AWorkspaceOfOthersIsLikeNone) {
  const auto secret = given_key();

  const auto others = access.caller_of(secret, "r", "secret");
  const auto none = access.caller_of(secret, "r", "nowhere");

  EXPECT_EQ(outcome(others), "not_found workspace_not_found");
  EXPECT_EQ(outcome(none), outcome(others));
  EXPECT_EQ(enters("mf_first", "secret"), "fine") << "an admin is at home everywhere";
}

TEST_F(PeopleAndKeys, ARevokedKeyIsOutAtOnce) {
  const auto secret = given_key();
  EXPECT_EQ(enters(secret), "fine");

  must(keys.revoke(admin(), id));
  must(keys.revoke(admin(), id));

  EXPECT_EQ(enters(secret), "unauthenticated key_unknown");
}

TEST_F(PeopleAndKeys, AKeyExpiresByServiceTimeAlsoWhileItIsRemembered) {
  const auto secret = given_key({.name = "short", .ttl = 60s});
  world.clock.advance(59s);
  EXPECT_EQ(enters(secret), "fine");
  world.clock.step_wall_clock(std::chrono::hours(5));
  EXPECT_EQ(enters(secret), "fine") << "the wall clock has no say";

  world.clock.advance(2s);

  EXPECT_EQ(enters(secret), "unauthenticated key_expired");
  EXPECT_EQ(enters(secret, "nowhere"), "unauthenticated key_expired");
}

TEST_F(PeopleAndKeys, TheLeastOfRolesCounts) {
  EXPECT_EQ(with(given_key({.name = "r", .role = Role::reader})).role, Role::reader);
  EXPECT_EQ(with(given_key({.name = "s", .scopes = {Scope::read}})).role, Role::reader);
  EXPECT_EQ(with(given_key({.name = "s", .scopes = {Scope::read, Scope::sandboxes}})).role, Role::member);
  const auto limited = with(given_key({.name = "w", .user = "admin", .workspaces = {"search"}}));
  EXPECT_EQ(limited.role, Role::member) << "an admin's reach goes past one workspace";

  const auto secret = given_key();
  must(workspaces.put_member(admin(), "search", "ada", Role::reader));
  EXPECT_EQ(with(secret).role, Role::reader);
  must(workspaces.put_member(admin(), "search", "ada", Role::admin));
  EXPECT_EQ(with(secret).role, Role::member) << "a membership widens nobody's role";
}

TEST_F(PeopleAndKeys, ALimitedKeyStaysInItsWorkspacesAndMakesNoOther) {
  must(workspaces.put_member(admin(), "secret", "ada", Role::member));
  const auto secret = given_key({.name = "ci", .workspaces = {"search"}});

  EXPECT_EQ(enters(secret, "secret"), "not_found workspace_not_found");
  EXPECT_EQ(must(workspaces.list(with(secret), {})).size(), 1u);
  EXPECT_EQ(outcome(keys.create(with(secret), {.name = "wider"})), "denied key_narrowed");
  EXPECT_EQ(outcome(keys.revoke(with(secret), id)), "denied key_narrowed");
}

TEST_F(PeopleAndKeys, NoKeyIsMoreThanItsUser) {
  EXPECT_EQ(outcome(keys.create(admin(), {.name = "x", .user = "ada", .role = Role::admin, .home = "search"})),
            "invalid role_above_user");
  EXPECT_EQ(outcome(keys.create(admin(), {.name = "x", .user = "ada", .home = "secret"})), "conflict not_a_member");
  EXPECT_EQ(outcome(keys.create(with(given_key()), {.name = "x", .home = "secret"})),
            outcome(keys.create(with(given_key()), {.name = "x", .home = "nowhere"})));
  EXPECT_EQ(outcome(keys.create(with(given_key()), {.name = "x", .user = "admin"})), "denied role_too_low");
  EXPECT_EQ(outcome(keys.create(with(given_key()), {.name = "x", .user = "nobody"})), "denied role_too_low");
}

TEST_F(PeopleAndKeys, MembersSeeTheirOwnKeysOnly) {
  const auto ada = with(given_key());

  EXPECT_EQ(must(keys.list(ada, "", {})).size(), 1u);
  EXPECT_EQ(outcome(keys.get(ada, first_key())), outcome(keys.get(ada, {"key_none"})));
  EXPECT_EQ(outcome(keys.revoke(ada, first_key())), "not_found key_not_found");
  EXPECT_EQ(outcome(people.list(ada, {})), "denied role_too_low");
  EXPECT_GT(must(keys.list(admin(), "", {})).size(), 1u);
  EXPECT_EQ(must(keys.list(admin(), "ada", {})).size(), 1u);
}

TEST_F(PeopleAndKeys, TheLastAdminKeyStays) {
  EXPECT_EQ(outcome(keys.revoke(admin(), first_key())), "conflict last_admin_key");
  // None of these would open the house for ever.
  given_key({.name = "expires", .user = "admin", .ttl = 3600s});
  given_key({.name = "reads", .user = "admin", .scopes = {Scope::read}});
  given_key();
  EXPECT_EQ(outcome(keys.revoke(admin(), first_key())), "conflict last_admin_key");
  EXPECT_FALSE(stored(first_key()).revoked);

  const auto second = given_key({.name = "second", .user = "admin"});

  EXPECT_EQ(outcome(keys.revoke(with(second), first_key())), "fine");
  EXPECT_EQ(outcome(keys.revoke(with(second), id)), "conflict last_admin_key");
}

TEST_F(PeopleAndKeys, NorIsItLostWithItsUser) {
  must(people.create(admin(), "eve", Role::admin));
  const auto eve = given_key({.name = "eve", .user = "eve"});
  must(keys.revoke(with(eve), first_key()));

  EXPECT_EQ(outcome(people.change(with(eve), "eve", {.role = Role::member})), "conflict last_admin_key");
  EXPECT_EQ(outcome(people.change(with(eve), "eve", {.active = false})), "conflict last_admin_key");
  EXPECT_EQ(outcome(people.remove(with(eve), "eve")), "conflict last_admin_key");
  EXPECT_EQ(outcome(people.remove(with(eve), "admin")), "conflict first_admin");
  EXPECT_EQ(enters(eve), "fine");
}

TEST_F(PeopleAndKeys, ARevokedFirstKeyDoesNotComeBackWithARestart) {
  const auto second = given_key({.name = "second", .user = "admin"});
  must(keys.revoke(with(second), first_key()));

  must(open_installation(world.store, world.chance, "#mf_first", "mf_fir", world.clock_start()));

  EXPECT_EQ(enters("mf_first"), "unauthenticated key_unknown");
}

TEST_F(PeopleAndKeys, AStartWithAnotherAdminKeyLeavesTheKeysThatWereMade) {
  const auto second = given_key({.name = "second", .user = "admin"});
  must(people.change(admin(), "admin", {.name = "root"}));

  must(open_installation(world.store, world.chance, "#mf_other", "mf_oth", world.clock_start()));

  Access next_life{world.store, [](std::string_view secret) { return "#" + std::string(secret); }, world.clock};
  EXPECT_EQ(outcome(next_life.caller_of("mf_first", "r")), "unauthenticated key_unknown");
  EXPECT_EQ(outcome(next_life.caller_of("mf_other", "r")), "fine");
  EXPECT_EQ(must(next_life.caller_of(second, "r")).actor, "user:root");
}

TEST_F(PeopleAndKeys, WhoIsDeactivatedIsOutWithAllKeys) {
  const auto secret = given_key();
  EXPECT_EQ(enters(secret), "fine");

  EXPECT_FALSE(must(people.remove(admin(), "ada")).active);
  must(people.remove(admin(), "ada"));

  EXPECT_EQ(enters(secret), "unauthenticated key_unknown");
  EXPECT_TRUE(stored(id).revoked);
  must(people.change(admin(), "ada", {.active = true}));
  EXPECT_EQ(enters(secret), "unauthenticated key_unknown") << "a revoked key does not come back";
}

TEST_F(PeopleAndKeys, AMembershipEndsWithTheAnswer) {
  const auto secret = given_key();
  EXPECT_EQ(enters(secret), "fine");

  must(workspaces.remove_member(admin(), "search", "ada"));

  EXPECT_EQ(enters(secret), "not_found workspace_not_found");
}

TEST_F(PeopleAndKeys, UseIsWrittenAtMostOnceAMinute) {
  const auto secret = given_key();
  const auto made = world.clock.now();
  with(secret);
  EXPECT_FALSE(stored(id).last_used_at) << "nothing is written on the way";
  must(access.flush());
  EXPECT_EQ(stored(id).last_used_at, made);

  world.clock.advance(59s);
  with(secret);
  must(access.flush());
  EXPECT_EQ(stored(id).last_used_at, made);

  world.clock.advance(1s);
  must(access.flush());
  EXPECT_EQ(stored(id).last_used_at, made + 59s);

  world.clock.advance(1s);
  with(secret);
  must(access.flush(true));
  EXPECT_EQ(stored(id).last_used_at, made + 61s) << "the server stops";
}

TEST_F(PeopleAndKeys, EveryChangeIsAnEventAndNoneTellsASecret) {
  const auto secret = given_key();
  must(workspaces.change(admin(), "search", {.slug = "find", .always_archive = true}));
  must(people.change(admin(), "ada", {.role = Role::reader}));
  must(workspaces.remove_member(admin(), "find", "ada"));
  must(people.remove(admin(), "ada"));

  const auto text = text_of_all_events();
  for (const auto* type : {"user.created", "user.changed", "user.deactivated", "key.created", "key.revoked",
                           "workspace.created", "workspace.changed", "workspace.member_added",
                           "workspace.member_removed"})
    EXPECT_NE(text.find(std::string(type) + " "), std::string::npos) << type;
  EXPECT_EQ(text.find(secret), std::string::npos);
  EXPECT_EQ(stored(id).hash, "#" + secret);
  EXPECT_NE(stored(id).hint, secret);
}

TEST_F(PeopleAndKeys, NamesAreTakenOnce) {
  EXPECT_EQ(outcome(people.create(admin(), "ada", Role::reader)), "conflict name_taken");
  EXPECT_EQ(outcome(people.change(admin(), "ada", {.name = "admin"})), "conflict name_taken");
  EXPECT_EQ(outcome(people.create(admin(), "1st", Role::reader)), "invalid name_invalid");
  EXPECT_EQ(outcome(workspaces.create(admin(), "search", false)), "conflict name_taken");
  EXPECT_EQ(outcome(workspaces.change(admin(), "search", {.slug = "secret"})), "conflict name_taken");
  EXPECT_EQ(outcome(workspaces.change(admin(), "default", {.slug = "other"})), "conflict workspace_default");
  EXPECT_EQ(must(people.get(admin(), "ada")).number, 2);
}

}  // namespace
}  // namespace mayfly
