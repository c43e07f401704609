#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/lifecycle.h"
#include "core/lifetime.h"
#include "core/resource.h"
#include "core/sandbox_spec.h"
#include "core/volume_mount.h"

namespace mayfly {

/// Paused and stopped ones are archived and deleted after this long, so that nothing lives for ever.
constexpr Duration halted_retention = std::chrono::hours(7 * 24);

/// The attempt that carries an intent out: of a transitional sandbox, and of a cleanup task.
struct Work {
  std::int64_t claim = 0;                  // epoch of the process that works on it; 0: nobody
  int attempts = 0;
  std::optional<Time> next_attempt_at;     // nothing: not waiting to be worked on
  std::string last_error;                  // for people
  std::string error_code;                  // for programs
};

/// Why and through whom something ended.
struct Ending {
  std::string reason;                      // "request", "max_age", "idle", "at", "retention", "stale", "orphan", ...
  std::string actor;                       // "user:admin", "system:deadline", ...
  Time at{};
};

struct Sandbox {
  Resource resource;
  SandboxSpec spec;
  Lifetime lifetime;
  Work work;
  int layer = 1;                           // of its writable files: +1 only on reset or recreate
  std::vector<std::string> caveats;        // limits that this host could not enforce as asked
  std::optional<Ending> ending;            // why it was stopped, paused or deleted last
  std::optional<Time> started_at;          // the last start that was recorded; nothing before the first
  std::string cleanup_task;                // clt_... once it is being deleted
  bool holds_compute = true;               // of its workspace's quota: until no process of it can be left
  bool holds_storage = true;               // the same: until its bytes are gone
  std::vector<VolumeMount> mounts;         // fixed when it is created; a restored one inherits none
  std::int64_t halts = 0;                  // how often it was paused, stopped or lost: what was granted before is over
};

/// The one way to change a state: resource and lifetime must agree.
inline void set_state(Sandbox& sandbox, State state) {
  sandbox.resource.state = sandbox.lifetime.state = state;
  // While it is deleted it holds what it held, until the step that frees it says so.
  if (state == State::stopped || state == State::failed || state == State::gone) sandbox.holds_compute = false;
  else if (state != State::deleting) sandbox.holds_compute = true;
  if (state == State::gone) sandbox.holds_storage = false;
}

/// Its files are to come from an archive, and no start has brought them in yet.
inline bool awaits_restore(const Sandbox& sandbox) { return !sandbox.spec.restore_from.empty() && !sandbox.started_at; }

/// Lower-case letters, digits and hyphens, 1 to 63, beginning and ending with a letter or digit.
Status check_sandbox_name(std::string_view name);

}  // namespace mayfly
