#pragma once
// The programs inside: they write files, answer late or never, and say what they like.

#include "simulation/host.h"
#include "simulation/scheduler.h"
#include "support/quiet_agent.h"

namespace mayfly::simulation {

class SimulatedAgent : public QuietAgent {
 public:
  SimulatedAgent(Host& host, Scheduler& scheduler) : host_(host), scheduler_(scheduler) {}

  void run(const Incarnation& to, const Command& command, Duration wait,
           std::function<void(Result<RunResult>)> then) override {
    scheduler_.spawn("agent", [this, to, token = command.token, wait, then = std::move(then)] {
      scheduler_.pause();
      if (host_.strike(&Faults::agent_hangs) || frozen(to)) {
        scheduler_.sleep(wait);
        return then(fail(Code::timed_out, "no answer from the agent"));
      }
      const auto found = host_.containers.find(to);
      if (found == host_.containers.end() || !found->second.running)
        return then(fail(Code::unavailable, "no agent listens"));
      auto& process = processes_[to][token];
      if (process == 0 || token.empty()) {
        process = ++next_process_;
        host_.layers[{to.instance, to.uid, found->second.layer}] += 'x';
        ++host_.cpu[to.uid];
      }
      RunResult result;
      result.process.id = host_.strike(&Faults::agent_lies) ? 1'000'000 : process;
      result.process.running = false;
      then(result);
    });
  }
  void wait(const Incarnation& to, std::int64_t, Duration wait,
            std::function<void(Result<RunResult>)> then) override {
    run(to, {}, wait, std::move(then));
  }

  Result<std::int64_t> holding(const Incarnation& to) override {
    if (host_.strike(&Faults::agent_hangs) || frozen(to)) return fail(Code::timed_out, "no answer from the agent");
    if (host_.strike(&Faults::agent_lies)) return static_cast<std::int64_t>(host_.chance->below(3)) - 1;
    return 0;
  }

 private:
  bool frozen(const Incarnation& to) const {
    const auto found = host_.containers.find(to);
    return found != host_.containers.end() && found->second.frozen;
  }

  Host& host_;
  Scheduler& scheduler_;
  std::map<Incarnation, std::map<std::string, std::int64_t>> processes_;   // by token
  std::int64_t next_process_ = 0;
};

}  // namespace mayfly::simulation
