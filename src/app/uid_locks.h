#pragma once
// One effect at a time per uid: an order to stop must not overtake a start that is still under way.

#include <condition_variable>
#include <mutex>
#include <set>

#include "base/id.h"
#include "base/time.h"

namespace mayfly {

class UidLocks {
 public:
  /// False: somebody else has it, and did not give it back within `patience` of real time.
  bool try_lock(const Uuid& uid, Duration patience = {}) {
    std::unique_lock lock(mutex_);
    if (patience > Duration::zero()) given_back_.wait_for(lock, patience, [&] { return !held_.contains(uid); });
    return held_.insert(uid).second;
  }
  void unlock(const Uuid& uid) {
    {
      std::lock_guard guard(mutex_);
      held_.erase(uid);
    }
    given_back_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::set<Uuid> held_;
};

}  // namespace mayfly
