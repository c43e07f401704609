#pragma once
// One life of the server, wired as main/engine.cc wires it. What that gives a thread has a fiber here, in loops.cc.

#include "app/awake_agent.h"
#include "app/execution.h"
#include "app/image_builds.h"
#include "app/people.h"
#include "app/pool.h"
#include "app/standby.h"
#include "app/workspaces.h"
#include "simulation/agent.h"
#include "simulation/store.h"
#include "support/server.h"

namespace mayfly::simulation {

struct Life {
  Life(const Outside& outside, Agent& agent, SimulatedStore& of, Scheduler& on, const Installation& installation,
       const Pool::Sizes& sizes)
      : scheduler(on), store(of),
        server(outside, installation),
        access(outside.store, [](std::string_view secret) { return std::string(secret); }, outside.clock),
        workspaces(outside.store, access, outside.random),
        pool(outside.store, outside.driver, server.deletion, server.locks, outside.random, server.installation, sizes),
        standby(outside.store, outside.driver, agent, server.locks, outside.clock, server.installation),
        awake_agent(agent, standby, [this](std::function<void()> work) { when_nothing_is_locked(std::move(work)); }),
        idempotency(outside.store, outside.random, outside.clock,
                    [](std::string_view bytes) { return std::string(bytes); }),
        execution(server.sandboxes, awake_agent, server.activity, idempotency, server.installation),
        builds(outside.store, outside.images, server.images, outside.random) {
    server.sandboxes.claim_from(pool);
    pool.taken = [this] { pool_bell.ring(); };
    execution.agent_missed = [this] { reconcile_bell.ring(); };
    server.worker.claimed = [this](Lane lane) { bell(lane).ring(); };
    server.archives.post = outside.elsewhere;
    builds.post = [this](std::function<void()> work) {
      scheduler.spawn("build", [this, work = std::move(work)] {
        const Scheduler::Atomic whole(scheduler);   // it holds a mutex over its record
        work();
      });
    };
    outside.store.on_commit([this](const Wakes& wakes) { hear(wakes); });
  }

  void hear(const Wakes& wakes) {
    if (wakes.fast_work) fast_bell.ring();
    if (wakes.slow_work) slow_bell.ring();
    if (wakes.deadline && server.deadlines.notice(*wakes.deadline)) alarm.ring();
    if (wakes.settled.empty()) return;
    server.waiting.settled(wakes.settled);
    standby.notice(wakes.settled);
    pool_bell.ring();
  }

  Bell& bell(Lane lane) { return lane == Lane::fast ? fast_bell : slow_bell; }

  /// A thaw waits for its turn by the real clock, so it is begun when that is there; and in one piece.
  void when_nothing_is_locked(std::function<void()> work) {
    scheduler.spawn("thaw", [this, work = std::move(work)] {
      while (anything_is_locked()) scheduler.sleep(std::chrono::milliseconds(200));
      const Scheduler::Atomic whole(scheduler);
      work();
    });
  }
  bool anything_is_locked() {
    for (const auto& [id, row] : store.rows().sandboxes) {
      if (row.resource.state == State::gone) continue;
      if (!server.locks.try_lock(uid_of(id))) return true;
      server.locks.unlock(uid_of(id));
    }
    return false;
  }

  Scheduler& scheduler;
  SimulatedStore& store;
  Server server;
  Access access;
  Workspaces workspaces;
  Pool pool;
  Standby standby;
  AwakeAgent awake_agent;
  Idempotency idempotency;
  Execution execution;
  ImageBuilds builds;
  Bell fast_bell, slow_bell, reconcile_bell, pool_bell, alarm;
};

}  // namespace mayfly::simulation
