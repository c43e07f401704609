// What a key may do, next to its user.

#include <gtest/gtest.h>

#include "core/identity.h"

namespace mayfly {
namespace {

User a_user(Role role) {
  User user;
  user.role = role;
  return user;
}

struct Reach {
  const char* what;
  Role user;
  std::optional<Role> role;
  std::vector<Scope> scopes;
  bool limited;
  Role reach;
  bool narrowed;
};

const Reach reaches[] = {
    {"nothing narrows", Role::admin, {}, {}, false, Role::admin, false},
    {"its user's role, said", Role::member, Role::member, {}, false, Role::member, false},
    {"a lower role", Role::admin, Role::member, {}, false, Role::member, true},
    {"a role its user has lost", Role::reader, Role::admin, {}, false, Role::reader, false},
    {"only looking", Role::member, {}, {Scope::read}, false, Role::reader, true},
    {"only sandboxes", Role::member, {}, {Scope::sandboxes}, false, Role::member, true},
    {"the widest scope", Role::admin, {}, {Scope::read, Scope::sandboxes}, false, Role::member, true},
    {"every scope", Role::admin, {}, {Scope::read, Scope::admin}, false, Role::admin, false},
    {"some workspaces of an admin", Role::admin, {}, {}, true, Role::member, true},
    {"some workspaces of a reader", Role::reader, {}, {}, true, Role::reader, true},
};

TEST(Identity, AKeyReachesAsFarAsTheLeastOfAll) {
  for (const auto& row : reaches) {
    ApiKey key;
    key.role = row.role;
    key.scopes = row.scopes;
    if (row.limited) key.workspaces = {{"wsp_1"}};
    EXPECT_EQ(name(reach_of(a_user(row.user), key)), name(row.reach)) << row.what;
    EXPECT_EQ(narrowed(a_user(row.user), key), row.narrowed) << row.what;
  }
}

TEST(Identity, AKeyIsUsableUntilItIsRevokedOrExpired) {
  const auto expiry = service_time(1'000'000);
  ApiKey key;
  EXPECT_TRUE(usable(a_user(Role::reader), key, expiry));
  key.expires_at = expiry;
  EXPECT_TRUE(usable(a_user(Role::reader), key, expiry - Duration(1)));
  EXPECT_FALSE(usable(a_user(Role::reader), key, expiry));
  key.expires_at.reset();
  key.revoked = true;
  EXPECT_FALSE(usable(a_user(Role::reader), key, expiry));
  auto inactive = a_user(Role::admin);
  inactive.active = false;
  EXPECT_FALSE(usable(inactive, {}, expiry));
}

TEST(Identity, OnlyAWholeAdminKeyWithoutEndHoldsTheHouse) {
  EXPECT_TRUE(holds_the_house(a_user(Role::admin), {}));
  EXPECT_FALSE(holds_the_house(a_user(Role::member), {}));
  ApiKey key;
  key.expires_at = service_time(1);
  EXPECT_FALSE(holds_the_house(a_user(Role::admin), key));
  key = {};
  key.scopes = {Scope::sandboxes};
  EXPECT_FALSE(holds_the_house(a_user(Role::admin), key));
}

TEST(Identity, ScopesAreReadAsTheyAreWritten) {
  for (const auto scope : {Scope::read, Scope::sandboxes, Scope::admin}) EXPECT_EQ(parse_scope(name(scope)), scope);
  EXPECT_FALSE(parse_scope("everything"));
}

TEST(Identity, NamesHaveAShape) {
  for (const auto* good : {"a", "ada", "Ada.Lovelace", "ada@example.org", "x_1-2"})
    EXPECT_TRUE(check_user_name(good)) << good;
  for (const auto* bad : {"", "1", "-a", "usr_1", "a b", "a/b", "\xc3\xa4", "a:", "[a", "{a", "a[", "a{"})
    EXPECT_FALSE(check_user_name(bad)) << bad;
  EXPECT_FALSE(check_user_name(std::string(64, 'a')));
  for (const auto* good : {"a", "0", "team-7"}) EXPECT_TRUE(check_slug(good)) << good;
  for (const auto* bad : {"", "-a", "a-", "A", "a_b", "wsp_1", "{", ":", "a{a", "a:a", "/a"})
    EXPECT_FALSE(check_slug(bad)) << bad;
  EXPECT_FALSE(check_slug(std::string(64, 'a')));
  EXPECT_TRUE(check_key_name("ci of the search team"));
  EXPECT_TRUE(check_key_name(std::string(100, 'a')));
  for (const auto& bad : {std::string(), std::string(101, 'a'), std::string("a\x7f"), std::string("a\n")})
    EXPECT_FALSE(check_key_name(bad)) << bad;
  EXPECT_FALSE(check_key_name("two\nlines"));
  EXPECT_FALSE(check_key_name(""));
}

TEST(Identity, ANarrowedKeyManagesNothing) {
  Caller caller;
  EXPECT_TRUE(require_whole_key(caller));
  caller.narrowed = true;
  EXPECT_EQ(require_whole_key(caller).error().reason, "key_narrowed");
}

}  // namespace
}  // namespace mayfly
