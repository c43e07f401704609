#pragma once
// One effect at a time per uid: an order to stop must not overtake a start that is still under way.

#include <mutex>
#include <set>

#include "base/id.h"

namespace mayfly {

class UidLocks {
 public:
  bool try_lock(const Uuid& uid) {
    std::lock_guard guard(mutex_);
    return held_.insert(uid).second;
  }
  void unlock(const Uuid& uid) {
    std::lock_guard guard(mutex_);
    held_.erase(uid);
  }

 private:
  std::mutex mutex_;
  std::set<Uuid> held_;
};

}  // namespace mayfly
