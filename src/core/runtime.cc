#include "core/runtime.h"

#include <algorithm>
#include <array>

namespace mayfly {

namespace {

constexpr std::array level_names = {"platform_max", "platform_default", "organization_max", "organization_default",
                                    "requested"};
constexpr std::array state_names = {"idle", "running", "paused", "stopped"};

constexpr std::array sandbox_state_list = {
    State::requested, State::starting, State::running, State::pausing,  State::paused, State::resuming,
    State::stopping,  State::stopped,  State::failed,  State::deleting, State::gone};

bool alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

tl::unexpected<Error> bad_limit(const std::string& expected, Duration found) {
  const std::string field = "requested_runtime_limit_seconds";
  const auto got = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(found).count());
  return tl::unexpected(
      Error{Code::invalid, field + " must be " + expected + "; got " + got, "limit_invalid", {{field, expected, got}}});
}

std::string in_seconds(Duration span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(span).count()) + " seconds";
}

}  // namespace

std::string_view name(LimitLevel level) { return level_names[static_cast<std::size_t>(level)]; }
std::optional<LimitLevel> parse_limit_level(std::string_view text) {
  for (std::size_t i = 0; i < level_names.size(); ++i)
    if (text == level_names[i]) return static_cast<LimitLevel>(i);
  return std::nullopt;
}

std::string_view name(RuntimeState state) { return state_names[static_cast<std::size_t>(state)]; }
std::optional<RuntimeState> parse_runtime_state(std::string_view text) {
  for (std::size_t i = 0; i < state_names.size(); ++i)
    if (text == state_names[i]) return static_cast<RuntimeState>(i);
  return std::nullopt;
}

Result<EffectiveLimit> effective_limit(const RuntimeLimits& limits, std::optional<Duration> requested) {
  if (requested && *requested < shortest_limit) return bad_limit("at least " + in_seconds(shortest_limit), *requested);
  if (requested && *requested > limits.platform_max)
    return bad_limit("at most " + in_seconds(limits.platform_max) + ", what this installation allows", *requested);
  EffectiveLimit effective{limits.platform_max, LimitLevel::platform_max};
  const auto narrow = [&](std::optional<Duration> by, LimitLevel level) {
    // Of equal ones the one that is nearest to the caller is named.
    if (by && *by <= effective.limit) effective = {*by, level};
  };
  const auto& organization = limits.organization;
  if (!requested && !organization.most) narrow(limits.platform_default, LimitLevel::platform_default);
  narrow(organization.most, LimitLevel::organization_max);
  if (!requested) narrow(organization.standard, LimitLevel::organization_default);
  narrow(requested, LimitLevel::requested);
  return effective;
}

RuntimeState runtime_state(State of_sandbox) {
  switch (of_sandbox) {
    case State::running: return RuntimeState::running;
    case State::pausing: case State::paused: case State::resuming: return RuntimeState::paused;
    case State::stopping: case State::stopped: return RuntimeState::stopped;
    case State::requested: case State::starting: case State::failed: case State::deleting: case State::gone:
    case State::active: case State::writing: case State::trashed: break;
  }
  return RuntimeState::idle;
}

std::vector<State> sandbox_states(RuntimeState state) {
  std::vector<State> states;
  for (const auto one : sandbox_state_list)
    if (runtime_state(one) == state) states.push_back(one);
  return states;
}

Status check_runtime_key(std::string_view key) {
  const bool shaped = !key.empty() && key.size() <= 63 && alnum(key.front()) &&
                      std::all_of(key.begin(), key.end(),
                                  [](char c) { return alnum(c) || c == '.' || c == '_' || c == '-'; });
  if (shaped && !parse_uuid(key) && !kind_of_id(key)) return {};
  const std::string expected =
      "1 to 63 letters, digits and ._- that begin with a letter or digit, and not the form of an id";
  const auto found = "\"" + std::string(key.substr(0, 80)) + "\"";
  return tl::unexpected(Error{Code::invalid, "a runtime key has " + expected + "; got " + found, "key_invalid",
                              {{"key", expected, found}}});
}

}  // namespace mayfly
