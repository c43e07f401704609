#pragma once
// Use of sandboxes, collected in memory and written once a second: an exec costs no commit of its own. What is under
// way (an exec, an open stream) is use for as long as it lasts.

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "app/installation.h"
#include "core/lifetime.h"
#include "ports/store.h"

namespace mayfly {

class ActivityLog {
 public:
  ActivityLog(Store& store, const Clock& clock, const Installation& installation)
      : store_(store), clock_(clock), installation_(installation) {}

  void touch(const ResourceId& id, Activity by);

  /// In use from now until the last copy of the token is dropped.
  std::shared_ptr<void> hold(const ResourceId& id, Activity by);

  /// Writes what was seen since the last call. Called each second, and before an idle deadline is decided.
  Status flush();
  /// The same, if there is anything of that one.
  Status flush_if_seen(const ResourceId& id);

 private:
  struct Seen {
    Time at{};
    Activity by = Activity::exec;
    int held = 0;
    bool fresh = false;    // seen since the last flush
  };
  void see(const ResourceId& id, Activity by, int held);
  Status write(const std::vector<std::pair<ResourceId, Seen>>& batch);

  Store& store_;
  const Clock& clock_;
  const Installation& installation_;
  std::mutex mutex_;
  std::map<ResourceId, Seen> seen_;
};

}  // namespace mayfly
