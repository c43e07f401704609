#include "app/seat.h"

#include <algorithm>
#include <map>

namespace mayfly {

Result<Seat> seat_in(Transaction& t, const UserId& user, Role reach, const std::vector<ResourceId>& only,
                     const std::string& id_or_slug) {
  const auto none =
      fail(Code::not_found, "no workspace \"" + id_or_slug.substr(0, 80) + "\" for this key", "workspace_not_found");
  auto workspace = TRY(t.identities().find_workspace(id_or_slug));
  if (!workspace || workspace->resource.state != State::active) return none;
  const auto& id = workspace->resource.id;
  if (!only.empty() && std::find(only.begin(), only.end(), id) == only.end()) return none;
  const auto person = TRY(t.identities().find_user(user.text));
  if (person && person->role == Role::admin) return Seat{std::move(*workspace), reach};
  const auto member = TRY(t.identities().find_member(id, user));
  if (!member) return none;
  return Seat{std::move(*workspace), std::min(reach, member->role)};
}

Result<bool> house_is_held(Transaction& t) {
  std::map<UserId, std::optional<User>> owners;
  for (const auto& key : TRY(t.identities().keys())) {
    if (!owners.contains(key.user)) owners[key.user] = TRY(t.identities().find_user(key.user.text));
    const auto& owner = owners[key.user];
    if (owner && holds_the_house(*owner, key)) return true;
  }
  return false;
}

Status still_held(Transaction& t, bool held_before) {
  if (!held_before || TRY(house_is_held(t))) return {};
  return fail(Code::conflict,
              "this is the last key of an active admin that may do everything and never expires: make another one "
              "first",
              "last_admin_key");
}

}  // namespace mayfly
