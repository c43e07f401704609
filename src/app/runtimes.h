#pragma once
// What people do with runtimes. Whoever sees the workspace may look; only the owner changes anything. A start is the
// intent of one sandbox, however many ask for it and whoever of them is still there when it runs.

#include <functional>

#include "app/sandboxes.h"
#include "core/runtime.h"

namespace mayfly {

struct NewRuntime {
  std::string key;                                    // empty: that of its project
  std::string title;
  std::string description;
  std::string project;
  RuntimeConfig config;
  bool config_given = false;                          // else whatever configuration stands is meant
  std::optional<Duration> requested_limit;
};

/// A runtime and the sandbox that counts for it, if one does.
struct RuntimeView {
  Runtime runtime;
  std::optional<Sandbox> sandbox;
  Time now{};
  bool created = false;
  bool repeated = false;   // the call was answered before: this is what became of it

  RuntimeState state() const { return sandbox ? runtime_state(sandbox->resource.state) : RuntimeState::idle; }
  /// Its sandbox was made of another configuration than the one that stands.
  bool stale() const { return sandbox && runtime.sandbox_digest != runtime.config_digest; }
};

enum class IfStale { keep, replace, fail };

struct RuntimeStart {
  std::optional<Duration> requested_limit;            // of this life, if one begins
  IfStale if_stale = IfStale::keep;
};

struct KeptAlive {
  lifetime::Extended extended;
  Time now{};
};

class Runtimes {
 public:
  struct Settings {
    RuntimeLimits limits;                             // but for those of the organization
    std::vector<Duration> warn{5min, 1min};
    Duration patience = 25s;                          // of a call for what it asked for; clients give up after 30
    std::string image = "busybox";                    // what a configuration means that names none
  };
  using Digest = std::function<std::string(std::string_view)>;
  using Then = std::function<void(Result<RuntimeView>)>;

  Runtimes(Store& store, Sandboxes& sandboxes, const Deletion& deletion, Random& random, const Clock& clock,
           const Installation& installation, Digest digest, Settings settings)
      : store_(store), sandboxes_(sandboxes), deletion_(deletion), random_(random), clock_(clock),
        installation_(installation), digest_(std::move(digest)), settings_(std::move(settings)) {}

  /// The one of that key, made if there is none. conflict, config_differs: it stands with another configuration.
  Result<RuntimeView> ensure(const Caller& caller, const NewRuntime& wish, const Once& once = {});
  /// By id in any spelling, or by key. What is being deleted is not there any more.
  Result<RuntimeView> get(const Caller& caller, const std::string& id_or_key);
  Result<std::vector<RuntimeView>> list(const Caller& caller, RuntimeFilter filter, const Page& page);
  Result<RuntimeView> replace_config(const Caller& caller, const std::string& id_or_key, const RuntimeConfig& config,
                                     const Once& once = {});

  /// Nothing blocks. conflict: runtime_idle, or what extending its sandbox gives.
  void keepalive(const Caller& caller, const std::string& id_or_key, const lifetime::Extension& wish,
                 std::function<void(Result<KeptAlive>)> then, const Once& once = {});
  /// The same for a sandbox by its own id, which may be a runtime's.
  void keepalive_sandbox(const Caller& caller, const std::string& id, const lifetime::Extension& wish,
                         std::function<void(Result<KeptAlive>)> then, const Once& once = {});

  /// Starts or resumes; of a running one nothing changes. The first transaction: the sandbox is meant to run.
  Result<RuntimeView> begin_start(const Caller& caller, const std::string& id_or_key, const RuntimeStart& wish,
                                  const Once& once = {});
  /// These answer when it is done, or with timed_out when the patience is over; what was begun goes on.
  /// unavailable, start_failed: the host refuses. conflict, limit_reached: no time is left to it.
  void start(const Caller& caller, const std::string& id_or_key, const RuntimeStart& wish, Then then,
             const Once& once = {});
  void pause(const Caller& caller, const std::string& id_or_key, Then then, const Once& once = {});
  void resume(const Caller& caller, const std::string& id_or_key, Then then, const Once& once = {});
  void stop(const Caller& caller, const std::string& id_or_key, Then then, const Once& once = {});

  /// Its sandbox is deleted without an archive, and it is idle from this commit on.
  Result<RuntimeView> reset(const Caller& caller, const std::string& id_or_key, const Once& once = {});
  struct Deleted {
    Runtime runtime;
    TaskId task;
  };
  /// For its owner and for admins, so that nobody's runtime stands for ever.
  Result<Deleted> remove(const Caller& caller, const std::string& id_or_key, const Once& once = {});
  /// Kills a sandbox by its own id; a runtime's is its owner's.
  Result<DeletionAccepted> remove_sandbox(const Caller& caller, const std::string& id, const Once& once = {});

  /// denied unless the caller owns it: for what acts inside its sandbox.
  static Status require_owner(const Caller& caller, const Runtime& runtime);

  Result<RuntimeLimits> limits(const ResourceId& organization);
  /// Admins only. invalid: less than the shortest, or more than the platform allows.
  Result<RuntimeLimits> set_limits(const Caller& caller, const ResourceId& organization,
                                   const std::function<void(OrganizationLimits&)>& change);

  const Settings& settings() const { return settings_; }

 private:
  Result<Runtime> find(Transaction& t, const Caller& caller, const std::string& id_or_key) const;
  Result<Runtime> find_own(Transaction& t, const Caller& caller, const std::string& id_or_key) const;
  Result<Sandbox> find_sandbox_own(Transaction& t, const Caller& caller, const std::string& id) const;
  Result<std::optional<Sandbox>> newest(Transaction& t, const Runtime& runtime) const;
  Result<std::optional<Sandbox>> living(Transaction& t, const Runtime& runtime) const;
  Result<RuntimeView> view(Transaction& t, Runtime runtime) const;
  Result<RuntimeLimits> limits_in(Transaction& t, const ResourceId& organization) const;
  Result<RuntimeLimits> limits_of_workspace(Transaction& t, const ResourceId& workspace) const;
  Result<KeptAlive> extend(Transaction& t, const Sandbox& sandbox, const lifetime::Extension& wish,
                           const Once& once) const;
  void submit_keepalive(std::function<Result<Sandbox>(Transaction&)> find, const lifetime::Extension& wish,
                        std::function<void(Result<KeptAlive>)> then, const Once& once);

  /// False: what it found must come to its end first, and then it is asked once more.
  Result<bool> start_in(Transaction& t, const Caller& caller, Runtime& runtime, const RuntimeStart& wish) const;
  Status new_life(Transaction& t, const Caller& caller, Runtime& runtime, const RuntimeStart& wish) const;
  Status end_life(Transaction& t, const Caller& caller, const Sandbox& sandbox, const std::string& reason) const;
  Status resume_in(Transaction& t, const Caller& caller, Sandbox sandbox) const;
  Status expire_in(Transaction& t, Sandbox sandbox, const Due& due) const;
  Status go_on_in(Transaction& t, const Caller& caller, Sandbox sandbox, lifecycle::Move move) const;

  using Step = std::function<Result<RuntimeView>()>;
  void settle(const Caller& caller, Step step, RuntimeState wanted, Time deadline, int steps_left, Then then);
  void move(const Caller& caller, const std::string& id_or_key, RuntimeState wanted,
            std::function<Result<bool>(Transaction&, const Runtime&, Sandbox)> act, Then then, const Once& once);

  Store& store_;
  Sandboxes& sandboxes_;
  const Deletion& deletion_;
  Random& random_;
  const Clock& clock_;
  const Installation& installation_;
  const Digest digest_;
  const Settings settings_;
};

}  // namespace mayfly
