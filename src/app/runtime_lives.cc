// The lives of a runtime: starting, pausing, resuming, stopping and ending the sandbox that counts for it.

#include "app/audit.h"
#include "app/runtimes.h"
#include "base/failpoint.h"

namespace mayfly {

using lifecycle::Move;

namespace {

Error idle(const Runtime& runtime, const std::string& what) {
  return {Code::conflict, "runtime " + runtime.resource.name + " is idle: there is nothing to " + what, "runtime_idle",
          {}};
}

Error deleted_meanwhile(const Sandbox& sandbox) {
  return {Code::conflict, "sandbox " + sandbox.resource.id.text + " was deleted meanwhile", "deleted_while_starting",
          {}};
}

Error not_started(const Sandbox& sandbox) {
  return {Code::unavailable,
          "sandbox " + sandbox.resource.id.text + " did not start: " + sandbox.work.last_error +
              (sandbox.work.error_code.empty() ? "" : " (" + sandbox.work.error_code + ")"),
          "start_failed", {}};
}

Error still_at_it(const Sandbox& sandbox, Duration patience) {
  auto text = "sandbox " + sandbox.resource.id.text + " is still " + std::string(name(sandbox.resource.state)) +
              " after " + human(patience) + "; it goes on: ask again";
  if (!sandbox.work.last_error.empty()) text += ". Its last attempt: " + sandbox.work.last_error;
  return {Code::timed_out, std::move(text), "still_" + std::string(name(sandbox.resource.state)), {}};
}

Error elsewhere(const Sandbox& sandbox) {
  const std::string state(name(sandbox.resource.state));
  return {Code::conflict, "sandbox " + sandbox.resource.id.text + " is " + state + ": somebody else has moved it",
          "state_" + state, {}};
}

// One finds it pausing and waits, one begins the way back, and one more for whoever came between.
constexpr int most_steps = 3;

DeleteRequest waived(std::string reason) {
  DeleteRequest request;
  request.policy.archive = false;
  request.reason = std::move(reason);
  return request;
}

}  // namespace

/// The first of its life: whatever was before has ended.
Status Runtimes::new_life(Transaction& t, const Caller& caller, Runtime& runtime, const RuntimeStart& wish) const {
  const auto& config = runtime.config;
  const auto requested = wish.requested_limit ? wish.requested_limit : runtime.requested_limit;
  const auto limit = TRY(effective_limit(TRY(limits_of_workspace(t, caller.workspace)), requested));
  NewSandbox life;
  life.parent = runtime.resource.id;
  life.spec = config.spec;
  if (life.spec.image.empty()) life.spec.image = settings_.image;
  life.image_given = life.resources_given = true;
  life.labels = config.labels;
  if (!runtime.project.empty()) life.labels.emplace("project", runtime.project);
  life.lifetime.limit = limit.limit;
  life.lifetime.max_age = std::min(config.timeout, limit.limit);
  life.lifetime.actions.fill(config.on_timeout);
  life.lifetime.warn = settings_.warn;
  const auto sandbox = TRY(sandboxes_.create_in(t, caller, life));
  runtime.sandbox = sandbox.resource.id;
  runtime.sandbox_digest = runtime.config_digest;
  runtime.sandbox_requested = requested;
  runtime.sandbox_level = limit.source;
  runtime.resource.updated_at = t.now();
  TRY(t.runtimes().update(runtime));
  TRY(audit(t, random_, caller, "runtime.started", runtime.resource, {{"sandbox", sandbox.resource.id.text}}));
  return {};
}

Status Runtimes::end_life(Transaction& t, const Caller& caller, const Sandbox& sandbox,
                          const std::string& reason) const {
  TRY(deletion_.begin(t, caller, sandbox, waived(reason)));
  return {};
}

/// What a loop has not come by to do yet; a start must not answer with what is about to end.
Status Runtimes::expire_in(Transaction& t, Sandbox sandbox, const Due& due) const {
  const auto caller = Caller::system("deadline", sandbox.resource.workspace);
  const std::string reason(mayfly::name(due.trigger));
  if (due.action == ExpiryAction::remove) {
    TRY(deletion_.begin(t, caller, sandbox, {.policy = {}, .reason = reason}));
    return {};
  }
  const auto move = due.action == ExpiryAction::stop ? Move::ask_stop : Move::ask_pause;
  return sandboxes_.move_in(t, caller, sandbox, move, {reason, caller.actor, t.now()});
}

/// Paused or stopped time never counted: what was left of the limit then is left now.
Status Runtimes::go_on_in(Transaction& t, const Caller& caller, Sandbox sandbox, Move move) const {
  const auto& life = sandbox.lifetime;
  if (life.limit_at && life.halted_at && *life.limit_at <= *life.halted_at)
    return fail(Code::conflict,
                "the limit of " + human(life.policy.limit.value_or(Duration::zero())) + " of sandbox " +
                    sandbox.resource.id.text + " is spent: reset the runtime to begin anew",
                "limit_reached");
  return sandboxes_.move_in(t, caller, sandbox, move, {"request", caller.actor, t.now()});
}

Status Runtimes::resume_in(Transaction& t, const Caller& caller, Sandbox sandbox) const {
  return go_on_in(t, caller, std::move(sandbox), Move::ask_resume);
}

Result<bool> Runtimes::start_in(Transaction& t, const Caller& caller, Runtime& runtime,
                                const RuntimeStart& wish) const {
  const auto begun = [](Status status) -> Result<bool> {
    TRY(status);
    return true;
  };
  if (wish.requested_limit)
    TRY(effective_limit(TRY(limits_of_workspace(t, caller.workspace)), wish.requested_limit));
  auto sandbox = TRY(living(t, runtime));
  if (sandbox && runtime.sandbox_digest != runtime.config_digest && wish.if_stale != IfStale::keep) {
    if (wish.if_stale == IfStale::fail)
      return fail(Code::conflict,
                  "the configuration has changed since sandbox " + sandbox->resource.id.text +
                      " was made: reset the runtime, or start it with if_stale \"replace\"",
                  "config_stale");
    TRY(end_life(t, caller, *sandbox, "reset"));
    sandbox.reset();
  }
  if (!sandbox) return begun(new_life(t, caller, runtime, wish));
  const auto state = sandbox->resource.state;
  if (state == State::failed) {
    // One that has run may hold work; one that never did holds nothing.
    if (sandbox->started_at) TRY(deletion_.begin(t, caller, *sandbox, {.policy = {}, .reason = "start_failed"}));
    else TRY(end_life(t, caller, *sandbox, "start_failed"));
    return begun(new_life(t, caller, runtime, wish));
  }
  if (state == State::running)
    if (const auto due = lifetime::expired(sandbox->lifetime, t.moment(), installation_.down)) {
      TRY(expire_in(t, *sandbox, *due));
      if (due->action != ExpiryAction::remove) return false;
      return begun(new_life(t, caller, runtime, wish));
    }
  if (state == State::paused) return begun(resume_in(t, caller, *sandbox));
  if (state == State::stopped) return begun(go_on_in(t, caller, *sandbox, Move::ask_start));
  return runtime_state(state) == RuntimeState::running || state == State::requested || state == State::starting ||
         state == State::resuming;
}

Result<RuntimeView> Runtimes::begin_start(const Caller& caller, const std::string& id_or_key, const RuntimeStart& wish,
                                          const Once& once) {
  const bool cold = TRY(store_.read([&](Transaction& t) -> Result<bool> {
    return !TRY(living(t, TRY(find_own(t, caller, id_or_key))));
  }));
  if (cold) TRY(sandboxes_.may_create());
  auto begun = store_.write([&](Transaction& t) -> Result<RuntimeView> {
    auto runtime = TRY(find_own(t, caller, id_or_key));
    // A repeat finds what the first one has begun, and begins nothing that somebody has ended since.
    const bool repeated = TRY(recall(t, once)).has_value();
    if (!repeated && TRY(start_in(t, caller, runtime, wish)))
      TRY(remember(t, once, {.resource = runtime.resource.id}));
    auto seen = TRY(view(t, TRY(t.runtimes().get(runtime.resource.id))));
    seen.repeated = repeated;
    return seen;
  });
  FAILPOINT("start_runtime.after_commit");
  return begun;
}

/// Runs the step, waits until what it began is done, and runs it again where that has led elsewhere.
void Runtimes::settle(const Caller& caller, Step step, RuntimeState wanted, Time deadline, int steps_left, Then then) {
  auto now = step();
  if (!now || now->state() == wanted || (now->repeated && now->sandbox)) {
    const bool moving = now && now->sandbox && lifecycle::transitional(now->sandbox->resource.state);
    if (!moving) return then(std::move(now));
  }
  if (!now->sandbox)
    return then(tl::unexpected(Error{Code::conflict, "the sandbox of runtime " + now->runtime.resource.name +
                                                         " was deleted meanwhile", "deleted_while_starting", {}}));
  const auto patience = std::max(deadline - clock_.now(), Duration::zero());
  sandboxes_.when_settled(
      caller, now->sandbox->resource.id, patience,
      [this, caller, step, wanted, deadline, steps_left, then, id = now->runtime.resource.id](Result<Sandbox> settled) {
        if (!settled) return then(tl::unexpected(settled.error()));
        const auto state = settled->resource.state;
        if (!lives(state)) return then(tl::unexpected(deleted_meanwhile(*settled)));
        if (lifecycle::transitional(state)) return then(tl::unexpected(still_at_it(*settled, settings_.patience)));
        if (state == State::failed) return then(tl::unexpected(not_started(*settled)));
        if (runtime_state(state) == wanted) return then(get(caller, id.text));
        if (steps_left <= 1 || clock_.now() >= deadline) return then(tl::unexpected(elsewhere(*settled)));
        settle(caller, step, wanted, deadline, steps_left - 1, then);
      });
}

void Runtimes::start(const Caller& caller, const std::string& id_or_key, const RuntimeStart& wish, Then then,
                     const Once& once) {
  const auto first = std::make_shared<bool>(true);
  // Only the first step replaces what is stale, or it would replace its own.
  settle(caller,
         [this, caller, id_or_key, wish, once, first] {
           if (std::exchange(*first, false)) return begin_start(caller, id_or_key, wish, once);
           return begin_start(caller, id_or_key, {wish.requested_limit, IfStale::keep}, once);
         },
         RuntimeState::running, clock_.now() + settings_.patience, most_steps, std::move(then));
}

void Runtimes::move(const Caller& caller, const std::string& id_or_key, RuntimeState wanted,
                    std::function<Result<bool>(Transaction&, const Runtime&, Sandbox)> act, Then then,
                    const Once& once) {
  const auto step = [this, caller, id_or_key, act = std::move(act), once]() -> Result<RuntimeView> {
    return store_.write([&](Transaction& t) -> Result<RuntimeView> {
      const auto runtime = TRY(find_own(t, caller, id_or_key));
      const bool repeated = TRY(recall(t, once)).has_value();
      if (!repeated) {
        auto sandbox = TRY(living(t, runtime));
        if (!sandbox || runtime_state(sandbox->resource.state) == RuntimeState::idle)
          return tl::unexpected(idle(runtime, "pause, resume or stop"));
        if (TRY(act(t, runtime, std::move(*sandbox)))) TRY(remember(t, once, {.resource = runtime.resource.id}));
      }
      auto seen = TRY(view(t, runtime));
      seen.repeated = repeated;
      return seen;
    });
  };
  settle(caller, step, wanted, clock_.now() + settings_.patience, most_steps, std::move(then));
}

void Runtimes::pause(const Caller& caller, const std::string& id_or_key, Then then, const Once& once) {
  const auto act = [this, caller](Transaction& t, const Runtime&, Sandbox sandbox) -> Result<bool> {
    const auto state = sandbox.resource.state;
    if (state == State::paused || state == State::pausing) return true;
    if (state == State::resuming) return false;   // its turn is when that is done
    TRY(sandboxes_.move_in(t, caller, sandbox, Move::ask_pause, {"request", caller.actor, t.now()}));
    return true;
  };
  move(caller, id_or_key, RuntimeState::paused, act, std::move(then), once);
}

void Runtimes::resume(const Caller& caller, const std::string& id_or_key, Then then, const Once& once) {
  const auto act = [this, caller](Transaction& t, const Runtime&, Sandbox sandbox) -> Result<bool> {
    const auto state = sandbox.resource.state;
    if (state == State::running || state == State::resuming) return true;
    if (state == State::pausing) return false;
    TRY(resume_in(t, caller, std::move(sandbox)));
    return true;
  };
  move(caller, id_or_key, RuntimeState::running, act, std::move(then), once);
}

void Runtimes::stop(const Caller& caller, const std::string& id_or_key, Then then, const Once& once) {
  const auto act = [this, caller](Transaction& t, const Runtime&, Sandbox sandbox) -> Result<bool> {
    const auto state = sandbox.resource.state;
    if (state == State::stopped || state == State::stopping) return true;
    TRY(sandboxes_.move_in(t, caller, sandbox, Move::ask_stop, {"request", caller.actor, t.now()}));
    return true;
  };
  move(caller, id_or_key, RuntimeState::stopped, act, std::move(then), once);
}

Result<RuntimeView> Runtimes::reset(const Caller& caller, const std::string& id_or_key, const Once& once) {
  auto done = store_.write([&](Transaction& t) -> Result<RuntimeView> {
    auto runtime = TRY(find_own(t, caller, id_or_key));
    if (TRY(recall(t, once))) return view(t, std::move(runtime));
    const auto sandbox = TRY(living(t, runtime));
    if (!sandbox) return tl::unexpected(idle(runtime, "reset"));
    TRY(end_life(t, caller, *sandbox, "reset"));
    runtime.resource.updated_at = t.now();
    TRY(t.runtimes().update(runtime));
    TRY(audit(t, random_, caller, "runtime.reset", runtime.resource, {{"sandbox", sandbox->resource.id.text}}));
    TRY(remember(t, once, {.resource = runtime.resource.id}));
    return view(t, std::move(runtime));
  });
  FAILPOINT("reset_runtime.after_commit");
  return done;
}

Result<Runtimes::Deleted> Runtimes::remove(const Caller& caller, const std::string& id_or_key, const Once& once) {
  auto done = store_.write([&](Transaction& t) -> Result<Deleted> {
    if (const auto first = TRY(recall(t, once)))
      return Deleted{TRY(t.runtimes().get(first->resource)), first->task};
    const auto runtime = TRY(find(t, caller, id_or_key));
    if (caller.role != Role::admin) TRY(require_owner(caller, runtime));
    const auto task = TRY(deletion_.begin(t, caller, runtime, waived("request")));
    TRY(remember(t, once, {.resource = runtime.resource.id, .task = task}));
    return Deleted{TRY(t.runtimes().get(runtime.resource.id)), task};
  });
  FAILPOINT("delete_runtime.after_commit");
  return done;
}

}  // namespace mayfly
