// Runtimes from create to delete, against real sandboxes: the cases of lifecycle, sandboxes and errors.

#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

#include <sqlite3.h>

#include "e2e/runtimes.h"
#include "os/file.h"

namespace mayfly::test {
namespace {

namespace fs = std::filesystem;

class Runtimes : public RuntimeStory {
 protected:
  /// Its record names an action that there is not.
  void spoil_row(const std::string&) { change_rows("UPDATE runtime SET on_timeout = 'explode'"); }
  void mend_row(const std::string&) {
    server_.stop();
    change_rows("UPDATE runtime SET on_timeout = 'pause'");
    ASSERT_TRUE(server_.start());
  }
  void change_rows(const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((server_.data() + "/mayfly.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    EXPECT_EQ(sqlite3_close(database), SQLITE_OK);
  }
  /// The first process inside.
  pid_t agent_of(const std::string& sandbox) {
    for (const auto& trace : server_.traces_of(sandbox.substr(4)))
      if (trace.starts_with("cgroup "))
        if (const auto processes = os::read_file("/sys/fs/cgroup/" + trace.substr(7) + "/cgroup.procs"))
          if (const int pid = std::atoi(processes->c_str()); pid > 1) return pid;
    ADD_FAILURE() << "no process of " << sandbox;
    return 0;
  }
  Answer move(const std::string& id, const char* verb) { return api().post(at(id, verb)); }
  std::string run(const std::string& id, const std::string& line) {
    return api().post(at(id, "exec"), json::object{{"command", line}}).string("stdout");
  }
  std::set<std::string> events_of(const std::string& sandbox) {
    std::set<std::string> types;
    for (const auto& event : api().get("/v1/events?limit=200&subject=" + sandbox).items())
      types.insert(std::string(event.at("type").as_string()));
    return types;
  }
  /// The uses of CPU that the groups of that sandbox have counted.
  std::string cpu_used(const std::string& sandbox) {
    std::string used;
    for (const auto& trace : server_.traces_of(sandbox.substr(4))) {
      if (!trace.starts_with("cgroup ")) continue;
      const auto group = "/sys/fs/cgroup/" + trace.substr(7);
      used += os::read_file(group + "/cpuacct.usage").value_or("");
      const auto stat = os::read_file(group + "/cpu.stat").value_or("");
      if (stat.starts_with("usage_usec")) used += stat.substr(0, stat.find('\n'));
    }
    EXPECT_NE(used, "");
    return used;
  }
};

TEST_F(Runtimes, AreMadeOnceForEachKey) {                                                   // case 26
  const json::object wish = {{"key", "build"}, {"name", "Build"}};
  const auto made = api().post(at(), wish);
  ASSERT_EQ(made.status, 201) << made;
  EXPECT_EQ(made.at("created"), json::value(true));
  EXPECT_EQ(made.string("status"), "idle");
  EXPECT_TRUE(made.at("instance").is_null());
  const auto again = api().post(at(), wish);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.string("id"), made.string("id"));
  EXPECT_EQ(again.at("created"), json::value(false));
  auto other = with_timeout(120, wish);
  expect_envelope(api().post(at(), other), 409, "config_differs");
  expect_envelope(api().post(at(), json::object{}), 422);
  expect_envelope(api().post(at(), json::object{{"key", "alone"}}), 422);
  expect_envelope(api().post(at(), json::object{{"key", "2489E9AD-2EE2-8E00-8EC9-32D5F69181C0"}, {"name", "x"}}), 422);
  const auto of_project = api().post(at(), json::object{{"project", "demo"}});
  EXPECT_EQ(of_project.string("key"), "demo");
  EXPECT_EQ(of_project.string("project_key"), "demo");
}

TEST_F(Runtimes, StartOnceAndAnswerWithWhatReachesThem) {                                   // cases 27 and 28
  const auto id = given_runtime("build");
  const auto first = started(id);
  EXPECT_EQ(first.string("status"), "running");
  EXPECT_EQ(first.string("instance.state"), "running");
  for (const auto* member : {"instance.sandbox_url", "instance.provider_sandbox_id", "instance.expires_at",
                             "sandbox_token"})
    EXPECT_NE(first.string(member), "") << member;
  EXPECT_EQ(first.at("materialization_stale"), json::value(false));
  const auto again = started(id);
  EXPECT_EQ(again.string("instance.sandbox_id"), first.string("instance.sandbox_id"));
  EXPECT_NE(again.string("sandbox_token"), "");
  const auto reconnected = move(id, "reconnect");
  EXPECT_EQ(reconnected.string("instance.sandbox_id"), first.string("instance.sandbox_id"));
  EXPECT_NE(reconnected.string("sandbox_token"), "");
}

TEST_F(Runtimes, KeepTheirSandboxWhenTheirConfigurationChanges) {                           // cases 29 and 40
  const auto id = given_runtime("build");
  const auto first = started(id);
  const auto before = api().get(at(id, "config"));
  const auto changed = api().put(at(id, "config"), with_timeout(90));
  ASSERT_EQ(changed.status, 200) << changed;
  EXPECT_NE(changed.string("config_digest"), before.string("config_digest"));
  EXPECT_EQ(changed.at("config.resources.memory_mb"), json::value(2048)) << "what is missing goes to its default";
  EXPECT_EQ(changed.at("config_version"), json::value(2));
  const auto same = api().put(at(id, "config"), json::object{{"config", changed.at("config")}});
  EXPECT_EQ(same.string("config_digest"), changed.string("config_digest"));
  EXPECT_EQ(same.at("config_version"), json::value(2));

  const auto kept = started(id);
  EXPECT_EQ(kept.string("instance.sandbox_id"), first.string("instance.sandbox_id"));
  EXPECT_EQ(kept.at("materialization_stale"), json::value(true));
  expect_envelope(api().post(at(id, "start"), json::object{{"if_stale", "fail"}}), 409, "config_stale");
  const auto replaced = started(id, {{"if_stale", "replace"}});
  EXPECT_NE(replaced.string("instance.sandbox_id"), first.string("instance.sandbox_id"));
  EXPECT_EQ(replaced.at("materialization_stale"), json::value(false));
  expect_envelope(api().put(at(id, "config"), json::object{}), 422);
}

TEST_F(Runtimes, StartOneSandboxForTenAtOnce) {                                             // case 30
  const auto id = given_runtime("build");
  std::vector<std::string> found(10);
  std::vector<std::thread> threads;
  for (auto& one : found)
    threads.emplace_back([&one, id, api = std::make_shared<Api>(server_.connect())] {
      const auto answer = api->post(at(id, "start"));
      one = answer.status == 200 ? answer.string("instance.sandbox_id") : answer.text;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), 1u);
  EXPECT_EQ(api().get("/v1/sandboxes").items().size(), 1u);
  EXPECT_TRUE(server_.clean());
}

TEST_F(Runtimes, LeaveNoOrphanOfAStartWhoseClientHungUp) {                                  // case 31
  const auto id = given_runtime("build");
  http::Client client(server_.url(), {{"Authorization", std::string("Bearer ") + Server::key}});
  http::ClientRequest impatient{"POST", at(id, "start"), {}, "{}"};
  impatient.timeout = std::chrono::milliseconds(5);
  (void)client.call(impatient);
  const auto answer = started(id);
  EXPECT_EQ(api().get("/v1/sandboxes").items().size(), 1u);
  EXPECT_EQ(answer.string("instance.provider_sandbox_id"),
            std::string(api().get("/v1/sandboxes").items().at(0).at("id").as_string()));
}

TEST_F(Runtimes, AreLimitedByWhoeverIsNearest) {                                            // case 32
  const auto start = [&](const std::string& id, int seconds) {
    return api().post(at(id, "start"), json::object{{"requested_runtime_limit_seconds", seconds}});
  };
  const auto id = given_runtime("build");
  expect_envelope(start(id, 59), 422);
  expect_envelope(start(id, 8 * 3600 + 1), 422);
  const auto asked = start(id, 1800);
  ASSERT_EQ(asked.status, 200) << asked;
  EXPECT_EQ(asked.at("instance.configured_runtime_limit_seconds"), json::value(1800));
  EXPECT_EQ(asked.string("instance.configured_runtime_limit_source_level"), "l4_requested");
  EXPECT_LE(seconds_between(instant(asked, "instance.created_at"), instant(asked, "instance.expires_at")), 1800);

  const auto inherited = started(given_runtime("plain"));
  EXPECT_EQ(inherited.at("instance.configured_runtime_limit_seconds"), json::value(8 * 3600));
  EXPECT_EQ(inherited.string("instance.configured_runtime_limit_source_level"), "l1_platform_max");

  const json::object limits = {{"max_seconds", 7200}, {"default_seconds", 600}};
  ASSERT_EQ(api().put(org("/runtime-limits"), limits).status, 200);
  const auto of_organization = started(given_runtime("limited"));
  EXPECT_EQ(of_organization.at("instance.configured_runtime_limit_seconds"), json::value(600));
  EXPECT_EQ(of_organization.string("instance.configured_runtime_limit_source_level"), "l3_org_default");
  const auto wide = start(given_runtime("wide"), 8 * 3600);
  EXPECT_EQ(wide.at("instance.configured_runtime_limit_seconds"), json::value(7200));
  EXPECT_EQ(wide.string("instance.configured_runtime_limit_source_level"), "l2_org_max");
  expect_envelope(api().put(org("/runtime-limits"), json::object{{"max_seconds", 9 * 3600}}), 422);
  auto member = person("member");
  expect_envelope(member.put(org("/runtime-limits"), json::object()), 403);
}

TEST_F(Runtimes, PauseAndGoOnWithMemoryAndTime) {                                           // cases 33 and 34
  const auto id = given_runtime("build");
  expect_envelope(move(id, "pause"), 409, "runtime_idle");
  expect_envelope(move(id, "resume"), 409, "runtime_idle");
  const auto first = started(id);
  const auto sandbox = first.string("instance.provider_sandbox_id");
  EXPECT_EQ(move(id, "resume").status, 200) << "of a running one nothing changes";
  ASSERT_EQ(api().exec(sandbox, "true").status, 200);
  ASSERT_EQ(api().post(Api::of(sandbox, "exec"),
                       json::object{{"command", "n=0; while :; do n=$((n+1)); echo $n > /next; mv /next /count; done"},
                                    {"wait", false}})
                .status,
            202);
  ASSERT_TRUE(comes_true([&] { return std::atoi(run(id, "cat /count").c_str()) > 0; }));

  const auto paused = move(id, "pause");
  ASSERT_EQ(paused.string("status"), "paused") << paused;
  EXPECT_EQ(paused.string("instance.pause_reason"), "user");
  EXPECT_FALSE(paused.body.as_object().contains("sandbox_token"));
  const auto left = paused.at("instance.remaining_seconds").to_number<double>();
  EXPECT_GT(left, 3000);
  const auto used = cpu_used(sandbox);
  advance(3 * 3600);
  EXPECT_EQ(move(id, "pause").status, 200) << "again is no error";
  EXPECT_EQ(cpu_used(sandbox), used);
  EXPECT_EQ(now(id).at("instance.remaining_seconds").to_number<double>(), left) << "paused time never counts";

  const auto resumed = move(id, "resume");
  ASSERT_EQ(resumed.string("status"), "running") << resumed;
  EXPECT_TRUE(resumed.at("instance.pause_reason").is_null());
  EXPECT_FALSE(resumed.body.as_object().contains("sandbox_token"));
  EXPECT_EQ(resumed.string("instance.sandbox_id"), first.string("instance.sandbox_id"));
  EXPECT_NEAR(seconds_between(instant(first, "instance.expires_at"), instant(resumed, "instance.expires_at")),
              3 * 3600, 30);
  const int before = std::atoi(run(id, "cat /count").c_str());
  EXPECT_TRUE(comes_true([&] { return std::atoi(run(id, "cat /count").c_str()) > before; }));
  EXPECT_EQ(run(id, "ps | grep -c '[w]hile'"), "1\n") << "the same process goes on";
}

TEST_F(Runtimes, AreResetToNothingButThemselves) {                                          // case 35
  const auto id = given_runtime("build");
  expect_envelope(move(id, "reset"), 409, "runtime_idle");
  for (const bool pause_first : {false, true}) {
    const auto sandbox = started(id).string("instance.provider_sandbox_id");
    if (pause_first) { ASSERT_EQ(move(id, "pause").status, 200); }
    const auto reset = move(id, "reset");
    ASSERT_EQ(reset.status, 200) << reset;
    EXPECT_EQ(reset.string("status"), "idle");
    EXPECT_TRUE(reset.at("instance").is_null());
    EXPECT_EQ(api().get(sandbox_at(sandbox)).string("state"), "killed");
    EXPECT_TRUE(comes_true([&] { return api().state(sandbox) == "gone"; }));
    EXPECT_TRUE(server_.traces_of(sandbox.substr(4)).empty());
  }
  EXPECT_EQ(api().get(at(id, "config")).status, 200);
}

TEST_F(Runtimes, PauseAtTheirTimeoutAfterAWarning) {                                        // case 36
  const auto id = given_runtime("build", with_timeout(600, {{"requested_runtime_limit_seconds", 900}}));
  const auto first = started(id);
  const auto sandbox = first.string("instance.provider_sandbox_id");
  EXPECT_EQ(first.string("instance.expires_action"), "pause");
  run(id, "echo kept > /kept");
  advance(310);
  ASSERT_TRUE(comes_true([&] { return events_of(sandbox).contains("sandbox.expiring"); }));
  EXPECT_EQ(now(id).string("status"), "running");
  advance(300);
  ASSERT_TRUE(comes_true([&] { return now(id).string("status") == "paused"; }));
  EXPECT_EQ(now(id).string("instance.pause_reason"), "timeout");
  EXPECT_TRUE(events_of(sandbox).contains("sandbox.expired"));

  const auto resumed = move(id, "resume");
  ASSERT_EQ(resumed.status, 200) << resumed;
  const auto given = seconds_between(instant(now(id), "instance.created_at"), instant(resumed, "instance.limit_at"));
  EXPECT_GT(given, 900) << "the limit has moved by the pause";
  EXPECT_EQ(resumed.string("instance.expires_at"), resumed.string("instance.limit_at")) << "min(timeout, limit left)";
  EXPECT_EQ(run(id, "cat /kept"), "kept\n");
  advance(400);
  ASSERT_TRUE(comes_true([&] { return now(id).string("status") == "paused"; }));
  expect_envelope(move(id, "resume"), 409, "limit_reached");
  expect_envelope(move(id, "start"), 409, "limit_reached");
}

TEST_F(Runtimes, AreKilledAtTheirTimeoutWhereThatIsSaid) {
  const auto id = given_runtime(
      "build", {{"config", json::object{{"sandbox", json::object{{"timeout_seconds", 60}, {"on_timeout", "kill"}}}}}});
  const auto sandbox = started(id).string("instance.provider_sandbox_id");
  advance(61);
  ASSERT_TRUE(comes_true([&] { return now(id).string("status") == "idle"; }));
  EXPECT_EQ(api().get(sandbox_at(sandbox)).string("state"), "killed");
  EXPECT_EQ(api().get(sandbox_at(sandbox)).string("end_reason"), "max_age");
}

TEST_F(Runtimes, TellTheirStartAsAStream) {                                                 // case 37
  const auto id = given_runtime("build");
  const auto streamed = api().call("POST", at(id, "start/stream"), "{}");
  ASSERT_EQ(streamed.status, 200) << streamed;
  EXPECT_NE(streamed.text.find("event: progress\ndata: {\"phase\":\""), std::string::npos) << streamed.text;
  const auto last = streamed.text.rfind("event: ");
  ASSERT_TRUE(streamed.text.substr(last).starts_with("event: result\ndata: {")) << streamed.text;
  const auto data = streamed.text.find("data: ", last) + 6;
  const auto result = json::parse(streamed.text.substr(data, streamed.text.find('\n', data) - data));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->at("status"), json::value("running"));
  EXPECT_TRUE(result->as_object().contains("sandbox_token"));
  expect_envelope(api().call("POST", at("none", "start/stream"), "{}"), 404, "runtime_not_found");
}

TEST_F(Runtimes, AreListedPageByPage) {                                                     // case 38
  std::set<std::string> all;
  for (const auto* key : {"one", "two", "three"}) all.insert(given_runtime(key));
  const auto running = given_running("four");
  const auto ids = [](const Answer& page) {
    std::vector<std::string> found;
    for (const auto& item : page.items()) found.push_back(std::string(item.at("id").as_string()));
    return found;
  };
  EXPECT_EQ(ids(api().get(at() + "?state=running,paused")), std::vector<std::string>{running});
  EXPECT_EQ(ids(api().get(at() + "?state=running&state=paused")), std::vector<std::string>{running});
  EXPECT_EQ(ids(api().get(at() + "?state=idle")).size(), 3u);
  EXPECT_EQ(ids(api().get(at() + "?owner=me")).size(), 4u);
  EXPECT_EQ(ids(api().get(at() + "?project_id=none")).size(), 0u);
  all.insert(running);
  std::set<std::string> seen;
  std::string cursor;
  int pages = 0;
  while (++pages < 10) {
    const auto page = api().get(at() + "?limit=1" + (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(page.status, 200) << page;
    for (const auto& id : ids(page)) EXPECT_TRUE(seen.insert(id).second) << "twice";
    cursor = page.string("next_cursor");
    if (cursor.empty()) break;
  }
  EXPECT_EQ(seen, all);
  EXPECT_EQ(pages, 4) << "the last page has no next one";
  expect_envelope(api().get(at() + "?cursor=nonsense"), 422);
  expect_envelope(api().get(at() + "?limit=0"), 422);
  expect_envelope(api().get(at() + "?state=asleep"), 422);
}

TEST_F(Runtimes, AreLookedAtByReadersAndChangedByTheirOwner) {                              // case 39
  auto owner = person("owner");
  const auto made = owner.post(at(), json::object{{"key", "theirs"}, {"name", "theirs"}});
  ASSERT_EQ(made.status, 201) << made;
  const auto id = made.string("id");
  auto reader = person("reader", "reader");
  EXPECT_EQ(reader.get(at(id)).at("owned_by_me"), json::value(false));
  EXPECT_EQ(reader.get(at()).items().size(), 1u);
  EXPECT_EQ(reader.get(at(id, "config")).status, 200);
  for (const auto* verb : {"pause", "resume", "start", "start/stream", "reset", "stop", "reconnect"})
    expect_envelope(reader.post(at(id, verb)), 403);
  expect_envelope(reader.post(at(id, "keepalive"), json::object{{"extend_seconds", 60}}), 403);
  expect_envelope(reader.post(at(id, "exec"), json::object{{"command", "true"}}), 403);
  expect_envelope(reader.put(at(id, "config"), json::object{{"config", json::object()}}), 403);
  expect_envelope(reader.remove(at(id)), 403);
  expect_envelope(reader.post(at(), json::object{{"key", "mine"}, {"name", "mine"}}), 403);
  expect_envelope(api().post(at(id, "start")), 403, "not_the_owner");
  EXPECT_EQ(api().remove(at(id)).status, 202) << "nobody's runtime stands for ever: admins may delete it";
}

TEST_F(Runtimes, HideTheValuesOfTheirEnvironmentFromOthers) {
  const auto id = given_runtime(
      "build", {{"config", json::object{{"runtime_server", json::object{{"env", json::object{{"TOKEN", "hush"}}}}}}}});
  EXPECT_EQ(api().get(at(id, "config")).at("config.runtime_server.env.TOKEN"), json::value("hush"));
  auto reader = person("reader", "reader");
  EXPECT_EQ(reader.get(at(id, "config")).text.find("hush"), std::string::npos);
  started(id);
  EXPECT_EQ(run(id, "echo $TOKEN"), "hush\n");
}

TEST_F(Runtimes, AreFoundByTheirSandboxes) {                                                // cases 41 and 42
  const auto id = given_runtime("build", {{"project", "demo"}});
  const auto first = started(id);
  const auto sandbox = first.string("instance.provider_sandbox_id"), uuid = first.string("instance.sandbox_id");
  run(id, "echo said; echo wrong >&2");
  for (const auto& name : {sandbox, uuid}) {
    EXPECT_EQ(api().get(sandbox_at(name)).string("runtime_id"), id);
    EXPECT_EQ(api().get(sandbox_at(name, "logs")).string("logs"), "said\nwrong\n");
  }
  EXPECT_EQ(api().get(at(id, "logs")).string("logs"), "said\nwrong\n");
  EXPECT_EQ(api().get(org("/sandboxes?state=running&project_id=demo")).items().size(), 1u);
  EXPECT_EQ(api().get(org("/sandboxes?state=paused")).items().size(), 0u);
  EXPECT_EQ(api().get(org("/sandboxes/usage")).at("sandboxes"), json::value(1));
  expect_envelope(api().get(sandbox_at("build")), 404);

  EXPECT_EQ(api().remove(sandbox_at(uuid)).string("state"), "killed");
  EXPECT_EQ(now(id).string("status"), "idle");
  EXPECT_TRUE(comes_true([&] { return api().remove(sandbox_at(uuid)).status == 404; }));
  EXPECT_EQ(api().get(sandbox_at(uuid)).string("state"), "killed") << "the record stays";
}

TEST_F(Runtimes, GiveATokenThatOpensTheirPortsUntilTheyArePaused) {
  const auto id =
      given_runtime("build", {{"config", json::object{{"runtime_server", json::object{{"port", 8000}}},
                                                      {"sandbox", json::object{{"timeout_seconds", 7200}}}}}});
  const auto first = started(id);
  const auto sandbox = first.string("instance.provider_sandbox_id");
  const auto* serve = "mkdir /www && echo hello > /www/index.html && busybox httpd -f -p 127.0.0.1:8000 -h /www";
  ASSERT_EQ(api().post(Api::of(sandbox, "exec"), json::object{{"command", serve}, {"wait", false}}).status, 202);
  const auto url = first.string("instance.sandbox_url");
  ASSERT_TRUE(url.starts_with(server_.url())) << url;
  const auto path = url.substr(server_.url().size());
  const auto with = [&](const std::string& token) {
    return server_.connect_with({{"Authorization", "Bearer " + token}});
  };
  auto guest = with(first.string("sandbox_token"));
  Answer page;
  ASSERT_TRUE(comes_true([&] { return (page = guest.get(path + "/index.html")).status == 200; })) << page;
  EXPECT_EQ(page.text, "hello\n");
  EXPECT_EQ(guest.get("/v1/sandboxes").status, 401) << "it opens nothing else";
  EXPECT_EQ(guest.get(at(id)).status, 401);
  const auto other = given_sandbox();
  EXPECT_EQ(guest.get("/v1/sandboxes/" + other + "/ports/8000/").status, 403);
  auto forged = with(first.string("sandbox_token").substr(0, 120) + "0");
  EXPECT_EQ(forged.get(path + "/index.html").status, 401);

  ASSERT_EQ(move(id, "pause").status, 200);
  EXPECT_EQ(guest.get(path + "/index.html").status, 401);
  ASSERT_EQ(move(id, "resume").status, 200);
  EXPECT_EQ(guest.get(path + "/index.html").status, 401) << "a pause ends it";
  auto renewed = with(move(id, "reconnect").string("sandbox_token"));
  EXPECT_EQ(renewed.get(path + "/index.html").text, "hello\n");
  advance(3601);
  EXPECT_EQ(renewed.get(path + "/index.html").status, 401) << "it is short-lived";
}

TEST_F(Runtimes, StopAndStartWithTheSameFiles) {
  const auto id = given_running("build");
  run(id, "echo kept > /kept");
  ASSERT_EQ(move(id, "stop").string("status"), "stopped");
  expect_envelope(keepalive(id, 60), 409, "state_stopped");
  expect_envelope(move(id, "resume"), 409, "state_stopped");
  started(id);
  EXPECT_EQ(run(id, "cat /kept"), "kept\n");
}

TEST_F(Runtimes, AreDeletedWithTheirSandbox) {
  const auto id = given_runtime("build");
  const auto sandbox = started(id).string("instance.provider_sandbox_id");
  const auto deleted = api().remove(at(id));
  ASSERT_EQ(deleted.status, 202) << deleted;
  expect_envelope(now(id), 404, "runtime_not_found");
  EXPECT_NE(given_runtime("build"), id) << "the key is free at once";
  EXPECT_TRUE(server_.task_completes(deleted.string("cleanup_task_id")));
  EXPECT_EQ(api().state(sandbox), "gone");
  EXPECT_TRUE(server_.traces_of(sandbox.substr(4)).empty());
}

TEST_F(Runtimes, AnswerWithTheEnvelopeWhateverHappens) {                                    // case 45
  expect_envelope(api().get("/api/v1/nothing"), 404, "route_not_found");
  expect_envelope(api().call("PATCH", at(), "{}"), 405, "method_not_allowed");
  expect_envelope(api().call("POST", at(), std::string((1 << 20) + 1, ' ')), 413);
  const auto id = given_runtime("build");
  // The nearest to a crash that can be had from outside: a record that cannot be read.
  server_.stop();
  spoil_row(id);
  ASSERT_TRUE(server_.start()) << server_.log();
  expect_envelope(now(id), 500);
  expect_envelope(keepalive(id, 60), 500);
  mend_row(id);
}

TEST_F(Runtimes, TellWhatTheHostRefuses) {                                                  // case 22
  const auto id = given_runtime("build");
  const auto sandbox = started(id).string("instance.provider_sandbox_id");
  const auto before = expiry(id);
  // The program inside hangs: nobody answers in time, and a keepalive needs nobody.
  const auto agent = agent_of(sandbox);
  ASSERT_GT(agent, 1);
  ASSERT_EQ(::kill(agent, SIGSTOP), 0);
  expect_envelope(api().get(at(id, "logs")), 504);
  EXPECT_EQ(expiry(id), before);
  const auto kept = keepalive(id, 60);
  EXPECT_EQ(kept.status, 200) << kept;
  ASSERT_EQ(::kill(agent, SIGCONT), 0);
  EXPECT_EQ(api().get(at(id, "logs")).status, 200);

  // Its files are taken away: the start is refused by the host.
  ASSERT_EQ(move(id, "stop").status, 200);
  const auto layer = server_.data() + "/layers/" + sandbox.substr(4), aside = server_.folder() + "/aside";
  fs::rename(layer, aside);
  const auto refused = move(id, "start");
  expect_envelope(refused, 502, "start_failed");
  EXPECT_NE(refused.string("detail").find("layer_missing"), std::string::npos) << refused;
  EXPECT_EQ(now(id).string("status"), "idle");
  fs::rename(aside, layer);
  EXPECT_NE(started(id).string("instance.provider_sandbox_id"), sandbox) << "a failed one is archived and replaced";
  EXPECT_TRUE(comes_true([&] { return api().state(sandbox) == "gone"; }));
  EXPECT_EQ(api().get("/v1/archives?sandbox=" + sandbox).items().size(), 1u);
}

}  // namespace
}  // namespace mayfly::test
