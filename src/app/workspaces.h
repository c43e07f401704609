#pragma once

#include "app/access.h"
#include "ports/clock.h"

namespace mayfly {

struct Member {
  Membership membership;
  User user;
};

/// Walls between people. Everybody sees those they are members of; admins see and change all.
class Workspaces {
 public:
  Workspaces(Store& store, Access& access, Random& random) : store_(store), access_(access), random_(random) {}

  struct Change {
    std::optional<std::string> slug = {};
    std::optional<bool> always_archive = {};
    std::function<void(Quota&)> quota = {};      // changes what is to be changed
  };

  Result<Workspace> create(const Caller& caller, const std::string& slug, bool always_archive);
  Result<Workspace> get(const Caller& caller, const std::string& id_or_slug);
  /// What is in use there now.
  Result<WorkspaceUsage> usage(const Workspace& workspace);
  Result<std::vector<Workspace>> list(const Caller& caller, const Page& page);
  /// conflict: the slug is taken, or it is "default", which keeps its name.
  Result<Workspace> change(const Caller& caller, const std::string& id_or_slug, const Change& change);

  Result<std::vector<Member>> members(const Caller& caller, const std::string& id_or_slug, const Page& page);
  Result<Member> put_member(const Caller& caller, const std::string& id_or_slug, const std::string& user, Role role);
  /// Their keys stay and open nothing here any more. Again is success.
  Result<User> remove_member(const Caller& caller, const std::string& id_or_slug, const std::string& user);

 private:
  Result<Workspace> visible(Transaction& t, const Caller& caller, const std::string& id_or_slug) const;

  Store& store_;
  Access& access_;
  Random& random_;
};

}  // namespace mayfly
