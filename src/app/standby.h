#pragma once
// Sleep that nobody sees: a sandbox without calls, open connections and processes that hold it awake is frozen after a
// while, and thawed by the next call. It stays `running` in the database, and its deadlines run on. What is asleep is
// known to the kernel alone; memory only remembers it, and asks again after a restart.

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "app/installation.h"
#include "app/uid_locks.h"
#include "core/sandbox.h"
#include "ports/agent.h"
#include "ports/driver.h"

namespace mayfly {

class Standby {
 public:
  Standby(Store& store, Driver& driver, Agent& agent, UidLocks& locks, const Clock& clock,
          const Installation& installation)
      : store_(store), driver_(driver), agent_(agent), locks_(locks), clock_(clock), installation_(installation) {}

  /// Reads what there is to watch over. Once, before the first call to an agent.
  Status learn();
  /// These may have started, stopped or ended. Cheap; looked at by the next run_once.
  void notice(const std::vector<ResourceId>& ids);

  /// Awake from now until the last copy is dropped. May wait for a thaw. conflict: it does not run any more.
  Result<std::shared_ptr<void>> awake(const Incarnation& to);
  /// The same where it costs no wait; else nothing.
  std::shared_ptr<void> awake_already(const Incarnation& to);

  bool asleep(const ResourceId& id) const { return asleep_since(id).has_value(); }
  /// Nothing: it is awake, or that is not known.
  std::optional<Time> asleep_since(const ResourceId& id) const;
  std::size_t count_asleep() const;

  /// Puts to sleep what has been quiet for long enough. To be called about once a second.
  Status run_once();

 private:
  enum class Power { awake, asleep, unknown };
  struct Entry {
    Incarnation incarnation;
    Duration after{};
    Power power = Power::unknown;
    bool changing = false;      // somebody freezes or thaws it; others wait
    int holds = 0;
    Time quiet_since{};
  };

  void look_at(const Sandbox& sandbox);
  Entry* entry_of(const Incarnation& to);
  std::shared_ptr<void> hold(const Uuid& uid);
  Status thaw(const Incarnation& to);
  bool is_quiet(const Entry& entry) const;
  std::vector<Incarnation> quiet() const;
  Status settle(const Incarnation& to);
  Result<Power> try_to_sleep(const Incarnation& to, Power before);
  Result<bool> still_runs(const Incarnation& to);

  Store& store_;
  Driver& driver_;
  Agent& agent_;
  UidLocks& locks_;
  const Clock& clock_;
  const Installation& installation_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Uuid, Entry> entries_;           // only those that may be put to sleep
  std::vector<ResourceId> noticed_;
};

}  // namespace mayfly
