#pragma once

#include <map>

#include "app/sandboxes.h"
#include "app/uid_locks.h"
#include "ports/driver.h"

namespace mayfly {

/// The disk limit where the file system offers none: looks at the layers of those that used the cpu since the last
/// look, and one that is over its limit is stopped; its files stay. A volume over its size stops all that may write to
/// it.
class DiskWatch {
 public:
  DiskWatch(Store& store, Driver& driver, UidLocks& locks, Random& random, const Installation& installation)
      : store_(store), driver_(driver), locks_(locks), random_(random), installation_(installation) {}

  Status run_once();

 private:
  Status look_at(const Sandbox& sandbox);
  Status look_at(const ResourceId& volume, const std::vector<Sandbox>& writers);
  Status stop(const Sandbox& sandbox, const std::string& reason, const std::string& event,
              std::map<std::string, std::string> data);

  Store& store_;
  Driver& driver_;
  UidLocks& locks_;
  Random& random_;
  const Installation& installation_;
  std::map<ResourceId, std::int64_t> cpu_seen_;
};

}  // namespace mayfly
