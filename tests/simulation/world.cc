#include "simulation/world.h"

namespace mayfly::simulation {

namespace {

// Virtual time that everything gets to come to rest in once nothing fails any more.
constexpr Duration time_to_settle = std::chrono::hours(2);
// More than any seed has needed by far: who does not stop by then never does.
constexpr int most_steps_to_settle = 50'000;
constexpr std::size_t most_clients = 5;

}  // namespace

void Tally::add(const Tally& other) {
  seeds += other.seeds;
  events += other.events;
  crashes += other.crashes;
  promises += other.promises;
  races += other.races;
  archives += other.archives;
  erased += other.erased;
  lived += other.lived;
}

World::World(const Plan& plan) : plan_(plan), chance_(plan.seed), fault_chance_(~plan.seed) {
  watch();
  began_ = clock_.now();
  house_period_ = chance_.percent(50) ? Duration(1s) : Duration(std::chrono::seconds(1 + chance_.below(60)));
  if (chance_.percent(30)) pool_sizes_ = {{"busybox", 1 + static_cast<int>(chance_.below(2))}};
  boot();
  workspaces_ = {life_->server.installation.workspace};
  const auto other = life_->workspaces.create(caller_in(workspaces_[0]), "other", false);
  CHECK(other);
  workspaces_.push_back(other->resource.id);
  host_.faults = drawn_ = draw_faults(fault_chance_, plan.faults);
}

World::~World() {
  scheduler_.kill_all();
  store_.start_over();
  life_.reset();
}

void World::watch() {
  host_.chance = &fault_chance_;
  oracle_.report = host_.violation = [this](const std::string& text) { violated(text); };
  host_.meanwhile = [this] { scheduler_.pause(); };
  host_.take = [this](Duration span) { scheduler_.sleep(span); };
  host_.note = [this](std::string_view what) { trace_.note(what); };
  host_.on_effect = [this](std::string_view call, const Incarnation& to) {
    trace_.note(to_string(to));
    oracle_.effect(call, to);
  };
  host_.on_erase = [this](const LayerRef& layer, const std::string& bytes) { oracle_.erasing(layer, bytes); };
  store_.ran = [this](auto changes) { oracle_.written(changes); };
  store_.durable = [this](auto changes) { oracle_.durable(changes); };
  store_.committed = [this](auto changes) {
    note_changes(changes);
    oracle_.committed(changes);
  };
}

void World::violated(const std::string& text) { violations_.push_back(text); }

/// What a commit made of what it touched.
void World::note_changes(std::span<const memory::Change> changes) {
  const auto& rows = store_.rows();
  for (const auto& [what, key] : changes) {
    trace_.note(key);
    if (what == memory::Change::task) {
      const auto task = rows.tasks.find({key});
      trace_.note(task == rows.tasks.end() ? "purged" : name(task->second.phase));
    }
    if (what == memory::Change::event) trace_.note(rows.events.at({key}).type);
    if (what != memory::Change::lifetime) continue;
    const auto& life = rows.lifetimes.at({key});
    trace_.note(name(life.state));
    trace_.note(std::to_string(life.expires_at ? microseconds(*life.expires_at) : 0));
  }
}

void World::run() {
  while (steps_taken_ < plan_.steps && violations_.empty()) {
    ++steps_taken_;
    step();
  }
  if (violations_.empty()) settle_down();
}

Tally World::tally() const {
  return {1, trace_.length(), crashes_, oracle_.promises, oracle_.races, oracle_.kept_archives, oracle_.erased,
          clock_.now() - began_};
}

void World::step() {
  troubles();
  if (chance_.percent(20) && scheduler_.count("client") < most_clients) spawn_client();
  if (chance_.percent(5)) trouble_inside();
  if (chance_.percent(10)) time_passes();
  go_on();
}

/// Whoever can, one of them; when nobody can, it is the next instant at which somebody will.
void World::go_on() {
  try {
    const bool writer = store_.waits();
    const bool anybody = scheduler_.any_ready();
    if (writer && (!anybody || chance_.percent(30))) {
      store_.commit_group();
    } else if (anybody) {
      scheduler_.step();
    } else if (const auto next = scheduler_.next_wake()) {
      clock_.advance(std::max(*next - clock_.now(), Duration(1)));
      if (host_.strike(&Faults::slow)) clock_.advance(Duration(chance_.below(3'000'000)));
    }
  } catch (const SimulatedCrash&) {
    return crash();
  }
  if (scheduler_.died()) crash();
}

/// What happens to the machine.
void World::troubles() {
  if (host_.strike(&Faults::crash)) crash();
  if (host_.strike(&Faults::reboot)) reboot();
  if (host_.strike(&Faults::wall_step))
    step_wall_clock(std::chrono::minutes(fault_chance_.below(600)) - std::chrono::minutes(300));
  if (host_.strike(&Faults::years) && fault_chance_.percent(20))
    step_wall_clock(std::chrono::hours(24 * 365) * (static_cast<int>(fault_chance_.below(5)) - 2));
  // The machine sleeps, or the process is stopped: time goes by and nobody acts.
  if (host_.strike(&Faults::suspend)) clock_.advance(std::chrono::seconds(fault_chance_.below(36'000)));
  if (!host_.later.empty() && chance_.percent(10)) {
    const auto which = chance_.below(host_.later.size());
    const auto again = host_.later[which];
    host_.later.erase(host_.later.begin() + static_cast<std::ptrdiff_t>(which));
    trace_.note("a late duplicate");
    again();
  }
  if (!host_.objects.empty() && host_.strike(&Faults::rot)) {
    auto& [key, bytes] = *std::next(host_.objects.begin(), chance_.below(host_.objects.size()));
    if (host_.rotten.insert(key).second && !bytes.empty()) bytes[0] ^= 1;   // a second bit would mend it
  }
}

/// Processes inside write files as long as they are not frozen, whatever the database thinks, and end as they like.
void World::trouble_inside() {
  for (auto& [incarnation, container] : host_.containers) {
    if (!container.running || container.frozen || !chance_.percent(50)) continue;
    trace_.note("write");
    const LayerRef layer{incarnation.instance, incarnation.uid, container.layer};
    host_.layers[layer] += static_cast<char>('a' + chance_.below(26));
    for (const auto& volume : container.volumes) host_.layers[volume] += static_cast<char>('A' + chance_.below(26));
    ++host_.cpu[incarnation.uid];
    life_->server.activity.touch({"sbx_" + hex(incarnation.uid)}, Activity::exec);
    if (host_.strike(&Faults::vanish)) container.running = false;
  }
  if (!host_.strike(&Faults::stranger)) return;
  Uuid uid;
  chance_.fill(uid.bytes.data(), uid.bytes.size());
  const auto& instance = life_->server.installation.instance;
  host_.layers[{instance, uid, 1}] = "whose";
  if (chance_.percent(50)) host_.containers[{instance, uid, 1}] = {};
  if (chance_.percent(30)) host_.volumes.insert({instance, uid, 1});
}

/// The engine's timer tells when the wall clock is set.
void World::step_wall_clock(Duration by) {
  clock_.step_wall_clock(by);
  life_->alarm.ring();
}

void World::time_passes() {
  trace_.note("time");
  switch (chance_.below(4)) {
    case 0: clock_.advance(Duration(chance_.below(1000))); break;
    case 1: case 2: clock_.advance(std::chrono::milliseconds(chance_.below(5000))); break;
    case 3: clock_.advance(std::chrono::seconds(chance_.below(120))); break;
  }
}

void World::crash() {
  trace_.note("crash");
  ++crashes_;
  scheduler_.kill_all();
  if (chance_.percent(30)) clock_.advance(std::chrono::seconds(chance_.below(400)));
  boot();
}

/// Nothing on the host outlives it but files. The service clock goes on by the wall clock.
void World::reboot() {
  trace_.note("reboot");
  ++crashes_;
  scheduler_.kill_all();
  host_.containers.clear();
  host_.helpers.clear();
  host_.later.clear();
  clock_.reboot(std::chrono::seconds(chance_.below(4000)));
  boot();
}

void World::boot() {
  for (;;) {
    store_.start_over();
    life_.reset();
    try {
      if (start_server()) return;
    } catch (const SimulatedCrash&) {
    }
    scheduler_.kill_all();
    clock_.advance(1s);
  }
}

/// Engine::open and Engine::start, in their order.
Status World::start_server() {
  clock_.start_from(Duration::zero());   // as a new process has it, until it knows more
  const auto record = TRY(load_clock(store_));
  const auto clock = continue_clock(record, clock_.boot_id(), clock_.boottime(), clock_.wall(), trust_clock_);
  boot_id_ = clock.boot_id;
  clock_.start_from(clock.base);
  const auto installation = TRY(open_installation(store_, chance_, "hash of the admin key", "mf_", clock));
  Outside outside{store_, *driver_, *blobs_, *reader_, images_, chance_, clock_};
  outside.elsewhere = [this](std::function<void()> work) { scheduler_.spawn("elsewhere", std::move(work)); };
  life_ = std::make_unique<Life>(outside, agent_, store_, scheduler_, installation, pool_sizes_);
  auto& server = life_->server;
  TRY(server.images.ensure_builtin());
  // Helpers of the life before have until now.
  for (const auto& helper : std::exchange(host_.helpers, {}))
    if (chance_.percent(70)) helper();
  TRY(server.images.settle());
  TRY(life_->builds.fail_interrupted());
  (void)end_downtime(store_, chance_, server.installation);
  TRY(life_->standby.learn());
  oracle_.back_after(server.installation.down);
  spawn_loops();
  return {};
}

void World::settle_down() {
  peace_ = true;
  host_.faults = {};
  store_.recover();
  for (const auto& again : std::exchange(host_.later, {})) again();
  // An operator has looked at the clock, if it could not be believed.
  if (std::exchange(trust_clock_, true); !life_->server.installation.down.over) crash();
  const Time end = clock_.now() + time_to_settle;
  int steps = 0;
  while (clock_.now() < end && violations_.empty() && ++steps < most_steps_to_settle) go_on();
  if (steps == most_steps_to_settle) violated("C1: it does not come to rest");
  // Nothing new may become due between the last look and the check.
  while (violations_.empty() && (store_.waits() || scheduler_.any_ready())) go_on();
  if (!violations_.empty()) return;
  oracle_.at_rest(life_->server.installation.down);
  for (const auto& [id, row] : store_.rows().sandboxes)
    if (row.resource.state != State::gone && row.resource.state != State::deleting && row.started_at &&
        !row.spec.image_digest.empty() && !images_.files.contains(row.spec.image_digest))
      violated("C7: the image of " + id.text + " is gone");
}

std::string World::story() const {
  std::string text = "faults:";
  for (const auto& kind : fault_kinds)
    if (drawn_.*kind.rate > 0) text += " " + std::string(kind.name) + "=" + std::to_string(drawn_.*kind.rate);
  text += "\n";
  for (const auto& [id, event] : store_.rows().events) {
    text += format(event.at) + " " + event.subject.text + " " + event.type;
    for (const auto& [key, value] : event.data) text += " " + key + "=" + value;
    text += "\n";
  }
  for (const auto& [id, task] : store_.rows().tasks)
    if (status_of(task.phase) != TaskStatus::completed)
      text += id.text + " of " + task.resource.text + " " + std::string(name(task.verb)) + " is " +
              std::string(name(task.phase)) + ", claim " + std::to_string(task.work.claim) + " " +
              task.work.last_error +
              (task.work.next_attempt_at ? ", next " + format(*task.work.next_attempt_at) : "") + "\n";
  return text + scheduler_.story() + "now " + format(clock_.now()) + "\n";
}

}  // namespace mayfly::simulation
