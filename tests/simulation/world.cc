#include "simulation/world.h"

namespace mayfly::simulation {

namespace {

// Virtual time that everything gets to come to rest in once nothing fails any more.
constexpr Duration time_to_settle = std::chrono::hours(2);
// Effects in which others act may nest; deeper than this they only watch.
constexpr int deepest = 2;

}  // namespace

World::World(std::uint64_t seed) : chance_(seed), store_(clock_) {
  host_.chance = &chance_;
  host_.violation = [this](const std::string& text) { violations_.push_back(text); };
  host_.meanwhile = [this] {
    if (depth_ >= deepest || peace_) return;
    ++depth_;
    if (chance_.percent(40)) client_acts();
    if (chance_.percent(20)) time_passes();
    if (chance_.percent(20)) attempt("deadlines", [&] { return life_->deadlines.run_once(); });
    --depth_;
  };
  host_.on_erase = [this](const LayerRef& layer, const std::string& bytes) {
    oracle_.erasing(store_.snapshot(), host_, layer, bytes, host_.violation);
  };
  store_.before_commit([this] { return fate(); });
  boot();
}

void World::draw_faults() {
  // Each seed has its own mixture: many kinds at once hide what one kind alone would show.
  const auto maybe = [&](int most) { return chance_.percent(50) ? static_cast<int>(chance_.below(most + 1)) : 0; };
  host_.faults = {maybe(30), maybe(15), maybe(15), maybe(6), maybe(20),
                  maybe(20), maybe(20), maybe(20), maybe(5), maybe(4)};
}

Fate World::fate() {
  if (peace_) return {};
  if (chance_.percent(host_.faults.commit_refused)) return {Fate::refuse, {Code::no_space, "the disk is full", {}, {}}};
  if (chance_.percent(host_.faults.crash_at_commit))
    return {chance_.percent(50) ? Fate::crash_before : Fate::crash_after, {}};
  return {};
}

void World::run(int steps) {
  draw_faults();
  for (int i = 0; i < steps && violations_.empty(); ++i) {
    step();
    check(false);
  }
  settle_down();
  check(true);
}

void World::step() {
  try {
    switch (chance_.below(8)) {
      case 0: case 1: case 2: client_acts(); break;
      case 3: case 4: case 5: loops_act(); break;
      case 6: time_passes(); break;
      case 7: if (chance_.percent(15)) throw SimulatedCrash{}; break;
    }
  } catch (const SimulatedCrash&) {
    crash();
  }
}

template <class Act>
void World::attempt(std::string_view what, Act act) {
  trace_.note(what);
  const auto answer = act();
  trace_.note(answer ? "ok" : answer.error().message);
}

Caller World::caller() const { return {{}, "user:admin", Role::admin, life_->installation.workspace, "request"}; }

std::string World::any_sandbox() { return ids_.empty() ? "nobody" : ids_[chance_.below(ids_.size())]; }

void World::client_acts() {
  auto& sandboxes = life_->sandboxes;
  const auto id = any_sandbox();
  switch (chance_.below(14)) {
    case 0: case 1: case 2:
      attempt("create", [&] {
        NewSandbox wish;
        if (chance_.percent(60)) wish.name = "name-" + std::to_string(chance_.below(3));
        wish.spec.image = "busybox";
        if (chance_.percent(50)) wish.lifetime.max_age = std::chrono::seconds(1 + chance_.below(600));
        if (chance_.percent(40)) wish.lifetime.idle = std::chrono::seconds(1 + chance_.below(300));
        if (chance_.percent(20)) wish.lifetime.limit = std::chrono::seconds(300 + chance_.below(600));
        if (chance_.percent(10)) wish.lifetime.at = clock_.wall() + std::chrono::seconds(chance_.below(900));
        wish.lifetime.actions.fill(static_cast<ExpiryAction>(chance_.below(3)));
        if (chance_.percent(15)) {
          const auto archives = store_.snapshot().archives;
          if (!archives.empty()) {
            wish.spec.restore_from = std::next(archives.begin(), chance_.below(archives.size()))->first.text;
            wish.image_given = false;
          }
        }
        auto made = sandboxes.create(caller(), wish);
        if (made) {
          ids_.push_back(made->resource.id.text);
          oracle_.created(*made);
        }
        return made;
      });
      break;
    case 3: case 4:
      attempt("keepalive", [&] {
        std::optional<Result<lifetime::Extended>> answer;
        sandboxes.extend(caller(), id, {.by = std::chrono::seconds(1 + chance_.below(400)), .until = {}},
                         [&](Result<lifetime::Extended> extended) { answer = std::move(extended); });
        if (*answer && (*answer)->expires_at) oracle_.extended({id}, *(*answer)->expires_at);
        return *answer;
      });
      break;
    case 5:
      attempt("set", [&] {
        // It may take effect without an answer, if the server dies in between: the old promise ends with the asking.
        oracle_.promise_ends({id});
        auto set = sandboxes.set_lifetime(caller(), id, [&](LifetimePolicy& policy) {
          policy.max_age = std::chrono::seconds(1 + chance_.below(600));
        });
        if (set) oracle_.lifetime_set(*set);
        return set;
      });
      break;
    case 6: case 7: {
      // A process inside changes files; it runs whatever the database thinks, as long as it is not frozen.
      trace_.note("write");
      for (auto& [incarnation, container] : host_.containers) {
        if (!container.running || container.frozen || !chance_.percent(50)) continue;
        host_.layers[{incarnation.instance, incarnation.uid, container.layer}] += char('a' + chance_.below(26));
        life_->activity.touch({"sbx_" + hex(incarnation.uid)}, Activity::exec);
      }
      break;
    }
    case 8: attempt("pause", [&] { return sandboxes.pause(caller(), id); }); break;
    case 9: attempt("resume", [&] { return sandboxes.resume(caller(), id); }); break;
    case 10:
      attempt("stop or start", [&] {
        oracle_.promise_ends({id});
        return chance_.percent(50) ? sandboxes.stop(caller(), id) : sandboxes.start(caller(), id);
      });
      break;
    case 11: case 12:
      attempt("delete", [&] {
        DeleteRequest request;
        request.policy.archive = chance_.percent(70);
        auto accepted = sandboxes.remove(caller(), id, request);
        if (accepted) oracle_.delete_accepted({id});
        return accepted;
      });
      break;
    case 13:
      attempt("sweep", [&] {
        StaleRule rule;
        rule.inactive = std::chrono::seconds(chance_.below(900));
        auto report = life_->stale.apply(caller(), rule, {});
        if (report)
          for (const auto& item : report->items)
            if (item.task) oracle_.delete_accepted(item.sandbox.resource.id);
        return report;
      });
      break;
  }
}

void World::loops_act() {
  switch (chance_.below(7)) {
    case 0: case 1: attempt("fast", [&] { return life_->worker.run_once(Lane::fast); }); break;
    case 2: attempt("slow", [&] { return life_->worker.run_once(Lane::slow); }); break;
    case 3: attempt("deadlines", [&] { return life_->deadlines.run_once(); }); break;
    case 4: attempt("reconcile", [&] { return life_->reconciler.run_once(); }); break;
    case 5: attempt("flush", [&] { return life_->activity.flush(); }); break;
    case 6: {
      const auto archives = store_.snapshot().archives;
      if (archives.empty()) break;
      const auto& id = std::next(archives.begin(), chance_.below(archives.size()))->first;
      attempt("delete archive", [&] { return life_->archives.remove(caller(), id.text); });
      break;
    }
  }
}

void World::time_passes() {
  switch (chance_.below(6)) {
    case 0: clock_.advance(Duration(chance_.below(1000))); break;
    case 1: case 2: clock_.advance(std::chrono::milliseconds(chance_.below(5000))); break;
    case 3: clock_.advance(std::chrono::seconds(chance_.below(200))); break;
    case 4: clock_.advance(std::chrono::hours(chance_.below(30))); break;
    case 5: clock_.step_wall_clock(std::chrono::minutes(chance_.below(120)) - std::chrono::minutes(60)); break;
  }
  trace_.note("time");
}

void World::crash() {
  trace_.note("crash");
  ++crashes_;
  depth_ = 0;
  if (chance_.percent(30)) clock_.advance(std::chrono::seconds(chance_.below(400)));
  boot();
}

void World::boot() {
  for (;;) {
    try {
      if (start_server()) return;
    } catch (const SimulatedCrash&) {
    }
  }
}

Status World::start_server() {
  store_.on_commit(nullptr);
  life_.reset();
  const auto installation = TRY(open_installation(store_, chance_, "hash of the admin key", "mf_"));
  const Outside outside{store_, *driver_, *blobs_, *reader_, images_, chance_, clock_};
  life_ = std::make_unique<Server>(outside, installation);
  TRY(life_->images.ensure_builtin());
  return end_downtime(store_, chance_, life_->installation);
}

void World::settle_down() {
  peace_ = true;
  host_.faults = {};
  const Time end = clock_.now() + time_to_settle;
  while (clock_.now() < end && violations_.empty()) {
    attempt("reconcile", [&] { return life_->reconciler.run_once(); });
    // A worker tells when its next piece is due; time goes there, and never further than a deadline could be.
    for (int round = 0; round < 4; ++round) {
      attempt("deadlines", [&] { return life_->deadlines.run_once(); });
      attempt("fast", [&] { return life_->worker.run_once(Lane::fast); });
      attempt("slow", [&] { return life_->worker.run_once(Lane::slow); });
    }
    clock_.advance(std::chrono::minutes(5));
  }
  // Nothing new may become due between the last look and the check.
  for (int round = 0; round < 8; ++round) {
    attempt("deadlines", [&] { return life_->deadlines.run_once(); });
    attempt("fast", [&] { return life_->worker.run_once(Lane::fast); });
    attempt("slow", [&] { return life_->worker.run_once(Lane::slow); });
  }
}

std::string World::story() const {
  std::string text;
  for (const auto& [id, event] : store_.snapshot().events) {
    text += format(event.at) + " " + event.subject.text + " " + event.type;
    for (const auto& [key, value] : event.data) text += " " + key + "=" + value;
    text += "\n";
  }
  for (const auto& [id, task] : store_.snapshot().tasks)
    if (status_of(task.phase) != TaskStatus::completed)
      text += id.text + " of " + task.resource.text + " " + std::string(name(task.verb)) + " is " +
              std::string(name(task.phase)) + ", claim " + std::to_string(task.work.claim) + " " +
              task.work.last_error + "\n";
  return text;
}

void World::check(bool at_rest) {
  oracle_.check(store_.snapshot(), host_, clock_.now(), at_rest, host_.violation);
}

}  // namespace mayfly::simulation
