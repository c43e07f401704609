#include "api/dreadnode/render.h"

#include "api/dreadnode/config.h"
#include "core/host_words.h"
#include "json/bytes.h"

namespace mayfly::api::dreadnode {

namespace {

using boost::json::object;
using boost::json::value;

value or_null(const std::string& text) { return text.empty() ? value() : value(text); }
value or_null(const std::optional<Time>& at) { return at ? value(format(*at)) : value(); }
value in_seconds(const std::optional<Duration>& span) {
  if (!span) return nullptr;
  return std::chrono::duration_cast<std::chrono::seconds>(*span).count();
}

std::string_view level_word(LimitLevel level) {
  switch (level) {
    case LimitLevel::platform_max: return "l1_platform_max";
    case LimitLevel::platform_default: return "l1_platform_default";
    case LimitLevel::organization_max: return "l2_org_max";
    case LimitLevel::organization_default: return "l3_org_default";
    case LimitLevel::requested: return "l4_requested";
  }
  return "l1_platform_max";
}

std::string uuid_of(const ResourceId& id) { return dashed(uid_of(id)); }

std::string_view action_word(ExpiryAction action) {
  return action == ExpiryAction::remove ? "kill" : name(action);
}

/// Since its birth, without the time that it was halted in: its clocks know how long that was.
double ran(const Lifetime& life, Time now) {
  auto alive = (life.halted_at ? *life.halted_at : now) - life.born_at;
  if (life.limit_at && life.policy.limit) alive -= *life.limit_at - life.born_at - *life.policy.limit;
  return seconds(std::max(alive, Duration::zero()));
}

std::string base_of(const Services& services, const http::Request& request) {
  const auto& front = services.front;
  if (!front.data_url.empty()) return front.data_url;
  if (!front.public_url.empty()) return front.public_url;
  const auto* host = request.header("Host");
  return host ? (front.https ? "https://" : "http://") + *host : std::string();
}

/// No money is counted here; clients add the two up.
void add_costs(object& into) {
  for (const auto* word : {"billed_credits", "running_credits", "estimated_total_credits"}) into[word] = 0;
}

object render_instance(const RuntimeView& view) {
  const auto& sandbox = *view.sandbox;
  const auto& life = sandbox.lifetime;
  object instance = {{"sandbox_id", uuid_of(sandbox.resource.id)},
                     {"provider", "mayfly"},
                     {"provider_sandbox_id", sandbox.resource.id.text},
                     {"state", state_word(sandbox.resource.state)},
                     {"sandbox_url", nullptr},
                     {"created_at", format(sandbox.resource.created_at)},
                     {"started_at", or_null(sandbox.started_at)},
                     {"expires_at", or_null(life.expires_at)},
                     {"expires_action", life.halted_at ? "kill" : action_word(life.policy.actions[0])},
                     {"limit_at", or_null(life.limit_at)},
                     {"pause_reason", pause_reason(sandbox)},
                     {"total_running_seconds", ran(life, view.now)},
                     {"actual_runtime_limit_seconds", in_seconds(life.policy.limit)},
                     {"requested_runtime_limit_seconds", in_seconds(view.runtime.sandbox_requested)},
                     {"requested_runtime_limit_source_level",
                      view.runtime.sandbox_requested ? value("l4_requested") : value()},
                     {"configured_runtime_limit_seconds", in_seconds(life.policy.limit)},
                     {"configured_runtime_limit_source_level", level_word(view.runtime.sandbox_level)},
                     {"startup_timing", nullptr}};
  if (sandbox.started_at && sandbox.resource.generation == 1)
    instance["startup_timing"] = object{{"total_sec", seconds(*sandbox.started_at - sandbox.resource.created_at)}};
  if (life.halted_at && life.max_at) {
    auto left = life.keep_until ? std::max(*life.max_at, *life.keep_until) : *life.max_at;
    if (life.limit_at) left = std::min(left, *life.limit_at);
    instance["remaining_seconds"] = seconds(std::max(left - *life.halted_at, Duration::zero()));
  }
  add_costs(instance);
  return instance;
}

}  // namespace

std::string_view state_word(State of_sandbox) {
  switch (of_sandbox) {
    case State::running: return "running";
    case State::pausing: case State::paused: case State::resuming: return "paused";
    case State::deleting: case State::gone: return "killed";
    default: return name(of_sandbox);
  }
}

value pause_reason(const Sandbox& sandbox) {
  if (runtime_state(sandbox.resource.state) != RuntimeState::paused || !sandbox.ending) return nullptr;
  return sandbox.ending->reason == "request" ? "user" : "timeout";
}

object render(const RuntimeView& view, const Caller& caller) {
  const auto& runtime = view.runtime;
  const bool there = view.state() != RuntimeState::idle;
  object body = {{"id", uuid_of(runtime.resource.id)},
                 {"project_id", or_null(runtime.project)},
                 {"project_key", or_null(runtime.project)},
                 {"project_name", or_null(runtime.project)},
                 {"key", runtime.resource.name},
                 {"name", runtime.title},
                 {"description", or_null(runtime.description)},
                 {"status", name(view.state())},
                 {"config_version", runtime.config_version},
                 {"config_digest", runtime.config_digest},
                 {"requested_runtime_limit_seconds", in_seconds(runtime.requested_limit)},
                 {"created_at", format(runtime.resource.created_at)},
                 {"updated_at", format(runtime.resource.updated_at)},
                 {"created_by", runtime.owner.text},
                 {"owned_by_me", runtime.owner == caller.user},
                 {"materialization_stale", view.stale()},
                 {"instance", nullptr},
                 {"last_error", nullptr}};
  if (there) body["instance"] = render_instance(view);
  if (view.sandbox && !view.sandbox->work.last_error.empty())
    body["last_error"] = json::as_text(without_host_words(view.sandbox->work.last_error));
  return body;
}

object render_started(const Services& services, const RuntimeView& view, const Caller& caller,
                      const http::Request& request) {
  auto body = render(view, caller);
  if (!view.sandbox || view.state() != RuntimeState::running) return body;
  const auto token = services.tokens.make(caller, *view.sandbox);
  body["sandbox_token"] = token.text;
  body["sandbox_token_expires_at"] = format(token.expires_at);
  body["instance"].get_object()["sandbox_url"] = base_of(services, request) + "/v1/sandboxes/" +
                                                 view.sandbox->resource.id.text + "/ports/" +
                                                 std::to_string(view.runtime.config.port);
  return body;
}

object render_config(const Runtime& runtime, const Caller& caller) {
  return {{"runtime_id", uuid_of(runtime.resource.id)},
          {"config", show_config(runtime, runtime.owner == caller.user)},
          {"config_version", runtime.config_version},
          {"config_digest", runtime.config_digest},
          {"updated_at", format(runtime.resource.updated_at)}};
}

object render(const Sandbox& sandbox) {
  const auto& resource = sandbox.resource;
  const bool of_runtime = kind_of_id(resource.parent.text) == Kind::runtime;
  const auto project = resource.labels.find("project");
  object body = {{"id", uuid_of(resource.id)},
                 {"sandbox_id", uuid_of(resource.id)},
                 {"provider", "mayfly"},
                 {"provider_sandbox_id", resource.id.text},
                 {"kind", of_runtime ? "runtime" : "task"},
                 {"runtime_id", of_runtime ? value(uuid_of(resource.parent)) : value()},
                 {"project_id", project == resource.labels.end() ? value() : value(project->second)},
                 {"state", state_word(resource.state)},
                 {"created_at", format(resource.created_at)},
                 {"expires_at", or_null(sandbox.lifetime.expires_at)},
                 {"killed_at", or_null(resource.deleted_at)},
                 {"pause_reason", pause_reason(sandbox)},
                 {"end_reason", sandbox.ending ? value(sandbox.ending->reason) : value()},
                 {"cleanup_task_id", or_null(sandbox.cleanup_task)}};
  add_costs(body);
  return body;
}

object render(const KeptAlive& kept) {
  const auto& extended = kept.extended;
  object body = {{"expires_at", or_null(extended.expires_at)},
                 {"limit_at", or_null(extended.limit_at)},
                 {"clamped", extended.clamped},
                 {"remaining_seconds", nullptr}};
  if (extended.expires_at)
    body["remaining_seconds"] = seconds(std::max(*extended.expires_at - kept.now, Duration::zero()));
  return body;
}

}  // namespace mayfly::api::dreadnode
