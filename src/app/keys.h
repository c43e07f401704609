#pragma once

#include "app/access.h"
#include "ports/clock.h"

namespace mayfly {

/// What a key is to be. Workspaces and the user are named by id or name.
struct NewKey {
  std::string name;
  std::string user = {};                            // empty: the caller's
  std::optional<Role> role = {};                    // nothing: as its user
  std::string home = {};                            // empty: the first of `workspaces`, else where the caller is
  std::vector<std::string> workspaces = {};         // empty: all of its user's
  std::vector<Scope> scopes = {};
  std::optional<Duration> ttl = {};
  std::optional<WallTime> expires_at = {};          // one of the two at most
  std::optional<RateLimit> rate = {};               // only an admin gives one
};

struct MadeKey {
  ApiKey key;
  std::string secret;                               // this once
};

/// Keys of the caller; an admin has everybody's. A key of somebody else does not exist for others.
class Keys {
 public:
  Keys(Store& store, Access& access, Random& random) : store_(store), access_(access), random_(random) {}

  Result<MadeKey> create(const Caller& caller, const NewKey& wish);
  Result<ApiKey> get(const Caller& caller, const KeyId& id);
  /// Of that user (id or name), or all that the caller may see.
  Result<std::vector<ApiKey>> list(const Caller& caller, const std::string& user, const Page& page);
  /// Its own limit, or none of its own. Admins only.
  Result<ApiKey> set_rate(const Caller& caller, const KeyId& id, const std::optional<RateLimit>& rate);
  /// When it returns, no call comes in with it. conflict: the last admin key. Again is success.
  Result<ApiKey> revoke(const Caller& caller, const KeyId& id);

 private:
  Result<ApiKey> visible(Transaction& t, const Caller& caller, const KeyId& id) const;
  Result<User> owner(Transaction& t, const Caller& caller, const std::string& id_or_name) const;
  std::string new_secret();

  Store& store_;
  Access& access_;
  Random& random_;
};

}  // namespace mayfly
