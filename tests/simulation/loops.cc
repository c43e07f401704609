// Everything that main/engine.cc gives a thread or a timer. Not here: the HTTP server (clients call app/ as handlers
// do), the ballast file and malloc_trim (of the process and its disk), and the wait for helpers of an earlier life,
// which is a step of the start.

#include "simulation/world.h"

namespace mayfly::simulation {

namespace {

constexpr Duration after_trouble = 1s;   // as in the engine, as are the periods below
constexpr int clock_every = 5, disk_every = 2, forget_every = 10, purge_every = 10, collect_every = 60;
constexpr Duration pool_period = 10s, reconcile_period = 30s;
// Nothing fails in peace: what has no event of its own is looked at less often, so that hours pass in few steps.
constexpr Duration peaceful_period = std::chrono::minutes(10);

}  // namespace

void World::spawn_loops() {
  scheduler_.spawn("reconcile", [this] { reconcile(); });
  for (int i = 0; i < 2; ++i) scheduler_.spawn("fast", [this] { work(Lane::fast); });
  scheduler_.spawn("slow", [this] { work(Lane::slow); });
  scheduler_.spawn("time", [this] { keep_time(); });
  scheduler_.spawn("house", [this] { keep_house(); });
  if (!pool_sizes_.empty()) scheduler_.spawn("pool", [this] { keep_pool(); });
  scheduler_.spawn("sleepers", [this] { watch_sleepers(); });
}

void World::work(Lane lane) {
  for (;;) {
    const auto next = life_->server.worker.run_once(lane);
    heard(lane == Lane::fast ? "fast" : "slow", next);
    auto until = std::optional(clock_.now() + after_trouble);
    if (next) until = *next ? std::optional(std::max(**next, clock_.now() + Duration(100))) : std::nullopt;
    scheduler_.wait(life_->bell(lane), until);
  }
}

void World::keep_time() {
  for (;;) {
    const Moment began{clock_.now(), clock_.wall()};
    const auto& down = life_->server.installation.down;
    const auto overdue = oracle_.overdue(down);
    const auto next = life_->server.deadlines.run_once();
    heard("deadlines", next);
    // Not where it has only begun: more has come in meanwhile, or the wall clock was set, and it comes again at once.
    const bool comes_again = next && ((*next && **next <= clock_.now()) || life_->alarm.rung);
    if (next && !comes_again) oracle_.fired(overdue, began, down);
    auto until = std::optional(clock_.now() + after_trouble);
    if (next) until = *next && **next != Time::max() ? *next : std::nullopt;
    scheduler_.wait(life_->alarm, until);
  }
}

void World::keep_house() {
  for (int round = 0;; ++round) {
    scheduler_.sleep(period(house_period_, peaceful_period));
    auto& server = life_->server;
    (void)server.waiting.run_once(clock_.now());
    heard("flush uses", server.activity.flush());
    heard("given up volumes", server.volumes.run_once());
    heard("trash", server.trash.run_once());
    heard("flush keys", life_->access.flush());
    if (round % clock_every == 0)
      heard("save clock", save_clock(store_, boot_id_, clock_.boottime(), clock_.now()));
    if (round % forget_every == 0) heard("forget keys", life_->idempotency.purge_once());
    if (round % purge_every == 0) heard("purge", server.cleanup_control.purge_once(std::chrono::hours(1)));
    if (round % collect_every == 0)
      heard("collect images", server.images.collect(Caller::system("images", server.installation.workspace),
                                                    unnamed_grace, false));
    if (round % disk_every == 0) heard("disk", server.disk_watch.run_once());
  }
}

void World::keep_pool() {
  for (;;) {
    heard("pool", life_->pool.run_once());
    scheduler_.wait(life_->pool_bell, clock_.now() + period(pool_period, peaceful_period));
    scheduler_.sleep(std::chrono::milliseconds(25));
  }
}

void World::watch_sleepers() {
  for (;;) {
    scheduler_.sleep(period(house_period_, peaceful_period));
    // A call waits for a freeze that is under way on a condition of real threads, so a look is made in one piece.
    const Scheduler::Atomic whole(scheduler_);
    heard("sleepers", life_->standby.run_once());
  }
}

void World::reconcile() {
  for (;;) {
    heard("reconcile", life_->server.reconciler.run_once());
    scheduler_.wait(life_->reconcile_bell, clock_.now() + period(reconcile_period, peaceful_period));
  }
}

}  // namespace mayfly::simulation
