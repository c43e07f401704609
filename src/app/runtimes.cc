#include "app/runtimes.h"

#include <charconv>

#include "app/audit.h"
#include "app/ids.h"
#include "app/kinds.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

Error no_such_runtime(const std::string& id_or_key) {
  return {Code::not_found, "no runtime \"" + id_or_key.substr(0, 80) + "\" in this workspace", "runtime_not_found", {}};
}

Error no_such_sandbox(const std::string& id) {
  return {Code::not_found, "no sandbox \"" + id.substr(0, 80) + "\" in this workspace", "sandbox_not_found", {}};
}

std::string setting_of(const ResourceId& organization) { return "runtime_limits." + organization.text; }

/// "most standard" in microseconds, 0 for none.
std::string to_text(const OrganizationLimits& limits) {
  return std::to_string(limits.most.value_or(Duration::zero()).count()) + " " +
         std::to_string(limits.standard.value_or(Duration::zero()).count());
}

OrganizationLimits limits_from(std::string_view text) {
  OrganizationLimits limits;
  for (auto* limit : {&limits.most, &limits.standard}) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) break;
    if (number > 0) *limit = Duration(number);
    text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(end - text.data()) + 1));
  }
  return limits;
}

Status check_level(const char* field, std::optional<Duration> wanted, Duration most) {
  if (!wanted || (*wanted >= shortest_limit && *wanted <= most)) return {};
  const auto expected = "null, or from " + std::to_string(static_cast<std::int64_t>(seconds(shortest_limit))) +
                        " to " + std::to_string(static_cast<std::int64_t>(seconds(most))) + " seconds";
  const auto found = std::to_string(static_cast<std::int64_t>(seconds(*wanted)));
  return tl::unexpected(Error{Code::invalid, std::string(field) + " must be " + expected + "; got " + found,
                              "limit_invalid", {{field, expected, found}}});
}

}  // namespace

Status Runtimes::require_owner(const Caller& caller, const Runtime& runtime) {
  TRY(require(caller, Role::member));
  if (runtime.owner == caller.user) return {};
  return fail(Code::denied,
              "runtime " + runtime.resource.name + " belongs to somebody else: only its owner changes or uses it",
              "not_the_owner");
}

Result<Runtime> Runtimes::find(Transaction& t, const Caller& caller, const std::string& id_or_key) const {
  const auto uuid = kind_of_id(id_or_key) == Kind::runtime ? uuid_in(id_or_key) : parse_uuid(id_or_key);
  std::optional<Runtime> found;
  if (uuid) {
    auto row = t.runtimes().get({std::string(describe(Kind::runtime).prefix) + hex(*uuid)});
    if (row) found = std::move(*row);
    else if (row.error().code != Code::not_found) return row;
  } else if (check_runtime_key(id_or_key)) {
    found = TRY(t.runtimes().find_named(caller.workspace, id_or_key));
  }
  if (found && found->resource.workspace == caller.workspace && found->resource.state == State::active)
    return std::move(*found);
  return tl::unexpected(no_such_runtime(id_or_key));
}

Result<Runtime> Runtimes::find_own(Transaction& t, const Caller& caller, const std::string& id_or_key) const {
  auto runtime = TRY(find(t, caller, id_or_key));
  TRY(require_owner(caller, runtime));
  return runtime;
}

Result<std::optional<Sandbox>> Runtimes::newest(Transaction& t, const Runtime& runtime) const {
  if (!runtime.sandbox) return std::optional<Sandbox>();
  return std::optional(TRY(t.sandboxes().get(runtime.sandbox)));
}

Result<std::optional<Sandbox>> Runtimes::living(Transaction& t, const Runtime& runtime) const {
  auto sandbox = TRY(newest(t, runtime));
  if (sandbox && !lives(sandbox->resource.state)) sandbox.reset();
  return sandbox;
}

Result<RuntimeView> Runtimes::view(Transaction& t, Runtime runtime) const {
  RuntimeView view{std::move(runtime), {}, t.now()};
  view.sandbox = TRY(living(t, view.runtime));
  if (view.sandbox) {
    const auto due = lifetime::due(view.sandbox->lifetime, t.moment(), installation_.down);
    view.sandbox->lifetime.expires_at = due ? std::optional(due->at) : std::nullopt;
  }
  return view;
}

Result<RuntimeView> Runtimes::ensure(const Caller& caller, const NewRuntime& wish, const Once& once) {
  TRY(require(caller, Role::member));
  const auto key = wish.key.empty() ? wish.project : wish.key;
  TRY(check_runtime_key(key));
  auto made = store_.write([&](Transaction& t) -> Result<RuntimeView> {
    if (const auto first = TRY(recall(t, once))) {
      auto again = TRY(view(t, TRY(t.runtimes().get(first->resource))));
      again.created = first->status == 201;
      return again;
    }
    TRY(effective_limit(TRY(limits_of_workspace(t, caller.workspace)), wish.requested_limit));
    const auto digest = digest_(wish.config.document);
    if (auto there = TRY(t.runtimes().find_named(caller.workspace, key))) {
      if (wish.config_given && there->config_digest != digest)
        return fail(Code::conflict,
                    "there is a runtime with the key \"" + key + "\" and another configuration: replace that one with "
                    "PUT .../config",
                    "config_differs");
      TRY(remember(t, once, {.status = 200, .resource = there->resource.id}));
      return view(t, std::move(*there));
    }
    TRY(refuse_closed(t, caller.workspace));
    Runtime runtime;
    auto& resource = runtime.resource;
    resource.id = {new_id(describe(Kind::runtime).prefix, t, random_)};
    resource.kind = Kind::runtime;
    resource.parent = resource.workspace = caller.workspace;
    resource.name = key;
    resource.created_at = resource.updated_at = t.now();
    runtime.title = wish.title.empty() ? key : wish.title;
    runtime.description = wish.description;
    runtime.project = wish.project;
    runtime.owner = caller.user;
    runtime.config = wish.config;
    runtime.config_digest = digest;
    runtime.requested_limit = wish.requested_limit;
    TRY(t.runtimes().insert(runtime));
    TRY(audit(t, random_, caller, "runtime.created", resource, {{"key", key}}));
    TRY(remember(t, once, {.status = 201, .resource = resource.id}));
    return RuntimeView{runtime, {}, t.now(), true};
  });
  FAILPOINT("create_runtime.after_commit");
  return made;
}

Result<RuntimeView> Runtimes::get(const Caller& caller, const std::string& id_or_key) {
  return store_.read([&](Transaction& t) -> Result<RuntimeView> { return view(t, TRY(find(t, caller, id_or_key))); });
}

Result<std::vector<RuntimeView>> Runtimes::list(const Caller& caller, RuntimeFilter filter, const Page& page) {
  filter.workspace = caller.workspace;
  return store_.read([&](Transaction& t) -> Result<std::vector<RuntimeView>> {
    std::vector<RuntimeView> views;
    for (auto& runtime : TRY(t.runtimes().list(filter, page))) views.push_back(TRY(view(t, std::move(runtime))));
    return views;
  });
}

Result<RuntimeView> Runtimes::replace_config(const Caller& caller, const std::string& id_or_key,
                                             const RuntimeConfig& config, const Once& once) {
  return store_.write([&](Transaction& t) -> Result<RuntimeView> {
    auto runtime = TRY(find_own(t, caller, id_or_key));
    if (TRY(recall(t, once))) return view(t, std::move(runtime));
    const auto digest = digest_(config.document);
    if (digest != runtime.config_digest) {
      runtime.config = config;
      runtime.config_digest = digest;
      ++runtime.config_version;
      runtime.resource.updated_at = t.now();
      TRY(t.runtimes().update(runtime));
      TRY(audit(t, random_, caller, "runtime.config_replaced", runtime.resource, {{"config_digest", digest}}));
    }
    TRY(remember(t, once, {.resource = runtime.resource.id}));
    return view(t, std::move(runtime));
  });
}

Result<KeptAlive> Runtimes::extend(Transaction& t, const Sandbox& sandbox, const lifetime::Extension& wish,
                                   const Once& once) const {
  if (sandbox.resource.state == State::running && !lifetime::due(sandbox.lifetime, t.moment(), installation_.down))
    return fail(Code::conflict, "sandbox " + sandbox.resource.id.text + " has no deadline that could be put off",
                "no_expiry");
  return KeptAlive{TRY(sandboxes_.extend_in(t, sandbox, wish, once)), t.now()};
}

void Runtimes::submit_keepalive(std::function<Result<Sandbox>(Transaction&)> find, const lifetime::Extension& wish,
                                std::function<void(Result<KeptAlive>)> then, const Once& once) {
  auto answer = std::make_shared<Result<KeptAlive>>();
  store_.submit(
      [this, find = std::move(find), wish, once, answer](Transaction& t) -> Status {
        const auto find_and_extend = [&]() -> Result<KeptAlive> {
          const auto sandbox = TRY(find(t));
          if (const auto first = TRY(recall(t, once)))
            return KeptAlive{{first->expires_at, first->limit_at, first->clamped}, t.now()};
          return extend(t, sandbox, wish, once);
        };
        *answer = find_and_extend();
        return *answer ? Status() : Status(tl::unexpected(answer->error()));
      },
      [answer, then = std::move(then)](Status status) {
        then(status ? std::move(*answer) : Result<KeptAlive>(tl::unexpected(std::move(status).error())));
      });
}

void Runtimes::keepalive(const Caller& caller, const std::string& id_or_key, const lifetime::Extension& wish,
                         std::function<void(Result<KeptAlive>)> then, const Once& once) {
  const auto find_it = [this, caller, id_or_key, once](Transaction& t) -> Result<Sandbox> {
    const auto runtime = TRY(find_own(t, caller, id_or_key));
    // A repeat has the first answer, whatever has become of the sandbox since.
    const auto first = TRY(recall(t, once));
    const auto sandbox = first ? TRY(newest(t, runtime)) : TRY(living(t, runtime));
    if (sandbox) return std::move(*sandbox);
    return fail(Code::conflict, "runtime " + runtime.resource.name + " is idle: it has no sandbox to keep alive",
                "runtime_idle");
  };
  submit_keepalive(find_it, wish, std::move(then), once);
}

Result<Sandbox> Runtimes::find_sandbox_own(Transaction& t, const Caller& caller, const std::string& id) const {
  const auto uuid = kind_of_id(id) == Kind::sandbox ? uuid_in(id) : parse_uuid(id);
  if (!uuid) return tl::unexpected(no_such_sandbox(id));
  auto sandbox = TRY(sandboxes_.find(t, caller, std::string(describe(Kind::sandbox).prefix) + hex(*uuid)));
  TRY(require(caller, Role::member));
  if (kind_of_id(sandbox.resource.parent.text) == Kind::runtime)
    TRY(require_owner(caller, TRY(t.runtimes().get(sandbox.resource.parent))));
  return sandbox;
}

void Runtimes::keepalive_sandbox(const Caller& caller, const std::string& id, const lifetime::Extension& wish,
                                 std::function<void(Result<KeptAlive>)> then, const Once& once) {
  submit_keepalive([this, caller, id](Transaction& t) { return find_sandbox_own(t, caller, id); }, wish,
                   std::move(then), once);
}

Result<DeletionAccepted> Runtimes::remove_sandbox(const Caller& caller, const std::string& id, const Once& once) {
  return store_.write([&](Transaction& t) -> Result<DeletionAccepted> {
    if (const auto first = TRY(recall(t, once)))
      return DeletionAccepted{first->task, TRY(t.sandboxes().get(first->resource))};
    const auto sandbox = TRY(find_sandbox_own(t, caller, id));
    if (sandbox.resource.state == State::gone) return tl::unexpected(no_such_sandbox(id));
    DeletePolicy waived;
    waived.archive = false;
    const auto task = TRY(deletion_.begin(t, caller, sandbox, {waived, "request"}));
    TRY(remember(t, once, {.resource = sandbox.resource.id, .task = task}));
    return DeletionAccepted{task, TRY(t.sandboxes().get(sandbox.resource.id))};
  });
}

Result<RuntimeLimits> Runtimes::limits_in(Transaction& t, const ResourceId& organization) const {
  auto limits = settings_.limits;
  if (const auto text = TRY(t.settings().get(setting_of(organization)))) limits.organization = limits_from(*text);
  return limits;
}

Result<RuntimeLimits> Runtimes::limits_of_workspace(Transaction& t, const ResourceId& workspace) const {
  const auto row = TRY(t.identities().find_workspace(workspace.text));
  if (!row) return settings_.limits;
  return limits_in(t, row->resource.parent);
}

Result<RuntimeLimits> Runtimes::limits(const ResourceId& organization) {
  return store_.read([&](Transaction& t) { return limits_in(t, organization); });
}

Result<RuntimeLimits> Runtimes::set_limits(const Caller& caller, const ResourceId& organization,
                                           const std::function<void(OrganizationLimits&)>& change) {
  TRY(require(caller, Role::admin));
  TRY(require_whole_key(caller));
  return store_.write([&](Transaction& t) -> Result<RuntimeLimits> {
    auto limits = TRY(limits_in(t, organization));
    const auto before = limits.organization;
    change(limits.organization);
    const auto most = limits.organization.most.value_or(limits.platform_max);
    TRY(check_level("max_seconds", limits.organization.most, limits.platform_max));
    TRY(check_level("default_seconds", limits.organization.standard, most));
    if (limits.organization == before) return limits;
    TRY(t.settings().put(setting_of(organization), to_text(limits.organization)));
    Resource subject;
    subject.id = organization;
    subject.workspace = caller.workspace;
    TRY(audit(t, random_, caller, "organization.runtime_limits_set", subject,
              {{"limits", to_text(limits.organization)}}));
    return limits;
  });
}

}  // namespace mayfly
