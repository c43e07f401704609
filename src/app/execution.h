#pragma once
// Processes and files inside sandboxes: finds the right incarnation, counts the use, and hands the call to its agent.

#include "app/activity.h"
#include "app/connection_counts.h"
#include "app/idempotency.h"
#include "app/sandboxes.h"
#include "app/streams.h"
#include "ports/agent.h"

namespace mayfly {

class Execution {
 public:
  Execution(Sandboxes& sandboxes, Agent& agent, ActivityLog& activity, Idempotency& idempotency,
            const Installation& installation)
      : sandboxes_(sandboxes), agent_(agent), activity_(activity), idempotency_(idempotency),
        installation_(installation) {}

  /// Runs a command and calls back when it ended, or still runs after `wait`. A sandbox that is starting is waited for.
  /// One that does not run any more when its agent falls silent says why: no_space, disk_limit, or conflict, state_*.
  /// A repeat waits for the process that the first one started, under any name the sandbox has now, and starts none:
  /// not_found, process_forgotten, when the agent remembers it no more; conflict, outcome_unknown, when nobody can tell
  /// any more whether there was one.
  void run(const Caller& caller, const std::string& id_or_name, Command command, Duration wait,
           std::function<void(Result<RunResult>)> then, const Once& once = {});

  /// Runs a command whose output goes to the caller alone as fast as it is read, and waits for it. A sandbox that is
  /// starting is waited for, on this thread. The stream counts as use while it is held; it says why it ends early as
  /// `run` does, and unavailable, stopping, when the server is about to stop. The process goes on in each case.
  Result<std::unique_ptr<ProcessStream>> attach(const Caller& caller, const std::string& id_or_name, Command command);
  /// Looks on at a process that was started before, which is no use.
  Result<std::unique_ptr<ProcessStream>> follow(const Caller& caller, const std::string& id_or_name,
                                                std::int64_t process, const LogView& view);

  /// The incarnation to ask, for a use of this kind. conflict unless it is running.
  Result<Incarnation> use(const Caller& caller, const std::string& id_or_name, Activity by);
  /// The same for looking on, which keeps nothing alive and is open to readers.
  Result<Incarnation> look(const Caller& caller, const std::string& id_or_name);

  /// A connection to what listens on that port inside. A sandbox that is starting is waited for. conflict, port_closed,
  /// when nothing listens; exhausted, too_many_connections.
  void connect(const Caller& caller, const std::string& id_or_name, int port,
               std::function<void(Result<PortConnection>)> then);

  Agent& agent() { return agent_; }
  Streams& streams() { return streams_; }

  /// Called when an agent that should be there is not: the host should be looked at now, not at the next period.
  std::function<void()> agent_missed = [] {};

 private:
  using Then = std::function<void(Result<RunResult>)>;
  using Connected = std::function<void(Result<PortConnection>)>;
  void connect_in(const Caller& caller, const Sandbox& sandbox, int port, Connected then);
  /// The sandbox as it is, or as it has settled when it is on its way to running.
  void when_started(const Caller& caller, const std::string& id_or_name, std::function<void(Result<Sandbox>)> then);
  void run_first(const Caller& caller, const std::string& id_or_name, Command command, Duration wait, Then then,
                 const Once& once);
  void run_in(const Caller& caller, const Sandbox& sandbox, Command command, Duration wait, Then then,
              const Once& once);
  void run_once(const Caller& caller, const Outcome& outcome, Command command, Duration wait, Then then,
                const Once& once);
  Then explaining(const Caller& caller, const Sandbox& sandbox, Then then);
  Result<Sandbox> settled(const Caller& caller, const ResourceId& id);
  std::unique_ptr<ProcessStream> telling(const Caller& caller, const Sandbox& sandbox,
                                         std::unique_ptr<ProcessStream> stream, std::shared_ptr<Streams::Place> place,
                                         std::shared_ptr<void> held);
  Error why_cut_off(const Caller& caller, const Sandbox& sandbox, Error met);

  Sandboxes& sandboxes_;
  Agent& agent_;
  ActivityLog& activity_;
  Idempotency& idempotency_;
  const Installation& installation_;
  Streams streams_;
  ConnectionCounts connections_;
};

}  // namespace mayfly
