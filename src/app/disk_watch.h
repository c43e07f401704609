#pragma once

#include <functional>
#include <map>
#include <optional>

#include "app/sandboxes.h"
#include "ports/driver.h"

namespace mayfly {

/// The disk limit where the file system offers none: looks at the layers of those that used the cpu since the last
/// look, and one that is over its limit is stopped; its files stay. A volume over its size stops all that may write to
/// it.
class DiskWatch {
 public:
  /// Since when a sandbox sleeps; nothing: it is awake, or that is not known.
  using AsleepSince = std::function<std::optional<Time>(const ResourceId&)>;

  DiskWatch(Store& store, Driver& driver, Random& random, const Installation& installation, AsleepSince asleep_since)
      : store_(store), driver_(driver), random_(random), installation_(installation),
        asleep_since_(std::move(asleep_since)) {}

  Status run_once();

 private:
  struct Seen {
    std::int64_t cpu_us = 0;
    std::optional<Time> nap;   // the one it was looked at in: until it wakes there is nothing to see
  };

  bool sleeps_since_the_last_look(const ResourceId& id) const;
  Status look_at(const Sandbox& sandbox);
  Status look_at(const ResourceId& volume, const std::vector<Sandbox>& writers);
  Status stop(const Sandbox& sandbox, const std::string& reason, const std::string& event,
              std::map<std::string, std::string> data);

  Store& store_;
  Driver& driver_;
  Random& random_;
  const Installation& installation_;
  const AsleepSince asleep_since_;
  std::map<ResourceId, Seen> seen_;
};

}  // namespace mayfly
