#pragma once
// Callers that wait for a sandbox to settle or for a cleanup to end. Their responses are parked here, not their
// threads.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/id.h"
#include "base/time.h"

namespace mayfly {

class Waiting {
 public:
  /// `look` is run by `post`, on a thread that may read the store.
  using Post = std::function<void(std::function<void()>)>;
  explicit Waiting(Post post) : post_(std::move(post)) {}

  /// Answers true when it is done with waiting. `last` says that the deadline has come: it must answer now.
  using Look = std::function<bool(bool last)>;

  /// Looks each time something happens to that resource, and once more at the deadline. The first look is the caller's.
  void park(const ResourceId& id, Time deadline, Look look);

  /// From the store's commits.
  void settled(const std::vector<ResourceId>& ids);

  /// Ends those whose deadline has come; tells the next one.
  std::optional<Time> run_once(Time now);

  /// As if each deadline had come, those of callers yet to park included: the server is about to stop.
  void stop();

  std::size_t size() const;

 private:
  struct Parked {
    Time deadline;
    Look look;
    bool looking = false;    // somebody looks right now
    bool again = false;      // and something happened meanwhile
    bool last = false;
  };
  using Entry = std::shared_ptr<Parked>;
  void look(const ResourceId& id, const Entry& entry);

  Post post_;
  mutable std::mutex mutex_;
  std::multimap<ResourceId, Entry> parked_;
  bool stopped_ = false;
};

}  // namespace mayfly
