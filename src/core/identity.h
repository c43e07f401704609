#pragma once
// Who may ask: organizations, workspaces, their people and their keys.

#include <optional>
#include <string>
#include <vector>

#include "core/caller.h"
#include "core/quota.h"
#include "core/resource.h"

namespace mayfly {

struct Workspace {
  Resource resource;                 // name is its slug; parent is the organization
  bool always_archive = false;       // overrides every waiver "asked by API"
  Quota quota = {};
};

/// What a member may do in a workspace: never more than their own role. Admins are at home in every workspace.
struct Membership {
  ResourceId workspace;
  UserId user;
  Role role = Role::member;
  Time created_at{};
};

struct User {
  UserId id;
  std::int64_t number = 0;           // some dialects know people by an integer
  std::string name;
  Role role = Role::member;
  bool active = true;
  Time created_at{};
};

/// What a key is for, where that is less than its role: looking; or using sandboxes too; or everything. There are no
/// finer ones: a scope for each noun would be a list that every new route has to be sorted into.
enum class Scope { read, sandboxes, admin };
std::string_view name(Scope scope);
std::optional<Scope> parse_scope(std::string_view name);

/// How fast a key may call: so many a second, and so many at once after a rest.
struct RateLimit {
  double per_second = 0;             // 0: as fast as it can
  double burst = 0;
  bool operator==(const RateLimit&) const = default;
};

/// The secret is never stored: only its SHA-256, and enough of its beginning to recognise it in a list.
struct ApiKey {
  KeyId id;
  UserId user;
  ResourceId workspace;              // its home
  std::string hash;                  // SHA-256 of the secret, hex
  std::string hint;                  // first characters
  Time created_at{};
  bool revoked = false;
  std::string name = {};                          // empty: the one the server was started with
  std::optional<Role> role = {};                  // at most this; nothing: its user's
  std::vector<ResourceId> workspaces = {};        // only these; empty: all of its user's
  std::vector<Scope> scopes = {};                 // only this; empty: all that its role may
  std::optional<Time> expires_at = {};
  std::optional<Time> last_used_at = {};          // as of a minute ago or so
  std::string revoked_by = {};                    // the actor
  std::optional<RateLimit> rate = {};             // nothing: that of the installation
};

/// The most this key may be in any workspace.
Role reach_of(const User& user, const ApiKey& key);
/// It may do less than its user.
bool narrowed(const User& user, const ApiKey& key);
/// It opens the door at `now`.
bool usable(const User& user, const ApiKey& key, Time now);
/// With it alone everything here can be managed, for as long as nobody takes it away: it never expires.
bool holds_the_house(const User& user, const ApiKey& key);

/// 1 to 63 letters, digits and ._@-; begins with a letter; not the form of an id.
Status check_user_name(std::string_view name);
/// 1 to 63 lower-case letters, digits and hyphens, the first and last no hyphen.
Status check_slug(std::string_view slug);
/// 1 to 100 bytes without control characters.
Status check_key_name(std::string_view name);

}  // namespace mayfly
