// Users, keys and memberships, alike in every store.

#include "store/both_stores.h"

namespace mayfly {
namespace {

User given_user(int number, const std::string& name) {
  return {{id_text("usr_", number)}, number, name, Role::member, true, at(number)};
}

ApiKey given_key(int number, int user) {
  ApiKey key{{id_text("key_", number)}, {id_text("usr_", user)}, workspace_id(1), "hash" + std::to_string(number),
             "mf_abc", at(number), false};
  key.name = "ci";
  return key;
}

class IdentityTables : public BothStores {
 protected:
  std::string keys(const KeyFilter& filter, const Page& page = {}) {
    return numbers(read([&](Transaction& t) { return t.identities().list_keys(filter, page); }));
  }
  std::string users(const Page& page = {}) {
    return numbers(read([&](Transaction& t) { return t.identities().users(page); }));
  }
  std::string workspaces(const std::optional<UserId>& member, const Page& page = {}) {
    return numbers(read([&](Transaction& t) { return t.identities().workspaces(member, page); }));
  }
  std::string members(const Page& page = {}) {
    std::string text;
    for (const auto& row : read([&](Transaction& t) { return t.identities().members(workspace_id(1), page); }))
      text += std::to_string(std::stoi(row.user.text.substr(30))) + ":" + std::string(name(row.role)) + " ";
    return text;
  }
  ApiKey key(int number) {
    return *read([&](Transaction& t) { return t.identities().find_key(KeyId{id_text("key_", number)}); });
  }
};
FOR_BOTH_STORES(IdentityTables);

TEST_P(IdentityTables, KeepEveryMemberOfAKey) {
  auto full = given_key(1, 1);
  full.role = Role::reader;
  full.workspaces = {workspace_id(2), workspace_id(3)};
  full.scopes = {Scope::sandboxes, Scope::read};
  full.expires_at = at(50);
  full.last_used_at = at(40);
  full.revoked_by = "user:admin";
  const auto same = [&](const ApiKey& found) {
    return found.name == full.name && found.role == full.role && found.workspaces == full.workspaces &&
           found.scopes == full.scopes && found.expires_at == full.expires_at &&
           found.last_used_at == full.last_used_at && found.revoked_by == full.revoked_by &&
           found.hash == full.hash && found.revoked == full.revoked && found.workspace == full.workspace;
  };
  write(store(), [&](Transaction& t) { return t.identities().insert_key(full); });
  EXPECT_TRUE(same(key(1)));

  full.role.reset();
  full.workspaces.clear();
  full.scopes = {Scope::admin};
  full.expires_at.reset();
  full.last_used_at.reset();
  full.name = "other";
  full.revoked = true;
  write(store(), [&](Transaction& t) { return t.identities().update_key(full); });

  EXPECT_TRUE(same(key(1)));
  EXPECT_FALSE(read([](Transaction& t) { return t.identities().find_key(KeyId{id_text("key_", 9)}); }));
}

TEST_P(IdentityTables, ListKeysNewestFirst) {
  write(store(), [](Transaction& t) -> Status {
    for (int i = 1; i <= 4; ++i) TRY(t.identities().insert_key(given_key(i, i == 3 ? 2 : 1)));
    return {};
  });

  EXPECT_EQ(keys({}), "4 3 2 1");
  EXPECT_EQ(keys({{id_text("usr_", 1)}}), "4 2 1");
  EXPECT_EQ(keys({}, {.before = id_text("key_", 4), .limit = 2}), "3 2");
  EXPECT_EQ(keys({{id_text("usr_", 1)}}, {.before = id_text("key_", 4), .limit = 1}), "2");
  EXPECT_EQ(keys({{id_text("usr_", 7)}}), "");
}

TEST_P(IdentityTables, MoveTheLastUseForwardOnly) {
  write(store(), [](Transaction& t) { return t.identities().insert_key(given_key(1, 1)); });
  const auto touch = [&](int number, Time used) {
    write(store(), [&](Transaction& t) { return t.identities().touch_key({id_text("key_", number)}, used); });
  };

  touch(1, at(5));
  EXPECT_EQ(key(1).last_used_at, at(5));
  touch(1, at(4));
  EXPECT_EQ(key(1).last_used_at, at(5));
  touch(2, at(5));
  EXPECT_EQ(key(1).hash, "hash1") << "nothing else has changed";
}

TEST_P(IdentityTables, ChangeUsersAndKeepTheirNamesApart) {
  write(store(), [](Transaction& t) -> Status {
    TRY(t.identities().insert_user(given_user(1, "ada")));
    return t.identities().insert_user(given_user(2, "bob"));
  });
  EXPECT_EQ(users(), "2 1");
  EXPECT_EQ(users({.before = id_text("usr_", 2), .limit = 5}), "1");
  EXPECT_EQ(users({.before = {}, .limit = 1}), "2");

  auto changed = given_user(2, "carol");
  changed.role = Role::admin;
  changed.active = false;
  write(store(), [&](Transaction& t) { return t.identities().update_user(changed); });
  const auto found = read([](Transaction& t) { return t.identities().find_user("carol"); });
  EXPECT_EQ(found->role, Role::admin);
  EXPECT_FALSE(found->active);
  EXPECT_FALSE(read([](Transaction& t) { return t.identities().find_user("bob"); }));

  EXPECT_EQ(outcome(store().write([](Transaction& t) { return t.identities().update_user(given_user(2, "ada")); })),
            "conflict name_taken");
}

TEST_P(IdentityTables, KnowUsersByNumber) {
  const auto highest = [&] { return read([](Transaction& t) { return t.identities().highest_user_number(); }); };
  EXPECT_EQ(highest(), 0);
  write(store(), [](Transaction& t) -> Status {
    TRY(t.identities().insert_user(given_user(7, "ada")));
    auto unnumbered = given_user(8, "bob");
    unnumbered.number = 0;
    return t.identities().insert_user(unnumbered);
  });

  EXPECT_EQ(highest(), 7);
  EXPECT_EQ(read([](Transaction& t) { return t.identities().find_user(7); })->name, "ada");
  EXPECT_FALSE(read([](Transaction& t) { return t.identities().find_user(std::int64_t{0}); }));
}

TEST_P(IdentityTables, ListWorkspacesOfAMember) {
  const UserId ada{id_text("usr_", 1)}, bob{id_text("usr_", 2)};
  write(store(), [&](Transaction& t) -> Status {
    for (int i = 1; i <= 4; ++i)
      TRY(t.identities().insert_workspace(given_workspace(i, "team-" + std::to_string(i))));
    auto gone = given_workspace(4, "team-4");
    gone.resource.state = State::gone;
    TRY(t.identities().update_workspace(gone));
    for (const int i : {1, 3, 4}) TRY(t.identities().put_member({workspace_id(i), ada, Role::member, at(i)}));
    return {};
  });

  EXPECT_EQ(workspaces({}), "3 2 1");
  EXPECT_EQ(workspaces(ada), "3 1");
  EXPECT_EQ(workspaces(ada, {.before = workspace_id(3).text, .limit = 5}), "1");
  EXPECT_EQ(workspaces({}, {.before = {}, .limit = 1}), "3");
  EXPECT_EQ(workspaces(bob), "");
}

TEST_P(IdentityTables, KeepOneMembershipForEachWorkspaceAndUser) {
  const UserId ada{id_text("usr_", 1)}, bob{id_text("usr_", 2)};
  const auto put = [&](const ResourceId& workspace, const UserId& user, Role role) {
    write(store(), [&](Transaction& t) { return t.identities().put_member({workspace, user, role, at(3)}); });
  };
  put(workspace_id(1), ada, Role::reader);
  put(workspace_id(1), bob, Role::admin);
  put(workspace_id(2), bob, Role::member);
  put(workspace_id(1), ada, Role::member);

  EXPECT_EQ(members(), "2:admin 1:member ");
  EXPECT_EQ(members({.before = bob.text, .limit = 5}), "1:member ");
  EXPECT_EQ(members({.before = {}, .limit = 1}), "2:admin ");
  EXPECT_EQ(read([&](Transaction& t) { return t.identities().find_member(workspace_id(1), ada); })->created_at, at(3));

  for (int twice = 0; twice < 2; ++twice)
    write(store(), [&](Transaction& t) { return t.identities().remove_member(workspace_id(1), bob); });
  EXPECT_EQ(members(), "1:member ");
  EXPECT_TRUE(read([&](Transaction& t) { return t.identities().find_member(workspace_id(2), bob); }));
  EXPECT_FALSE(read([&](Transaction& t) { return t.identities().find_member(workspace_id(1), bob); }));
}

}  // namespace
}  // namespace mayfly
