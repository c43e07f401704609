#pragma once

#include "core/caller.h"
#include "core/hold.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

/// Words that keep things from being deleted.
class Holds {
 public:
  Holds(Store& store, Random& random) : store_(store), random_(random) {}

  /// On anything of the caller's workspace that is not being deleted, and on that itself.
  Result<Hold> make(const Caller& caller, const std::string& resource, const std::string& reason,
                    std::optional<WallTime> until);
  Result<Hold> get(const Caller& caller, const std::string& id);
  /// Its owner's or an admin's to end; again is success.
  Result<Hold> end(const Caller& caller, const std::string& id);

 private:
  Store& store_;
  Random& random_;
};

}  // namespace mayfly
