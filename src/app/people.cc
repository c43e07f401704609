#include "app/people.h"

#include "app/audit.h"
#include "app/ids.h"
#include "app/seat.h"

namespace mayfly {

namespace {

// The user that every installation begins with.
constexpr std::int64_t first_number = 1;

Status require_admin(const Caller& caller) {
  TRY(require(caller, Role::admin));
  return require_whole_key(caller);
}

Result<User> find(Transaction& t, const std::string& id_or_name) {
  auto user = TRY(t.identities().find_user(id_or_name));
  if (user) return std::move(*user);
  return fail(Code::not_found, "no user \"" + id_or_name.substr(0, 80) + "\"", "user_not_found");
}

Status tell(Transaction& t, Random& random, const Caller& caller, const char* type, const User& user,
            std::map<std::string, std::string> data) {
  Resource subject;
  subject.id = {user.id.text};
  subject.workspace = caller.workspace;
  data["name"] = user.name;
  TRY(audit(t, random, caller, type, subject, std::move(data)));
  return {};
}

Status first_stays(const User& before, const User& after) {
  if (before.number != first_number || (after.active && after.role == Role::admin)) return {};
  return fail(Code::conflict, "user number 1 is the operator's and stays an active admin", "first_admin");
}

}  // namespace

Result<User> People::create(const Caller& caller, const std::string& name, Role role) {
  TRY(require_admin(caller));
  TRY(check_user_name(name));
  return access_.change([&](Transaction& t) -> Result<User> {
    User user;
    user.id = {new_id("usr_", t, random_)};
    user.number = TRY(t.identities().highest_user_number()) + 1;
    user.name = name;
    user.role = role;
    user.created_at = t.now();
    TRY(t.identities().insert_user(user));
    TRY(tell(t, random_, caller, "user.created", user, {{"role", std::string(mayfly::name(role))}}));
    return user;
  });
}

Result<User> People::get(const Caller& caller, const std::string& id_or_name) {
  TRY(require_admin(caller));
  return store_.read([&](Transaction& t) { return find(t, id_or_name); });
}

Result<std::vector<User>> People::list(const Caller& caller, const Page& page) {
  TRY(require_admin(caller));
  return store_.read([&](Transaction& t) { return t.identities().users(page); });
}

Result<User> People::change(const Caller& caller, const std::string& id_or_name, const Change& change) {
  TRY(require_admin(caller));
  if (change.name) TRY(check_user_name(*change.name));
  return access_.change([&](Transaction& t) -> Result<User> {
    const User before = TRY(find(t, id_or_name));
    auto after = before;
    std::map<std::string, std::string> data;
    if (change.name && *change.name != before.name) {
      after.name = *change.name;
      data["name_before"] = before.name;
    }
    if (change.role && *change.role != before.role) {
      after.role = *change.role;
      data["role"] = name(after.role);
    }
    if (change.active && *change.active != before.active) {
      after.active = *change.active;
      data["active"] = after.active ? "true" : "false";
    }
    if (data.empty()) return before;
    TRY(first_stays(before, after));
    const bool held = TRY(house_is_held(t));
    TRY(t.identities().update_user(after));
    TRY(still_held(t, held));
    TRY(tell(t, random_, caller, "user.changed", after, std::move(data)));
    return after;
  });
}

Result<User> People::remove(const Caller& caller, const std::string& id_or_name) {
  TRY(require_admin(caller));
  return access_.change([&](Transaction& t) -> Result<User> {
    auto user = TRY(find(t, id_or_name));
    const auto before = user;
    user.active = false;
    TRY(first_stays(before, user));
    const bool held = TRY(house_is_held(t));
    for (auto key : TRY(t.identities().keys())) {
      if (key.user != user.id || key.revoked) continue;
      key.revoked = true;
      key.revoked_by = caller.actor;
      TRY(t.identities().update_key(key));
      Resource subject;
      subject.id = {key.id.text};
      subject.workspace = key.workspace;
      TRY(audit(t, random_, caller, "key.revoked", subject, {{"name", key.name}, {"user", user.id.text}}));
    }
    TRY(t.identities().update_user(user));
    TRY(still_held(t, held));
    if (before.active) TRY(tell(t, random_, caller, "user.deactivated", user, {}));
    return user;
  });
}

}  // namespace mayfly
