#include "e2e/crash_story.h"

#include <fcntl.h>

#include "os/file.h"
#include "os/process.h"

namespace mayfly::test {

namespace {

constexpr const char* write_files =
    "mkdir -p /job/empty && echo known > /job/known && "
    "dd if=/dev/urandom of=/job/random bs=4096 count=16 2>/dev/null && "
    "ln -s nowhere /job/dangling && chmod 4750 /job/known && rm /etc/passwd";
constexpr const char* read_files =
    "cd /job && md5sum known random && readlink dangling && stat -c '%a %n' known empty && "
    "ls /etc/passwd 2>&1 | wc -l";

const std::string runtimes = "/api/v1/org/default/ws/default/runtimes";
constexpr const char* volume_path = "/kept";

/// A tar that is an image, with one file that no other image has.
std::string make_tar(const std::string& folder) {
  os::RunOptions run;
  run.argv = {"/bin/sh", "-c", "mkdir -p rootfs/etc && echo mine > rootfs/etc/mark && tar -cf image.tar -C rootfs ."};
  run.cwd = folder;
  const auto done = os::run(run);
  EXPECT_TRUE(done && done->exit_code == 0);
  return folder + "/image.tar";
}

constexpr const char* forwarding = "/proc/sys/net/ipv4/ip_forward";

void set_forwarding(const std::string& value) {
  const auto file = os::open(forwarding, O_WRONLY);
  EXPECT_TRUE(file && os::write_all(file->get(), value));
}

}  // namespace

Forwarding::Forwarding() : before_(os::read_file(forwarding, 16).value_or("0")) { set_forwarding("1"); }
Forwarding::~Forwarding() { set_forwarding(before_); }

bool CrashStory::play() {
  return import_image() && begin_brief() && make_volume() && use_first() && move_about() && archive_first() &&
         restore() && delete_restored() && replace_volume() && delete_archive() && forest() && live_runtime() &&
         brief_ends();
}

/// The answer came, and it is the one expected; false: none came.
#define ANSWERED(answer, expected)                                            \
  do {                                                                        \
    if ((answer).lost()) return false;                                        \
    EXPECT_EQ((answer).status, expected) << (answer).text << server_.log();   \
    if ((answer).status != (expected)) return false;                          \
  } while (false)

bool CrashStory::import_image() {
  const auto imported =
      server_.api().post("/v1/images", json::object{{"path", make_tar(server_.folder())}, {"name", "mine"}});
  ANSWERED(imported, 201);
  const auto removed = server_.api().remove("/v1/images/mine");
  ANSWERED(removed, 202);
  image_task_ = removed.string("cleanup_task_id");
  return completed(image_task_);
}

bool CrashStory::begin_brief() {
  return create(brief_, {{"name", "brief"}, {"lifetime", json::object{{"max_age_seconds", 1}}}});
}

bool CrashStory::make_volume() {
  const auto made = server_.api().post("/v1/volumes", json::object{{"name", "kept"}});
  ANSWERED(made, 201);
  volume_ = made.string("id");
  return true;
}

json::array CrashStory::mounts() { return {json::object{{"volume", "kept"}, {"path", volume_path}}}; }

bool CrashStory::use_first() {
  if (!create(first_, {{"name", "first"}, {"network", "outbound"}, {"labels", json::object{{"story", "crash"}}},
                       {"mounts", mounts()}}))
    return false;
  const auto kept = server_.api().exec(first_.id, std::string("echo kept > ") + volume_path + "/file");
  ANSWERED(kept, 200);
  volume_written_ = true;
  const auto wrote = server_.api().exec(first_.id, write_files);
  ANSWERED(wrote, 200);
  const auto read = fingerprint(first_.id);
  if (read) first_.fingerprint = *read;
  return read.has_value();
}

bool CrashStory::move_about() {
  for (const auto* verb : {"pause", "resume", "stop", "start"}) {
    const auto moved = server_.api().post(Api::of(first_.id, verb));
    ANSWERED(moved, 200);
  }
  const auto read = fingerprint(first_.id);
  if (read) { EXPECT_EQ(*read, first_.fingerprint); }
  return read.has_value();
}

bool CrashStory::archive_first() {
  if (!remove(first_, "?archive=true") || !completed(first_.delete_task)) return false;
  first_completed_ = true;
  const auto archives = server_.api().get("/v1/archives?sandbox=" + first_.id);
  ANSWERED(archives, 200);
  EXPECT_EQ(archives.items().size(), 1u) << archives.text;
  if (archives.items().empty()) return false;
  archive_ = std::string(archives.items().front().at("id").as_string());
  return true;
}

bool CrashStory::restore() {
  if (!create(restored_, {{"name", "first"}, {"restore_from", archive_}, {"mounts", mounts()}})) return false;
  const auto kept = server_.api().exec(restored_.id, std::string("cat ") + volume_path + "/file");
  ANSWERED(kept, 200);
  EXPECT_EQ(kept.string("stdout"), "kept\n");
  const auto read = fingerprint(restored_.id);
  if (read) { EXPECT_EQ(restored_.fingerprint = *read, first_.fingerprint); }
  return read.has_value();
}

bool CrashStory::delete_restored() {
  return remove(restored_, "?archive=false") && completed(restored_.delete_task);
}

/// Deleted with an archive, and made again from that.
bool CrashStory::replace_volume() {
  volume_delete_asked_ = true;
  const auto accepted = server_.api().remove("/v1/volumes/" + volume_);
  ANSWERED(accepted, 202);
  volume_task_ = accepted.string("cleanup_task_id");
  if (!completed(volume_task_)) return false;
  const auto archives = server_.api().get("/v1/archives?volume=" + volume_);
  ANSWERED(archives, 200);
  EXPECT_EQ(archives.items().size(), 1u) << archives.text;
  if (archives.items().empty()) return false;
  const auto again = server_.api().post(
      "/v1/volumes", json::object{{"name", "kept"}, {"restore_from", archives.items().front().at("id")}});
  ANSWERED(again, 201);
  volume_ = again.string("id");
  volume_task_.clear();
  volume_delete_asked_ = false;
  return true;
}

bool CrashStory::delete_archive() {
  archive_delete_asked_ = true;
  const auto accepted = server_.api().remove("/v1/archives/" + archive_);
  ANSWERED(accepted, 202);
  archive_task_ = accepted.string("cleanup_task_id");
  return completed(archive_task_);
}

/// A workspace with what lies in one, into the trash, back, and purged.
bool CrashStory::forest() {
  auto& api = server_.api();
  const auto team = api.post("/api/workspaces", json::object{{"name", "team"}});
  ANSWERED(team, 201);
  team_ = team.string("id");
  const http::Headers in_team = {{"X-Mayfly-Workspace", team_}};
  const auto app = api.call("POST", "/api/apps", R"({"name": "Notes"})", in_team);
  ANSWERED(app, 201);
  const json::object wish = {{"name", "first"}, {"appId", app.at("id")}};
  const auto element = api.call("POST", "/api/elements", boost::json::serialize(wish), in_team);
  ANSWERED(element, 201);
  const auto database = api.call("POST", "/api/databases", R"({"name": "orders", "sizeMb": 8})", in_team);
  ANSWERED(database, 201);
  const auto path = "/api/workspaces/" + team_;
  const auto trashed = api.remove(path);
  ANSWERED(trashed, 200);
  const auto restored = api.post(path + "/restore");
  ANSWERED(restored, 200);
  restored_team_ = true;
  team_purge_asked_ = true;
  const auto purged = api.remove(path + "?purge=true");
  ANSWERED(purged, 202);
  return completed(purged.string("cleanupTaskId"));
}

/// What came back is there with all that lay in it; what was asked to go for good is gone, and so is the rest then.
void CrashStory::check_forest() {
  auto& api = server_.api();
  if (restored_team_ && !team_purge_asked_) {
    EXPECT_EQ(api.get("/api/workspaces/" + team_).string("state"), "active");
    EXPECT_EQ(api.call("GET", "/api/databases", {}, {{"X-Mayfly-Workspace", team_}}).at("pageInfo.total"),
              json::value(1));
  }
  const auto left = [&] { return api.get("/api/workspaces?include_deleted=true&name=team").at("data").as_array(); };
  for (const auto& workspace : left()) {
    const auto id = std::string(workspace.at("id").as_string());
    const auto accepted = api.remove("/api/workspaces/" + id + "?purge=true");
    ASSERT_EQ(accepted.status, 202) << accepted;
    EXPECT_TRUE(comes_true([&] {
      return api.get("/api/cleanup-tasks/" + accepted.string("cleanupTaskId")).string("status") == "completed";
    })) << api.get("/api/cleanup-tasks/" + accepted.string("cleanupTaskId") + "/tree");
  }
  EXPECT_TRUE(left().empty());
}

bool CrashStory::live_runtime() {
  const auto made = server_.api().post(
      runtimes, json::object{{"key", "durable"}, {"name", "durable"},
                             {"config", json::object{{"resources", json::object{{"memory_mb", 128}}}}}});
  ANSWERED(made, 201);
  runtime_ = made.string("id");
  const auto at = runtimes + ("/" + runtime_);
  const auto started = server_.api().post(at + "/start");
  ANSWERED(started, 200);
  const auto reset = server_.api().post(at + "/reset");
  ANSWERED(reset, 200);
  const auto again = server_.api().post(at + "/start");
  ANSWERED(again, 200);
  const auto kept = server_.api().post(at + "/keepalive", json::object{{"extend_seconds", 60}});
  ANSWERED(kept, 200);
  runtime_expiry_ = kept.string("expires_at");
  runtime_delete_asked_ = true;
  const auto removed = server_.api().remove(at);
  ANSWERED(removed, 202);
  runtime_task_ = removed.string("cleanup_task_id");
  return completed(runtime_task_);
}

bool CrashStory::brief_ends() {
  EXPECT_TRUE(comes_true([&] { return server_.dies(0ms) || server_.api().state(brief_.id) == "gone"; }));
  return server_.up();
}

bool CrashStory::create(Promise& into, json::object wish) {
  const auto made = server_.api().create(std::move(wish));
  // A brief life may be over before its start was: that is an answer too.
  if (made.status == 409 && made.string("code") == "deleted_while_starting") return true;
  ANSWERED(made, 201);
  into.id = made.string("id");
  return true;
}

bool CrashStory::remove(Promise& what, const std::string& query) {
  what.delete_asked = true;
  const auto accepted = server_.api().remove(Api::of(what.id) + query);
  ANSWERED(accepted, 202);
  what.delete_task = accepted.string("cleanup_task_id");
  return true;
}

bool CrashStory::completed(const std::string& task) {
  Answer last;
  EXPECT_TRUE(comes_true([&] {
    last = server_.api().get("/v1/cleanup-tasks/" + task);
    return last.lost() || last.string("status") == "completed";
  })) << last;
  return last.string("status") == "completed";
}

std::optional<std::string> CrashStory::fingerprint(const std::string& id) {
  const auto read = server_.api().exec(id, read_files);
  if (read.lost()) return std::nullopt;
  EXPECT_EQ(read.status, 200) << read.text;
  EXPECT_EQ(read.at("exit_code"), json::value(0)) << read.text;
  return read.string("stdout");
}

void CrashStory::check() {
  check_sandbox(first_, true);
  check_sandbox(restored_, false);
  check_ended(first_);
  check_ended(restored_);
  check_archive();
  check_volume();
  check_image();
  check_forest();
  check_runtime();
  check_brief();
}

/// It is durable, its start is one sandbox, and what it was promised is kept.
void CrashStory::check_runtime() {
  const auto at = runtimes + ("/" + runtime_);
  if (!runtime_task_.empty()) { ASSERT_TRUE(server_.task_completes(runtime_task_)); }
  if (runtime_.empty() || !runtime_task_.empty()) {
    EXPECT_EQ(runtime_.empty() ? 404 : server_.api().get(at).status, 404);
    return;
  }
  auto there = server_.api().get(at);
  if (runtime_delete_asked_ && there.status == 404) return;
  ASSERT_EQ(there.status, 200) << there;
  EXPECT_GE(there.string("instance.expires_at"), runtime_expiry_);
  const auto started = server_.api().post(at + "/start");
  ASSERT_EQ(started.status, 200) << started << server_.log();
  const auto accepted = server_.api().remove(at);
  ASSERT_EQ(accepted.status, 202) << accepted;
  ASSERT_TRUE(server_.task_completes(accepted.string("cleanup_task_id")));
  const auto sandbox = started.string("instance.provider_sandbox_id");
  EXPECT_EQ(server_.traces_of(sandbox.substr(4)), std::vector<std::string>());
}

/// What was made and not asked to go is there with what was written to it; what was, is gone.
void CrashStory::check_volume() {
  if (!volume_task_.empty()) {
    ASSERT_TRUE(server_.task_completes(volume_task_));
    EXPECT_EQ(server_.traces_of(volume_.substr(4)), std::vector<std::string>());
    return;
  }
  const auto nothing_half_made = [&] { return server_.api().get("/v1/volumes?state=writing").items().empty(); };
  EXPECT_TRUE(comes_true(nothing_half_made)) << server_.api().get("/v1/volumes");
  if (volume_.empty() || volume_delete_asked_) return;
  EXPECT_EQ(server_.api().get("/v1/volumes/" + volume_).string("state"), "active");
  if (!volume_written_) return;
  const auto reader = server_.api().create(
      {{"mounts", json::array{json::object{{"volume", volume_}, {"path", volume_path}}}}});
  ASSERT_EQ(reader.status, 201) << reader << server_.log();
  EXPECT_EQ(server_.api().output(reader.string("id"), std::string("cat ") + volume_path + "/file"), "kept\n");
}

/// What was created and not asked to go is there, with its files.
void CrashStory::check_sandbox(Promise& what, bool may_move) {
  if (what.id.empty() || what.delete_asked) return;
  const auto settled = [&] {
    const auto state = server_.api().state(what.id);
    return state == "running" || state == "paused" || state == "stopped";
  };
  ASSERT_TRUE(comes_true(settled)) << server_.api().get(Api::of(what.id));
  const auto state = server_.api().state(what.id);
  if (!may_move) { EXPECT_EQ(state, "running"); }
  if (state == "paused") { EXPECT_EQ(server_.api().post(Api::of(what.id, "resume")).status, 200); }
  if (state == "stopped") { EXPECT_EQ(server_.api().post(Api::of(what.id, "start")).status, 200); }
  if (!what.fingerprint.empty()) { EXPECT_EQ(fingerprint(what.id), what.fingerprint); }
}

/// What was accepted for deletion ends, and stays ended.
void CrashStory::check_ended(const Promise& what) {
  if (what.delete_task.empty()) return;
  ASSERT_TRUE(server_.task_completes(what.delete_task));
  EXPECT_EQ(server_.api().state(what.id), "gone");
  EXPECT_EQ(server_.traces_of(what.id.substr(4)), std::vector<std::string>());
}

void CrashStory::check_archive() {
  if (!archive_task_.empty()) {
    ASSERT_TRUE(server_.task_completes(archive_task_));
    EXPECT_EQ(server_.api().get("/v1/archives/" + archive_).status, 404);
    return;
  }
  if (first_.delete_task.empty() || archive_delete_asked_) return;
  const auto archives = server_.api().get("/v1/archives?sandbox=" + first_.id).items();
  ASSERT_EQ(archives.size(), 1u);
  json::object wish = {{"restore_from", archives.front().at("id")}};
  const auto again = server_.api().create(wish);
  ASSERT_EQ(again.status, 201) << again << server_.log();
  EXPECT_EQ(fingerprint(again.string("id")), first_.fingerprint);
}

/// No files of an image but those that a name means: what was brought in or taken away when it died has ended.
void CrashStory::check_image() {
  if (!image_task_.empty()) { ASSERT_TRUE(server_.task_completes(image_task_)); }
  const auto named = server_.api().get("/v1/images").items().size();
  EXPECT_TRUE(comes_true([&] { return os::list_folder(server_.data() + "/images")->size() == named; }))
      << server_.api().get("/v1/images");
}

/// Its second is over, or will be when the grace after a downtime is.
void CrashStory::check_brief() {
  if (brief_.id.empty()) return;
  EXPECT_EQ(server_.api().post("/test/clock", json::object{{"advance_seconds", 70}}).status, 200);
  EXPECT_TRUE(comes_true([&] { return server_.api().state(brief_.id) == "gone"; }))
      << server_.api().get(Api::of(brief_.id));
}

}  // namespace mayfly::test
