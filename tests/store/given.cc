#include "store/given.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace mayfly {

TemporaryFolder::TemporaryFolder() {
  auto pattern = (std::filesystem::temp_directory_path() / "mayfly-store-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make a folder like " + pattern);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string id_text(std::string_view prefix, int number) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%032d", number);
  return std::string(prefix) + digits;
}

Time at(std::int64_t seconds) { return service_time(seconds * 1'000'000); }

Sandbox given_sandbox(int number, const std::string& name, State state) {
  Sandbox sandbox;
  sandbox.resource.id = sandbox_id(number);
  sandbox.resource.parent = sandbox.resource.workspace = workspace_id(1);
  sandbox.resource.name = name;
  sandbox.resource.created_at = sandbox.resource.updated_at = at(number);
  sandbox.spec.image = "busybox";
  sandbox.spec.image_digest = "sha256:busy";
  sandbox.lifetime = lifetime::begin(sandbox.resource.id, state, {}, {at(number), wall_time(0)});
  set_state(sandbox, state);
  return sandbox;
}

Archive given_archive(int number, State state) {
  Archive archive;
  archive.resource.id = archive_id(number);
  archive.resource.kind = Kind::archive;
  archive.resource.parent = archive.resource.workspace = workspace_id(1);
  archive.resource.name = "web";
  archive.resource.name_held = false;
  archive.resource.state = state;
  archive.lifetime = lifetime::begin(archive.resource.id, state, {}, {at(number), wall_time(0)});
  archive.sandbox = sandbox_id(1);
  archive.spec.image_digest = "sha256:busy";
  return archive;
}

Task given_task(int number, Verb verb, Phase phase) {
  Task task;
  task.id = task.root = task_id(number);
  task.verb = verb;
  task.phase = phase;
  task.resource = sandbox_id(1);
  task.workspace = workspace_id(1);
  task.source = event_id(1);
  task.created_at = at(number);
  if (phase == Phase::ready || phase == Phase::backing_off || phase == Phase::stuck) task.work.next_attempt_at = at(10);
  return task;
}

Event given_event(int number, const std::string& type) {
  return {event_id(number), type, sandbox_id(1), workspace_id(1), "user:admin", "req-1", {{"a", "1"}}, at(number)};
}

Workspace given_workspace(int number, const std::string& slug) {
  Workspace workspace;
  workspace.resource.id = workspace.resource.workspace = workspace_id(number);
  workspace.resource.kind = Kind::workspace;
  workspace.resource.parent = {id_text("org_", 1)};
  workspace.resource.name = slug;
  return workspace;
}

namespace {

Lifetime full_lifetime(const ResourceId& id, State state, int generation) {
  Lifetime life;
  life.id = id;
  life.state = state;
  life.generation = generation;
  life.policy = {11s, 12s, wall_time(-13), 14s, {ExpiryAction::pause, ExpiryAction::stop, ExpiryAction::remove},
                 {300s, 60s}};
  life.born_at = at(15);
  life.max_at = at(16);
  life.limit_at = at(17);
  life.keep_until = at(18);
  life.active_at = at(19);
  life.active_by = Activity::port;
  life.halted_at = at(20);
  life.retention = 21s;
  life.expires_at = at(22);
  life.wake_at = at(21);
  return life;
}

SandboxSpec full_spec() {
  return {"debian:bookworm", "sha256:deb", {0.25, 1 << 20, 77, 5}, {{"A", "1"}, {"Ü \"\\\n", ""}},
          NetworkAccess::outbound, 90, "/home/ü", {"/var/cache", "/a\"b"}, archive_id(9).text};
}

void line(std::ostream& out, std::string_view key, const std::string& value) { out << key << "=" << value << "\n"; }
template <class T>
std::string text(const std::optional<T>& maybe) {
  if (!maybe) return "-";
  if constexpr (requires { maybe->time_since_epoch(); }) return std::to_string(maybe->time_since_epoch().count());
  else return std::to_string(maybe->count());
}
std::string text(Time at) { return std::to_string(microseconds(at)); }
std::string text(const std::map<std::string, std::string>& map) {
  std::string all;
  for (const auto& [key, value] : map) all += "[" + key + ":" + value + "]";
  return all;
}
std::string text(const std::vector<std::string>& list) {
  std::string all;
  for (const auto& item : list) all += "[" + item + "]";
  return all;
}
std::string text(const Work& work) {
  return std::to_string(work.claim) + " " + std::to_string(work.attempts) + " " + text(work.next_attempt_at) + " " +
         work.last_error + " " + work.error_code;
}
std::string text(const SandboxSpec& spec) {
  std::ostringstream out;
  out << spec.image << " " << spec.image_digest << " " << spec.resources.cpus << " " << spec.resources.memory_mb << " "
      << spec.resources.pids << " " << spec.resources.disk_mb << " " << text(spec.env) << " " << spec.workdir << " "
      << text(spec.exclude) << " " << spec.restore_from;
  return out.str();
}

}  // namespace

Sandbox full_sandbox(int number) {
  Sandbox sandbox = given_sandbox(number, "full-" + std::to_string(number), State::stopping);
  auto& resource = sandbox.resource;
  resource.parent = {id_text("sbx_", 99)};
  resource.name_held = false;
  resource.generation = 3;
  resource.labels = {{"team", "red"}, {"empty", ""}, {"quote", "a'b\"c"}};
  resource.updated_at = at(2);
  resource.deleted_at = at(3);
  sandbox.spec = full_spec();
  sandbox.lifetime = full_lifetime(resource.id, State::stopping, 3);
  sandbox.work = {42, 5, at(4), "it said \xff\xfe no", "busy"};
  sandbox.layer = 2;
  sandbox.caveats = {"no disk limit", "ü"};
  sandbox.ending = Ending{"idle", "system:deadline", at(5)};
  sandbox.started_at = at(6);
  sandbox.cleanup_task = task_id(8).text;
  sandbox.mounts = {{{id_text("vol_", 1)}, "/data \"x\"", true}, {{id_text("vol_", 2)}, "/b"}};
  sandbox.holds_compute = sandbox.holds_storage = false;
  return sandbox;
}

Archive full_archive(int number) {
  Archive archive = given_archive(number, State::writing);
  archive.resource.labels = {{"team", "blue"}};
  archive.resource.generation = 1;
  archive.lifetime = full_lifetime(archive.resource.id, State::writing, 1);
  archive.sandbox_name = "web";
  archive.layer = 4;
  archive.generation = 7;
  archive.spec = full_spec();
  archive.key = "a/b/c.tar.zst";
  archive.content = {"digest", 10, 1LL << 40, 2, {"dev/null", "run/a\"b"}};
  archive.stored_bytes = 1LL << 33;
  archive.verified_at = at(31);
  archive.verify_error = "its manifest is gone";
  return archive;
}

Task full_task(int number) {
  Task task = given_task(number, Verb::archive_sandbox, Phase::backing_off);
  task.root = task_id(1);
  task.parent = task_id(2);
  task.stage = 3;
  task.priority = Priority::retention;
  task.metadata = {{"reason", "idle"}, {"bytes", "\xff"}};
  task.work = {0, 4, at(40), "disk full", "no_space"};
  task.started_at = at(41);
  task.completed_at = at(42);
  return task;
}

std::string as_text(const Resource& r) {
  std::ostringstream out;
  line(out, "id", r.id.text);
  line(out, "kind", std::string(describe(r.kind).name));
  line(out, "parent", r.parent.text);
  line(out, "workspace", r.workspace.text);
  line(out, "name", r.name + (r.name_held ? " held" : " free"));
  line(out, "state", std::string(name(r.state)) + " " + std::to_string(r.generation));
  line(out, "labels", text(r.labels));
  line(out, "times", text(r.created_at) + " " + text(r.updated_at) + " " + text(r.deleted_at));
  return out.str();
}

std::string as_text(const Lifetime& l) {
  std::ostringstream out;
  line(out, "life", l.id.text + " " + std::string(name(l.state)) + " " + std::to_string(l.generation));
  line(out, "policy",
       text(l.policy.max_age) + " " + text(l.policy.idle) + " " + text(l.policy.at) + " " + text(l.policy.limit));
  for (const auto action : l.policy.actions) line(out, "action", std::string(name(action)));
  for (const auto lead : l.policy.warn) line(out, "warn", text(std::optional(lead)));
  line(out, "clocks", text(l.born_at) + " " + text(l.max_at) + " " + text(l.limit_at) + " " + text(l.keep_until));
  line(out, "active", text(l.active_at) + " " + std::string(name(l.active_by)));
  line(out, "halted", text(l.halted_at) + " " + text(l.retention));
  line(out, "wake", text(l.expires_at) + " " + text(l.wake_at));
  return out.str();
}

std::string as_text(const Sandbox& s) {
  std::ostringstream out;
  out << as_text(s.resource) << as_text(s.lifetime);
  line(out, "spec", text(s.spec));
  line(out, "work", text(s.work));
  line(out, "layer", std::to_string(s.layer));
  line(out, "caveats", text(s.caveats));
  if (s.ending) line(out, "ending", s.ending->reason + " " + s.ending->actor + " " + text(s.ending->at));
  line(out, "started", text(s.started_at) + " " + s.cleanup_task);
  line(out, "holds", std::to_string(s.holds_compute) + std::to_string(s.holds_storage));
  line(out, "halts", std::to_string(s.halts));
  for (const auto& mount : s.mounts)
    line(out, "mount", mount.volume.text + " " + mount.path + " " + std::to_string(mount.read_only));
  return out.str();
}

std::string as_text(const Archive& a) {
  std::ostringstream out;
  out << as_text(a.resource) << as_text(a.lifetime);
  line(out, "spec", text(a.spec));
  line(out, "sandbox", a.sandbox.text + " " + a.sandbox_name);
  line(out, "layer", std::to_string(a.layer) + " " + std::to_string(a.generation));
  line(out, "bytes", a.key + " " + std::to_string(a.stored_bytes) + " " + text(a.verified_at));
  line(out, "content", a.content.digest + " " + std::to_string(a.content.entries) + " " +
                           std::to_string(a.content.content_bytes) + " " + std::to_string(a.content.left_out));
  line(out, "check", text(a.content.left_out_paths) + " " + a.verify_error);
  return out.str();
}

std::string as_text(const Task& t) {
  std::ostringstream out;
  line(out, "task", t.id.text + " " + t.root.text + " " + t.parent.text);
  line(out, "what", std::string(name(t.verb)) + " " + std::to_string(t.stage) + " " + std::string(name(t.phase)) +
                        " " + std::string(name(t.priority)));
  line(out, "of", t.resource.text + " " + t.workspace.text + " " + t.source.text + " " + text(t.metadata));
  line(out, "work", text(t.work));
  line(out, "times", text(t.created_at) + " " + text(t.started_at) + " " + text(t.completed_at));
  return out.str();
}

std::string as_text(const Event& e) {
  return e.id.text + " " + e.type + " " + e.subject.text + " " + e.workspace.text + " " + e.actor + " " +
         e.request_id + " " + text(e.data) + " " + text(e.at);
}

}  // namespace mayfly
