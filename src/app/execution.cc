#include "app/execution.h"

namespace mayfly {

namespace {

// A call that arrives while its sandbox starts waits at most this long for it.
constexpr Duration start_patience = 30s;

Status running(const Sandbox& sandbox) {
  if (sandbox.resource.state == State::running) return {};
  if (sandbox.resource.state == State::gone)
    return fail(Code::not_found, "sandbox " + sandbox.resource.id.text + " is gone", "sandbox_not_found");
  return fail(Code::conflict,
              "sandbox " + sandbox.resource.id.text + " is " + std::string(name(sandbox.resource.state)) +
                  "; only a running one can be used",
              "state_" + std::string(name(sandbox.resource.state)));
}

void with_defaults(Command& command, const SandboxSpec& spec) {
  if (command.cwd.empty()) command.cwd = spec.workdir;
  for (const auto& [key, value] : spec.env) command.env.emplace(key, value);
}

}  // namespace

void Execution::run(const Caller& caller, const std::string& id_or_name, Command command, Duration wait,
                    std::function<void(Result<RunResult>)> then) {
  if (auto allowed = require(caller, Role::member); !allowed) return then(tl::unexpected(allowed.error()));
  const auto sandbox = sandboxes_.get(caller, id_or_name);
  if (!sandbox) return then(tl::unexpected(sandbox.error()));
  const auto state = sandbox->resource.state;
  if (state != State::requested && state != State::starting && state != State::resuming)
    return run_in(caller, *sandbox, std::move(command), wait, std::move(then));
  sandboxes_.when_settled(caller, sandbox->resource.id, start_patience,
                          [this, caller, command = std::move(command), wait,
                           then = std::move(then)](Result<Sandbox> settled) {
                            if (!settled) return then(tl::unexpected(settled.error()));
                            run_in(caller, *settled, command, wait, then);
                          });
}

void Execution::run_in(const Caller& caller, const Sandbox& sandbox, Command command, Duration wait,
                       std::function<void(Result<RunResult>)> then) {
  if (auto fine = running(sandbox); !fine) return then(tl::unexpected(fine.error()));
  with_defaults(command, sandbox.spec);
  auto held = activity_.hold(sandbox.resource.id, Activity::exec);
  agent_.run(incarnation_of(sandbox, installation_), command, wait,
             [this, caller, sandbox, held = std::move(held), then = std::move(then)](Result<RunResult> result) {
               if (result) return then(std::move(result));
               if (result.error().code == Code::unavailable) agent_missed();
               then(tl::unexpected(why_cut_off(caller, sandbox, std::move(result).error())));
             });
}

/// A sandbox is marked before its processes are touched, so its row knows what the agent could not tell any more.
Error Execution::why_cut_off(const Caller& caller, const Sandbox& sandbox, Error met) {
  if (met.code != Code::unavailable && met.code != Code::timed_out) return met;
  const auto now = sandboxes_.get(caller, sandbox.resource.id.text);
  if (!now || now->resource.state == State::running) return met;
  const std::string who = "sandbox " + sandbox.resource.id.text;
  if (now->ending && now->ending->reason == "disk_limit")
    return {Code::no_space,
            who + " was stopped while the command ran: its files take more than the " +
                std::to_string(now->spec.resources.disk_mb) + " MiB it may have",
            "disk_limit", {}};
  const std::string state(name(now->resource.state));
  return {Code::conflict, who + " is " + state + ": its state changed while the command ran", "state_" + state, {}};
}

Result<Incarnation> Execution::use(const Caller& caller, const std::string& id_or_name, Activity by) {
  TRY(require(caller, Role::member));
  const auto sandbox = TRY(sandboxes_.get(caller, id_or_name));
  TRY(running(sandbox));
  activity_.touch(sandbox.resource.id, by);
  return incarnation_of(sandbox, installation_);
}

Result<Incarnation> Execution::look(const Caller& caller, const std::string& id_or_name) {
  const auto sandbox = TRY(sandboxes_.get(caller, id_or_name));
  TRY(running(sandbox));
  return incarnation_of(sandbox, installation_);
}

}  // namespace mayfly
