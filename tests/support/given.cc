#include "support/given.h"

namespace mayfly {

World::World() {
  host.chance = &chance;
  host.violation = [](const std::string& text) { ADD_FAILURE() << text; };
  host.on_erase = [this](const LayerRef&, const std::string& content) { destroyed.push_back(content); };
  blobs = simulation::blobs_of(host);
  reader = simulation::reader_of(host);
  store.before_commit([this]() -> Fate {
    ++commits;
    if (commits_to_refuse_ == 0) return {};
    --commits_to_refuse_;
    return {Fate::refuse, {refusal_, "this commit was told to be refused", {}, {}}};
  });
  restart();
  must(server_->images.ensure_builtin());
}

void World::restart(Duration after, bool clock_believed) {
  if (server_) must(save_clock(store, "boot", clock.now().time_since_epoch(), clock.now()));
  server_.reset();
  store.on_commit(nullptr);
  clock.advance(after);
  server_ = std::make_unique<Server>(
      outside(), must(open_installation(store, chance, "hash of the admin key", "mf_", clock_start(!clock_believed))));
  must(end_downtime(store, chance, server_->installation));
}

Caller World::caller(Role role) const {
  return {{"usr_1"}, "user:" + std::string(name(role)), role, server_->installation.workspace, "request-1"};
}

Sandbox World::a_requested_sandbox(const Wish& wish) {
  NewSandbox asked;
  asked.name = wish.name;
  asked.spec.image = "busybox";
  asked.image_given = wish.restore_from.empty();
  asked.spec.restore_from = wish.restore_from;
  asked.lifetime = wish.lifetime;
  asked.labels = wish.labels;
  return must(server_->sandboxes.create(admin(), asked));
}

Sandbox World::a_running_sandbox(const Wish& wish) {
  const auto sandbox = a_requested_sandbox(wish);
  run_workers();
  EXPECT_EQ(state_of(sandbox), "running");
  if (wish.restore_from.empty()) write_files(sandbox, wish.files);
  return row(sandbox);
}

Sandbox World::a_paused_sandbox(const Wish& wish) {
  const auto sandbox = a_running_sandbox(wish);
  must(server_->sandboxes.pause(admin(), sandbox.resource.id.text));
  run_workers();
  return row(sandbox);
}

Sandbox World::a_stopped_sandbox(const Wish& wish) {
  const auto sandbox = a_running_sandbox(wish);
  must(server_->sandboxes.stop(admin(), sandbox.resource.id.text));
  run_workers();
  return row(sandbox);
}

Sandbox World::a_sandbox_in(State state) {
  if (state == State::requested) return a_requested_sandbox();
  const auto sandbox = state == State::failed || state == State::starting ? a_requested_sandbox() : a_running_sandbox();
  auto& all = server_->sandboxes;
  const auto& id = sandbox.resource.id.text;
  // A driver that is busy leaves the intent standing.
  const auto stuck = [&](const std::string& call) { driver.fail_next(call, Code::busy); };
  if (state == State::failed) driver.fail_next("start", Code::invalid);
  if (state == State::starting) stuck("start");
  if (state == State::pausing) stuck("freeze");
  if (state == State::resuming) stuck("thaw");
  if (state == State::stopping) stuck("kill");
  const bool pauses = state == State::pausing || state == State::paused || state == State::resuming;
  if (pauses) must(all.pause(admin(), id));
  if (state == State::stopping || state == State::stopped) must(all.stop(admin(), id));
  run_workers();
  if (state == State::resuming) {
    must(all.resume(admin(), id));
    run_workers();
  }
  if (state == State::deleting || state == State::gone) remove(sandbox);
  if (state == State::gone) run_workers();
  EXPECT_EQ(state_of(sandbox), name(state));
  return row(sandbox);
}

Archive World::an_archive(const std::string& content, Duration retention) {
  const auto sandbox = a_running_sandbox({.files = content});
  DeletePolicy policy;
  policy.archive_retention = retention;
  remove(sandbox, policy);
  run_workers();
  EXPECT_EQ(state_of(sandbox), "gone");
  return row(archives_of(sandbox).at(0));
}

TaskId World::remove(const Sandbox& sandbox, const DeletePolicy& policy) {
  return must(server_->sandboxes.remove(admin(), sandbox.resource.id.text, {.policy = policy, .reason = "request"}))
      .task;
}

void World::write_files(const Sandbox& sandbox, const std::string& content) {
  host.layers[layer_of(sandbox, server_->installation)] = content;
}

void World::must_run(Lane lane) {
  const auto next = server_->worker.run_once(lane);
  EXPECT_TRUE(next) << said(next.error());
}

void World::run_workers() {
  // One lane's work can be due to the other's: a delete goes from fast to slow and back again.
  for (int round = 0; round < 4; ++round) {
    must_run(Lane::fast);
    must_run(Lane::slow);
  }
}

/// Everything that is due now; tells when something will be.
std::optional<Time> World::run_loops() {
  for (;;) {
    const auto deadline = must(server_->deadlines.run_once());
    run_workers();
    const auto fast = must(server_->worker.run_once(Lane::fast));
    const auto slow = must(server_->worker.run_once(Lane::slow));
    std::optional<Time> next;
    for (const auto& at : {fast, slow, deadline})
      if (at && (!next || *at < *next)) next = at;
    if (!next || *next > clock.now()) return next;
  }
}

void World::let_pass(Duration span) {
  const Time end = clock.now() + span;
  for (auto next = run_loops(); next && *next < end; next = run_loops()) clock.advance(*next - clock.now());
  clock.advance(end - clock.now());
  run_loops();
}

void World::refuse_commits(int number, Code code) {
  commits_to_refuse_ = number;
  refusal_ = code;
}

Sandbox World::row(const ResourceId& id) {
  return must(store.read([&](Transaction& t) { return t.sandboxes().get(id); }));
}

Task World::row(const TaskId& id) {
  return must(store.read([&](Transaction& t) { return t.tasks().get(id); }));
}

Archive World::row(const Archive& archive) {
  return must(store.read([&](Transaction& t) { return t.archives().get(archive.resource.id); }));
}

std::string World::files_of(const Sandbox& sandbox) const {
  const auto found = host.layers.find(layer_of(sandbox, server_->installation));
  return found == host.layers.end() ? "none" : found->second;
}

bool World::runs(const Sandbox& sandbox) {
  const auto found = host.containers.find(incarnation_of(row(sandbox), server_->installation));
  return found != host.containers.end() && found->second.running && !found->second.frozen;
}

std::vector<Archive> World::archives_of(const Sandbox& sandbox) const {
  std::vector<Archive> found;
  for (const auto& [id, archive] : store.snapshot().archives)
    if (archive.sandbox == sandbox.resource.id) found.push_back(archive);
  return found;
}

std::string World::story_of(const ResourceId& subject) const {
  std::string line;
  for (const auto& [id, event] : store.snapshot().events)
    if (event.subject == subject) line += (line.empty() ? "" : " ") + event.type;
  return line;
}

Event World::last_event(const ResourceId& subject, const std::string& type) const {
  std::optional<Event> last;
  for (const auto& [id, event] : store.snapshot().events)
    if (event.subject == subject && event.type == type) last = event;
  EXPECT_TRUE(last) << "no event " << type;
  return last.value_or(Event{});
}

std::string World::steps_of(const TaskId& root) {
  std::string line;
  for (const auto& task : must(store.read([&](Transaction& t) { return t.tasks().children(root); })))
    line += (line.empty() ? "" : ", ") + std::string(name(task.verb)) + " " + std::string(name(task.phase));
  return line;
}

Task World::step(const TaskId& root, Verb verb) {
  for (auto& task : must(store.read([&](Transaction& t) { return t.tasks().children(root); })))
    if (task.verb == verb) return task;
  ADD_FAILURE() << "no step " << name(verb);
  return {};
}

}  // namespace mayfly
