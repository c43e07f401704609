// What people do with sandboxes, each call on a thread of its own.

#include "simulation/world.h"

namespace mayfly::simulation {

const std::vector<World::Client>& World::all_clients() {
  // A bit of Plan::clients is a row of this table.
  static const std::vector<Client> all = {
      {"create", 14, &World::create},
      {"create again", 4, &World::create_again},
      {"keepalive", 8, &World::keep_alive},
      {"keepalive at the last moment", 10, &World::keep_alive_at_the_last_moment},
      {"set lifetime", 4, &World::set_lifetime},
      {"pause", 5, &World::pause},
      {"resume", 5, &World::resume},
      {"stop", 4, &World::stop},
      {"start", 5, &World::start},
      {"delete", 12, &World::remove},
      {"sweep", 3, &World::sweep},
      {"exec", 8, &World::execute},
      {"delete archive", 3, &World::delete_archive},
      {"verify archive", 3, &World::verify_archive},
      {"change archive", 2, &World::change_archive},
      {"make volume", 4, &World::make_volume},
      {"delete volume", 4, &World::delete_volume},
      {"retry task", 3, &World::retry_task},
      {"look", 2, &World::look},
      {"import image", 2, &World::import_image},
      {"delete image", 2, &World::delete_image},
      {"build image", 1, &World::build_image},
      {"change workspace", 2, &World::change_workspace},
  };
  return all;
}

void World::spawn_client() {
  static const int total = [] {
    int sum = 0;
    for (const auto& client : all_clients()) sum += client.weight;
    return sum;
  }();
  auto lot = static_cast<int>(chance_.below(static_cast<std::size_t>(total)));
  std::size_t which = 0;
  while ((lot -= all_clients()[which].weight) >= 0) ++which;
  if (!(plan_.clients >> which & 1)) return;
  scheduler_.spawn("client", [this, which] {
    trace_.note(all_clients()[which].name);
    (this->*all_clients()[which].act)();
  });
}

Caller World::caller_in(const ResourceId& workspace) const {
  return {{"usr_1"}, "user:admin", Role::admin, workspace, "request"};
}

Caller World::caller() const { return caller_in(workspaces_[0]); }

/// Now and then one that is another workspace's, or none at all.
World::Known World::any_sandbox() {
  if (ids_.empty()) return {{"sbx_" + std::string(32, '0')}, workspaces_[0]};
  return ids_[chance_.below(ids_.size())];
}

NewSandbox World::wish() {
  NewSandbox wish;
  if (chance_.percent(60)) wish.name = "name-" + std::to_string(chance_.below(3));
  wish.spec.image = "busybox";
  if (chance_.percent(20) && !images_.at_path.empty()) wish.spec.image = "other";
  wish.spec.resources.disk_mb = chance_.percent(30) ? 64 * (1 + static_cast<std::int64_t>(chance_.below(8))) : 2048;
  if (chance_.percent(20)) wish.spec.standby_seconds = 1 + static_cast<std::int64_t>(chance_.below(60));
  if (chance_.percent(50)) wish.lifetime.max_age = std::chrono::seconds(1 + chance_.below(600));
  if (chance_.percent(40)) wish.lifetime.idle = std::chrono::seconds(1 + chance_.below(300));
  if (chance_.percent(20)) wish.lifetime.limit = std::chrono::seconds(300 + chance_.below(600));
  if (chance_.percent(10)) wish.lifetime.at = clock_.wall() + std::chrono::seconds(1 + chance_.below(900));
  for (auto& action : wish.lifetime.actions) action = static_cast<ExpiryAction>(chance_.below(3));
  if (const auto* archive = any_archive(); archive && chance_.percent(25)) {
    wish.spec.restore_from = archive->resource.id.text;
    wish.image_given = false;
  }
  if (const auto* volume = any_volume(); volume && chance_.percent(25))
    wish.mounts = {{.volume = volume->resource.id, .path = "/data", .read_only = chance_.percent(30)}};
  return wish;
}

void World::created(const Result<Sandbox>& made, const Caller& by) {
  if (!heard("create", made)) return;
  oracle_.created(*made);
  if (made->resource.workspace != by.workspace) violated("S1: a create made " + made->resource.id.text + " elsewhere");
  ids_.push_back({made->resource.id, by.workspace});
}

void World::create() {
  const auto by = caller_in(workspaces_[chance_.percent(85) ? 0 : 1]);
  const auto wanted = wish();
  if (chance_.percent(70)) return created(life_->server.sandboxes.create(by, wanted), by);
  // Under a key: whoever loses the answer asks again.
  Once once;
  once.scope = "key " + std::to_string(repeatables_.size());
  once.body = "the same";
  repeatables_.push_back({once, wanted, by, {}});
  const auto place = repeatables_.size() - 1;
  const auto made = life_->server.sandboxes.create(by, wanted, once);
  if (made) repeatables_[place].first = made->resource.id;
  created(made, by);
}

void World::create_again() {
  if (repeatables_.empty()) return;
  const auto place = chance_.below(repeatables_.size());
  const auto asked = repeatables_[place];
  const auto made = life_->server.sandboxes.create(asked.caller, asked.wish, asked.once);
  if (!heard("create again", made)) return;
  auto& first = repeatables_[place].first;
  // Keys are kept for a day.
  if (first && first != made->resource.id && clock_.now() - began_ < idempotency_retention)
    violated("C6: one key, two sandboxes: " + first.text + " and " + made->resource.id.text);
  if (!first) {
    first = made->resource.id;
    created(made, asked.caller);
  }
}

void World::extend(const Known& known) {
  const auto by = caller_in(known.workspace);
  std::optional<Result<lifetime::Extended>> answer;
  // Counted when it is committed: what comes of it later must not overtake it.
  life_->server.sandboxes.extend(by, known.id.text, {.by = std::chrono::seconds(1 + chance_.below(400)), .until = {}},
                                 [&](Result<lifetime::Extended> extended) {
                                   answer = std::move(extended);
                                   if (*answer && (*answer)->expires_at)
                                     oracle_.extended(known.id, *(*answer)->expires_at);
                                 });
  heard("extended", *answer);
}

void World::keep_alive() { extend(any_sandbox()); }

void World::keep_alive_at_the_last_moment() {
  const auto known = any_sandbox();
  const auto life = store_.rows().lifetimes.find(known.id);
  if (life == store_.rows().lifetimes.end() || life->second.state != State::running || !life->second.expires_at) return;
  const auto moment = *life->second.expires_at + Duration(static_cast<int>(chance_.below(3)) - 1);
  if (moment > clock_.now()) scheduler_.sleep(moment - clock_.now());
  ++oracle_.races;
  extend(known);
}

void World::set_lifetime() {
  const auto known = any_sandbox();
  const auto by = caller_in(workspaces_[chance_.percent(80) ? 0 : 1]);
  if (by.workspace == known.workspace) oracle_.asks_for_an_end(known.id);
  heard("set", by, known, life_->server.sandboxes.set_lifetime(by, known.id.text, [&](LifetimePolicy& policy) {
    policy.max_age = std::chrono::seconds(600);
  }));
}

void World::move(Result<Sandbox> (Sandboxes::*verb)(const Caller&, const std::string&, const Once&), bool ends) {
  const auto known = any_sandbox();
  const auto by = caller_in(workspaces_[chance_.percent(80) ? 0 : 1]);
  if (ends && by.workspace == known.workspace) oracle_.asks_for_an_end(known.id);
  heard("move", by, known, (life_->server.sandboxes.*verb)(by, known.id.text, {}));
}

void World::pause() { move(&Sandboxes::pause, true); }
void World::resume() { move(&Sandboxes::resume, false); }
void World::stop() { move(&Sandboxes::stop, true); }
void World::start() { move(&Sandboxes::start, false); }

void World::remove() {
  const auto known = any_sandbox();
  const auto by = caller_in(workspaces_[chance_.percent(80) ? 0 : 1]);
  DeleteRequest request;
  request.policy.archive = chance_.percent(70);
  if (chance_.percent(10)) request.policy.on_archive_failure = DeletePolicy::OnArchiveFailure::waive;
  if (by.workspace == known.workspace) {
    oracle_.asks_for_an_end(known.id);
    if (!request.policy.archive) oracle_.asks_again(known.id);
  }
  if (heard("delete", by, known, life_->server.sandboxes.remove(by, known.id.text, request)))
    oracle_.delete_accepted(known.id);
}

void World::sweep() {
  StaleRule rule;
  rule.inactive = std::chrono::seconds(chance_.below(900));
  oracle_.asks_for_a_sweep();
  const auto report = life_->server.stale.apply(caller(), rule, {});
  if (!heard("sweep", report)) return;
  for (const auto& item : report->items) {
    if (item.sandbox.resource.workspace != workspaces_[0]) violated("S1: a sweep took another's");
    if (item.task) oracle_.delete_accepted(item.sandbox.resource.id);
  }
}

void World::execute() {
  const auto known = any_sandbox();
  Once once;
  if (chance_.percent(30)) once = {"exec " + std::to_string(chance_.below(1000)), "the same"};
  life_->execution.run(caller_in(known.workspace), known.id.text, {.argv = {"true"}}, 10s,
                       [this](Result<RunResult> result) { heard("exec", result); }, once);
}

void World::look() {
  const auto rows = life_->server.sandboxes.list(caller_in(workspaces_[1]), {}, {});
  if (!heard("list", rows)) return;
  for (const auto& row : *rows)
    if (row.resource.workspace != workspaces_[1]) violated("S1: a list shows another's " + row.resource.id.text);
  const auto known = any_sandbox();
  const auto by = caller_in(workspaces_[chance_.below(2)]);
  heard("get", by, known, life_->server.sandboxes.get(by, known.id.text));
}

}  // namespace mayfly::simulation
