#include "app/execution.h"

#include <future>

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

bool on_its_way(State state) {
  return state == State::requested || state == State::starting || state == State::resuming;
}

Error server_stops() {
  return {Code::unavailable, "the server is stopping; a command that has begun goes on in its sandbox", "stopping", {}};
}

/// A stream that holds what it stands for, and tells why it breaks off.
class TellingStream final : public ProcessStream {
 public:
  TellingStream(std::unique_ptr<ProcessStream> stream, std::shared_ptr<void> held, std::function<Error(Error)> tell,
                std::shared_ptr<Streams::Place> place)
      : stream_(std::move(stream)), held_(std::move(held)), tell_(std::move(tell)), place_(std::move(place)) {
    place_->on_stop([this] { stream_->cancel(); });
  }

  const Process& process() const override { return stream_->process(); }
  Result<ProcessNews> next(Duration patience) override { return stream_->next(patience).map_error(tell_); }
  void cancel() override { stream_->cancel(); }

 private:
  const std::unique_ptr<ProcessStream> stream_;
  const std::shared_ptr<void> held_;
  const std::function<Error(Error)> tell_;
  const std::shared_ptr<Streams::Place> place_;   // given back first: it may call us until then
};

Error forgotten(const Outcome& outcome) {
  return {Code::not_found,
          "this request started process " + std::to_string(outcome.process) + " of sandbox " + outcome.resource.text +
              ", which has ended; its result is not kept any more",
          "process_forgotten", {}};
}

/// A container that has ended took its processes with it, and what its agent knew.
Error container_gone(const Outcome& outcome) {
  if (outcome.process != 0) return forgotten(outcome);
  return {Code::conflict,
          "this request was made before sandbox " + outcome.resource.text +
              " was stopped, and its answer was lost: whether the command ran cannot be told any more. To run it in "
              "any case, send it with a new Idempotency-Key",
          "outcome_unknown", {}};
}

}  // namespace

void Execution::run(const Caller& caller, const std::string& id_or_name, Command command, Duration wait,
                    Then then, const Once& once) {
  if (auto allowed = require(caller, Role::member); !allowed) return then(tl::unexpected(allowed.error()));
  const auto first = once ? idempotency_.look(once) : std::optional<Outcome>();
  if (!first) return then(tl::unexpected(first.error()));
  if (*first) return run_once(caller, **first, std::move(command), wait, std::move(then), once);
  run_first(caller, id_or_name, std::move(command), wait, std::move(then), once);
}

void Execution::run_first(const Caller& caller, const std::string& id_or_name, Command command, Duration wait,
                          Then then, const Once& once) {
  when_started(caller, id_or_name,
               [this, caller, command = std::move(command), wait, then = std::move(then),
                once](Result<Sandbox> sandbox) {
                 if (!sandbox) return then(tl::unexpected(sandbox.error()));
                 run_in(caller, *sandbox, command, wait, then, once);
               });
}

void Execution::when_started(const Caller& caller, const std::string& id_or_name,
                             std::function<void(Result<Sandbox>)> then) {
  auto sandbox = sandboxes_.get(caller, id_or_name);
  if (!sandbox) return then(std::move(sandbox));
  if (!on_its_way(sandbox->resource.state)) return then(std::move(sandbox));
  sandboxes_.when_settled(caller, sandbox->resource.id, start_patience, std::move(then));
}

void Execution::run_in(const Caller& caller, const Sandbox& sandbox, Command command, Duration wait, Then then,
                       const Once& once) {
  if (streams_.stopping()) return then(tl::unexpected(server_stops()));
  if (auto fine = running(sandbox); !fine) return then(tl::unexpected(fine.error()));
  if (once) {
    const auto begun = idempotency_.begin(once, sandbox);
    if (!begun) return then(tl::unexpected(begun.error()));
    return run_once(caller, *begun, std::move(command), wait, std::move(then), once);
  }
  with_defaults(command, sandbox.spec);
  agent_.run(incarnation_of(sandbox, installation_), command, wait, explaining(caller, sandbox, std::move(then)));
}

/// With an intent on record. The agent starts at most one process per token, however often it is asked, so that an
/// unknown outcome is found out by asking again; once the process is on record it is waited for by its number.
void Execution::run_once(const Caller& caller, const Outcome& outcome, Command command, Duration wait, Then then,
                         const Once& once) {
  const auto sandbox = sandboxes_.get(caller, outcome.resource.text);
  if (!sandbox) return then(tl::unexpected(sandbox.error()));
  if (sandbox->resource.generation != outcome.generation) return then(tl::unexpected(container_gone(outcome)));
  if (auto fine = running(*sandbox); !fine) return then(tl::unexpected(fine.error()));
  const auto to = incarnation_of(*sandbox, installation_);
  auto tell = explaining(caller, *sandbox, std::move(then));
  if (outcome.process != 0) {
    return agent_.wait(to, outcome.process, wait, [outcome, tell = std::move(tell)](Result<RunResult> result) {
      if (!result && result.error().code == Code::not_found) return tell(tl::unexpected(forgotten(outcome)));
      tell(std::move(result));
    });
  }
  with_defaults(command, sandbox->spec);
  command.token = outcome.token;
  agent_.run(to, command, wait, [this, outcome, once, tell = std::move(tell)](Result<RunResult> result) {
    if (!result) return tell(std::move(result));
    auto known = outcome;
    known.process = result->process.id;
    // A row that could not be written is no loss: the agent still knows the token.
    auto ran = std::make_shared<Result<RunResult>>(std::move(result));
    idempotency_.note(once, known, [ran, tell](Status) { tell(std::move(*ran)); });
  });
}

/// Counts the use until the answer, and says why there is none.
Execution::Then Execution::explaining(const Caller& caller, const Sandbox& sandbox, Then then) {
  auto held = activity_.hold(sandbox.resource.id, Activity::exec);
  return [this, caller, sandbox, held = std::move(held), then = std::move(then)](Result<RunResult> result) {
    if (result) return then(std::move(result));
    if (result.error().code == Code::unavailable && result.error().reason != "stopping") agent_missed();
    then(tl::unexpected(why_cut_off(caller, sandbox, std::move(result).error())));
  };
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

Result<std::unique_ptr<ProcessStream>> Execution::attach(const Caller& caller, const std::string& id_or_name,
                                                         Command command) {
  TRY(require(caller, Role::member));
  auto sandbox = TRY(sandboxes_.get(caller, id_or_name));
  auto place = TRY(streams_.take(caller));
  if (on_its_way(sandbox.resource.state)) sandbox = TRY(settled(caller, sandbox.resource.id));
  if (streams_.stopping()) return tl::unexpected(server_stops());
  TRY(running(sandbox));
  with_defaults(command, sandbox.spec);
  auto held = activity_.hold(sandbox.resource.id, Activity::exec);
  auto stream = agent_.attach(incarnation_of(sandbox, installation_), command);
  if (stream) return telling(caller, sandbox, std::move(*stream), std::move(place), std::move(held));
  if (stream.error().code == Code::unavailable) agent_missed();
  return tl::unexpected(why_cut_off(caller, sandbox, std::move(stream).error()));
}

Result<std::unique_ptr<ProcessStream>> Execution::follow(const Caller& caller, const std::string& id_or_name,
                                                         std::int64_t process, const LogView& view) {
  const auto sandbox = TRY(sandboxes_.get(caller, id_or_name));
  TRY(running(sandbox));
  auto place = TRY(streams_.take(caller));
  auto stream = TRY(agent_.follow(incarnation_of(sandbox, installation_), process, view));
  return telling(caller, sandbox, std::move(stream), std::move(place), nullptr);
}

std::unique_ptr<ProcessStream> Execution::telling(const Caller& caller, const Sandbox& sandbox,
                                                  std::unique_ptr<ProcessStream> stream,
                                                  std::shared_ptr<Streams::Place> place, std::shared_ptr<void> held) {
  const auto tell = [this, caller, sandbox](Error met) {
    if (streams_.stopping()) return server_stops();
    if (met.code == Code::unavailable) agent_missed();
    return why_cut_off(caller, sandbox, std::move(met));
  };
  return std::make_unique<TellingStream>(std::move(stream), std::move(held), tell, std::move(place));
}

/// Waits on this thread, which is one that streams have.
Result<Sandbox> Execution::settled(const Caller& caller, const ResourceId& id) {
  const auto answer = std::make_shared<std::promise<Result<Sandbox>>>();
  auto comes = answer->get_future();
  sandboxes_.when_settled(caller, id, start_patience,
                          [answer](Result<Sandbox> sandbox) { answer->set_value(std::move(sandbox)); });
  return comes.get();
}

void Execution::connect(const Caller& caller, const std::string& id_or_name, int port, Connected then) {
  if (auto allowed = require(caller, Role::member); !allowed) return then(tl::unexpected(allowed.error()));
  when_started(caller, id_or_name, [this, caller, port, then = std::move(then)](Result<Sandbox> sandbox) {
    if (!sandbox) return then(tl::unexpected(sandbox.error()));
    connect_in(caller, *sandbox, port, then);
  });
}

void Execution::connect_in(const Caller& caller, const Sandbox& sandbox, int port, Connected then) {
  if (auto fine = running(sandbox); !fine) return then(tl::unexpected(fine.error()));
  const auto& id = sandbox.resource.id;
  auto place = connections_.take(id, caller.key);
  if (!place) return then(tl::unexpected(place.error()));
  using Held = std::vector<std::shared_ptr<void>>;
  auto held = std::make_shared<Held>(Held{std::move(*place), activity_.hold(id, Activity::port)});
  agent_.connect(incarnation_of(sandbox, installation_), port,
                 [this, caller, sandbox, held, then = std::move(then)](Result<PortConnection> to) {
                   if (to) {
                     held->push_back(std::move(to->held));
                     return then(PortConnection{std::move(to->to), held});
                   }
                   if (to.error().code == Code::unavailable) agent_missed();
                   auto why = why_cut_off(caller, sandbox, std::move(to).error());
                   if (why.reason == "port_closed") why.message += " in sandbox " + sandbox.resource.id.text;
                   then(tl::unexpected(std::move(why)));
                 });
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
