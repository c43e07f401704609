#pragma once
// Ends things on time. The near future is a small heap in memory, read from the index on wake_at; the far future stays
// in the index. Firing is one transaction that looks again: still there, still due? Only then it acts; a deadline that
// was extended moves its wake_at to where the truth is now.

#include <array>
#include <mutex>
#include <queue>
#include <vector>

#include "app/activity.h"
#include "app/deletion.h"

namespace mayfly {

class Deadlines {
 public:
  Deadlines(Store& store, ActivityLog& activity, const Deletion& deletion, Random& random, const Clock& clock,
            const Installation& installation)
      : store_(store), activity_(activity), deletion_(deletion), random_(random), clock_(clock),
        installation_(installation) {}

  /// Fires what is due and tells when to come again; nothing: when `notice` says so. In a downtime that is not over
  /// nothing is due, and nobody needs to come.
  Result<std::optional<Time>> run_once();

  /// A commit has made something due as early as this. True: come again at once.
  bool notice(Time at);

  struct Lateness {
    std::uint64_t fired = 0;
    Duration total{}, longest{};
    // How many were no later than each bound; the rest were later than all.
    static constexpr std::array bounds = {Duration(1ms), Duration(10ms), Duration(100ms), Duration(1s), Duration(10s)};
    std::array<std::uint64_t, bounds.size()> within{};
  };
  Lateness lateness() const;

 private:
  struct Entry {
    Time at;
    ResourceId id;
    bool operator<(const Entry& other) const { return at > other.at; }  // the earliest on top
  };
  Result<std::optional<Time>> pass();
  Status load(Time now);
  Status follow_wall_clock();
  Status fire(const std::vector<ResourceId>& ids);
  Result<std::optional<Duration>> decide(Transaction& t, const ResourceId& id);
  Status warn(Transaction& t, const Lifetime& life, Duration lead);
  Status end_volume(Transaction& t, Volume volume);
  Status act(Transaction& t, Sandbox sandbox, const Due& due);

  Store& store_;
  ActivityLog& activity_;
  const Deletion& deletion_;
  Random& random_;
  const Clock& clock_;
  const Installation& installation_;

  mutable std::mutex mutex_;
  bool reload_ = true;
  std::optional<Time> beyond_;       // the first wake_at that is not in the heap
  std::priority_queue<Entry> near_;
  std::optional<Duration> wall_offset_;   // as all rows know it
  Lateness lateness_;
};

}  // namespace mayfly
