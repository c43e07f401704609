#include "core/caller.h"

#include <array>

namespace mayfly {

namespace {
constexpr std::array role_names = {"reader", "member", "admin"};
}

std::string_view name(Role role) { return role_names[static_cast<std::size_t>(role)]; }

std::optional<Role> parse_role(std::string_view name) {
  for (std::size_t i = 0; i < role_names.size(); ++i)
    if (name == role_names[i]) return static_cast<Role>(i);
  return std::nullopt;
}

Caller Caller::system(std::string_view part, ResourceId workspace) {
  return {{}, "system:" + std::string(part), Role::admin, std::move(workspace), {}};
}

Status require(const Caller& caller, Role needed) {
  if (caller.role >= needed) return {};
  return fail(Code::denied,
              "this needs the role " + std::string(name(needed)) + "; yours is " + std::string(name(caller.role)),
              "role_too_low");
}

Status require_whole_key(const Caller& caller) {
  if (!caller.narrowed) return {};
  return fail(Code::denied,
              "this key may do less than its user (by its role, scopes or workspaces), so it manages neither keys nor "
              "people",
              "key_narrowed");
}

}  // namespace mayfly
