#include "core/identity.h"

#include <algorithm>
#include <array>

namespace mayfly {

namespace {

constexpr std::array scope_names = {"read", "sandboxes", "admin"};

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
std::string quoted(std::string_view name) { return "\"" + std::string(name.substr(0, 120)) + "\""; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Role reach_of(Scope scope) {
  switch (scope) {
    case Scope::read: return Role::reader;
    case Scope::sandboxes: return Role::member;
    case Scope::admin: return Role::admin;
  }
  return Role::reader;
}

}  // namespace

std::string_view name(Scope scope) { return scope_names[static_cast<std::size_t>(scope)]; }

std::optional<Scope> parse_scope(std::string_view name) {
  for (std::size_t i = 0; i < scope_names.size(); ++i)
    if (name == scope_names[i]) return static_cast<Scope>(i);
  return std::nullopt;
}

Role reach_of(const User& user, const ApiKey& key) {
  auto reach = std::min(user.role, key.role.value_or(Role::admin));
  if (!key.scopes.empty()) {
    auto widest = Role::reader;
    for (const auto scope : key.scopes) widest = std::max(widest, reach_of(scope));
    reach = std::min(reach, widest);
  }
  // What an admin may do reaches past any one workspace.
  if (!key.workspaces.empty()) reach = std::min(reach, Role::member);
  return reach;
}

bool narrowed(const User& user, const ApiKey& key) {
  const bool everything =
      key.scopes.empty() || std::find(key.scopes.begin(), key.scopes.end(), Scope::admin) != key.scopes.end();
  return reach_of(user, key) < user.role || !key.workspaces.empty() || !everything;
}

bool usable(const User& user, const ApiKey& key, Time now) {
  return user.active && !key.revoked && (!key.expires_at || now < *key.expires_at);
}

bool holds_the_house(const User& user, const ApiKey& key) {
  return user.active && user.role == Role::admin && !key.revoked && !key.expires_at && !narrowed(user, key);
}

Status check_user_name(std::string_view name) {
  const auto allowed = [](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '@' || c == '-';
  };
  const bool shaped = !name.empty() && name.size() <= 63 && letter(name.front()) && !name.starts_with("usr_") &&
                      std::all_of(name.begin(), name.end(), allowed);
  if (shaped) return {};
  return tl::unexpected(
      Error{Code::invalid,
            "a user name has 1 to 63 letters, digits and ._@-, begins with a letter, and not with usr_",
            "name_invalid",
            {{"name", "1 to 63 letters, digits and ._@-, the first a letter", quoted(name)}}});
}

Status check_slug(std::string_view slug) {
  const bool shaped = !slug.empty() && slug.size() <= 63 && lower_or_digit(slug.front()) &&
                      lower_or_digit(slug.back()) &&
                      std::all_of(slug.begin(), slug.end(), [](char c) { return lower_or_digit(c) || c == '-'; });
  if (shaped) return {};
  return fail(Code::invalid,
              "the slug of a workspace has 1 to 63 lower-case letters, digits and hyphens, and begins and ends with a "
              "letter or digit",
              "slug_invalid");
}

Status check_key_name(std::string_view name) {
  const bool shaped = !name.empty() && name.size() <= 100 && std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (shaped) return {};
  return tl::unexpected(Error{Code::invalid, "the name of a key has 1 to 100 bytes and no control characters",
                              "name_invalid", {{"name", "1 to 100 bytes without control characters", quoted(name)}}});
}

}  // namespace mayfly
