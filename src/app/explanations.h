#pragma once

#include "app/installation.h"
#include "core/caller.h"
#include "core/explain.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

/// Why something is still here, or why and by whom it was deleted.
struct Explanation {
  std::string id, kind, name, state;         // state: empty when only events are left of it
  std::string summary;                       // one sentence
  std::vector<explain::Line> reasons;        // why it is still here
  std::vector<explain::Line> waits_for;      // what a delete waits for
  TaskId task;                               // the root of its delete
  std::vector<Task> steps;                   // of that, the root first
  std::vector<explain::Line> history;        // every event of it, the oldest first
  bool history_cut = false;                  // there are older ones
};

class Explanations {
 public:
  Explanations(Store& store, const Clock& clock, const Installation& installation)
      : store_(store), clock_(clock), installation_(installation) {}

  /// Of a sandbox (by id or name), volume (by id or name), archive, image (by id or digest) or cleanup task. not_found
  /// for what is not the caller's workspace's; what is purged is explained as long as an event tells of it.
  Result<Explanation> of(const Caller& caller, const std::string& id);

 private:
  Store& store_;
  const Clock& clock_;
  const Installation& installation_;
};

}  // namespace mayfly
