#pragma once
// A runtime is durable: what somebody wants to work in, and who. The sandbox it works in is one life of it, whose
// parent it is; the newest one counts. A runtime whose newest sandbox has ended, or never began, is idle.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sandbox.h"

namespace mayfly {

/// What each start makes a sandbox of.
struct RuntimeConfig {
  SandboxSpec spec;                                     // image as the caller wrote it
  Labels labels;
  Duration timeout = 1h;                                // of a first life
  ExpiryAction on_timeout = ExpiryAction::pause;
  int port = 8080;                                      // where the program inside answers
  std::string document;                                 // as its API writes it, every default filled in
};

/// Who limits a life: start plus all extensions. Later ones narrow what earlier ones allow.
enum class LimitLevel { platform_max, platform_default, organization_max, organization_default, requested };
std::string_view name(LimitLevel level);
std::optional<LimitLevel> parse_limit_level(std::string_view name);

/// What an organization may set; nothing: what the platform says.
struct OrganizationLimits {
  std::optional<Duration> most;
  std::optional<Duration> standard;                     // of those who ask for none
  bool operator==(const OrganizationLimits&) const = default;
};

struct RuntimeLimits {
  Duration platform_max = 8h;
  std::optional<Duration> platform_default;             // of organizations without a most
  OrganizationLimits organization;
};

/// The shortest limit that somebody may ask for.
constexpr Duration shortest_limit = 60s;

struct EffectiveLimit {
  Duration limit{};
  LimitLevel source = LimitLevel::platform_max;
};

/// The smallest that applies; the defaults apply to those who ask for none. invalid: less than the shortest, or more
/// than the platform ever allows.
Result<EffectiveLimit> effective_limit(const RuntimeLimits& limits, std::optional<Duration> requested);

struct Runtime {
  Resource resource;                                    // its name is its key; active, deleting or gone
  std::string title;                                    // for people
  std::string description;
  std::string project;
  UserId owner;
  RuntimeConfig config;
  int config_version = 1;
  std::string config_digest;
  std::optional<Duration> requested_limit;              // for each of its lives
  ResourceId sandbox;                                   // the newest one, also when it has ended
  std::string sandbox_digest;                           // of the configuration that one was made of
  std::optional<Duration> sandbox_requested;            // what its start asked for
  LimitLevel sandbox_level = LimitLevel::platform_max;  // who limits that one
  std::string cleanup_task;                             // clt_... once it is being deleted
};

enum class RuntimeState { idle, running, paused, stopped };
std::string_view name(RuntimeState state);
std::optional<RuntimeState> parse_runtime_state(std::string_view name);

/// What a sandbox in this state makes of its runtime. One that starts for the first time is not there yet.
RuntimeState runtime_state(State of_sandbox);
std::vector<State> sandbox_states(RuntimeState state);

/// It counts: its runtime is not idle because of it.
inline bool lives(State of_sandbox) { return of_sandbox != State::deleting && of_sandbox != State::gone; }

/// 1 to 63 letters, digits and ._- that begin with a letter or digit, and not the form of an id.
Status check_runtime_key(std::string_view key);

}  // namespace mayfly
