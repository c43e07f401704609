#pragma once

#include "app/access.h"
#include "ports/clock.h"

namespace mayfly {

/// Who there is. For admins only; the first user, number 1, is the operator's and stays an active admin, so that a
/// start with another admin key always opens the house again.
class People {
 public:
  People(Store& store, Access& access, Random& random) : store_(store), access_(access), random_(random) {}

  struct Change {
    std::optional<std::string> name = {};
    std::optional<Role> role = {};
    std::optional<bool> active = {};
  };

  Result<User> create(const Caller& caller, const std::string& name, Role role);
  Result<User> get(const Caller& caller, const std::string& id_or_name);
  Result<std::vector<User>> list(const Caller& caller, const Page& page);
  /// conflict: the name is taken, or the last admin key would be lost.
  Result<User> change(const Caller& caller, const std::string& id_or_name, const Change& change);
  /// Shuts the user out and revokes all their keys. The row stays: events name it.
  Result<User> remove(const Caller& caller, const std::string& id_or_name);

 private:
  Store& store_;
  Access& access_;
  Random& random_;
};

}  // namespace mayfly
