// Deletes that are held up, cancelled, tried again, skipped and followed, also by a server that is killed in between.

#include <thread>

#include "e2e/server.h"

namespace mayfly::test {
namespace {

constexpr const char* tasks = "/v1/cleanup-tasks";

std::string path_of(const std::string& task, const std::string& what) {
  return std::string(tasks) + "/" + task + (what.empty() ? "" : "/" + what);
}

class CleanupControl : public Served {
 protected:
  std::string given_delete(const std::string& query = "?archive=false") {
    const auto id = given_sandbox();
    const auto accepted = api().remove(Api::of(id) + query);
    EXPECT_EQ(accepted.status, 202) << accepted;
    return accepted.string("cleanup_task_id");
  }
};

TEST_F(CleanupControl, PausesDeletesCancelsResumesAndRetries) {
  const auto paused = api().post(std::string(tasks) + "/pause", json::object{{"reason", "look first"}});
  ASSERT_EQ(paused.status, 200) << paused;
  EXPECT_EQ(paused.string("scope"), "all");
  const auto task = given_delete();
  EXPECT_EQ(api().get(path_of(task, "") + "?wait_seconds=1").string("status"), "in_progress");
  const auto progress = api().get(path_of(task, "progress"));
  EXPECT_NE(progress.text.find("look first"), std::string::npos) << progress;

  const auto cancelled = api().post(path_of(task, "cancel"));
  ASSERT_EQ(cancelled.status, 200) << cancelled;
  EXPECT_EQ(cancelled.string("status"), "failed");
  EXPECT_EQ(cancelled.string("error_code"), "cancelled");
  EXPECT_EQ(api().post(path_of(task, "cancel")).string("code"), "task_ended");

  server_.restart();
  EXPECT_EQ(api().get(std::string(tasks) + "/pause").items().size(), 1u) << "it holds over a restart";
  ASSERT_EQ(api().post(std::string(tasks) + "/resume").status, 200);
  EXPECT_EQ(api().post(std::string(tasks) + "/resume").status, 404);
  EXPECT_EQ(api().get(path_of(task, "") + "?wait_seconds=1").string("status"), "failed") << "cancelled is cancelled";

  const auto again = api().post("/api/cleanup-tasks/" + task + "/retry");
  ASSERT_EQ(again.status, 200) << again;
  EXPECT_EQ(again.at("ok"), json::value(true));
  EXPECT_TRUE(server_.task_completes(task));
}

TEST_F(CleanupControl, TellsOfADeleteWhileItHappens) {
  ASSERT_EQ(api().post(std::string(tasks) + "/pause", json::object{{"reason", "wait for me"}}).status, 200);
  const auto task = given_delete();
  for (const auto* form : {"application/x-ndjson", "text/event-stream"}) {
    Answer followed;
    auto other = server_.connect();
    std::thread reader([&] { followed = other.call("GET", path_of(task, "events"), {}, {{"Accept", form}}); });
    api().post(std::string(tasks) + "/resume");
    reader.join();

    ASSERT_EQ(followed.status, 200) << followed;
    EXPECT_NE(followed.text.find("\"type\":\"task\""), std::string::npos) << followed;
    EXPECT_NE(followed.text.find("destroy_sandbox"), std::string::npos) << followed;
    EXPECT_NE(followed.text.find("\"type\":\"end\",\"status\":\"completed\""), std::string::npos) << followed;
  }
  EXPECT_EQ(api().get("/api/cleanup-tasks/" + task + "/events").status, 200);
  EXPECT_EQ(api().get(path_of("clt_none", "events")).status, 404);
}

TEST_F(CleanupControl, RefusesWhatItCannotDo) {
  const auto task = given_delete();
  ASSERT_TRUE(server_.task_completes(task));

  EXPECT_EQ(api().post(path_of(task, "skip"), json::object{{"reason", "why"}}).status, 409);
  EXPECT_EQ(api().post(path_of(task, "skip")).status, 400);
  EXPECT_EQ(api().post(path_of(task, "skip"), json::object{{"reason", ""}}).status, 400);
  EXPECT_EQ(api().post(std::string(tasks) + "/pause").status, 400);
  EXPECT_EQ(api().post(std::string(tasks) + "/pause", json::object{{"reason", "x"}, {"kind", "moon"}}).status, 400);
  const json::object nowhere = {{"reason", "x"}, {"workspace_id", "nowhere"}};
  EXPECT_EQ(api().post(std::string(tasks) + "/pause", nowhere).string("code"), "workspace_not_found");
  EXPECT_EQ(api().get(path_of(task, "attempts")).items().size(), 0u) << "the root is never attempted";
  EXPECT_EQ(api().get(path_of("clt_none", "attempts")).string("code"), "cleanup_task_not_found");
  const auto steps = api().get(path_of(task, "tree")).items();
  const auto stop = std::string(steps.at(1).at("id").as_string());
  EXPECT_EQ(api().get(path_of(stop, "attempts")).items().size(), 1u);
}

TEST_F(CleanupControl, KeepsWhatItHasAnsweredThoughItIsKilledThen) {
  const auto pause = std::string(tasks) + "/pause", resume = std::string(tasks) + "/resume";
  const auto dies_in = [&](const std::string& place, const std::string& path, const json::value& body) {
    server_.kill_hard();
    ASSERT_TRUE(server_.start(place)) << server_.log();
    api().post(path, body);
    EXPECT_TRUE(server_.dies(5000ms)) << place << " was not reached";
    server_.kill_hard();
    ASSERT_TRUE(server_.start()) << server_.log();
  };
  const json::object reason = {{"reason", "to be killed"}};
  dies_in("cleanup.after_pause", pause, reason);
  EXPECT_EQ(api().get(pause).items().size(), 1u);
  const auto task = given_delete(), second = given_delete();
  dies_in("cleanup.after_cancel", path_of(task, "cancel"), json::object());
  EXPECT_EQ(api().get(path_of(task, "")).string("error_code"), "cancelled");
  dies_in("cleanup.after_skip", path_of(second, "skip"), reason);
  EXPECT_NE(server_.doctor().text.find("\"skipped\""), std::string::npos);
  dies_in("cleanup.after_resume", resume, json::object());
  EXPECT_EQ(api().get(pause).items().size(), 0u);
  EXPECT_TRUE(server_.task_completes(second)) << "what only takes the record away is carried out";
  // Its first round of the house passes here, and again it has forgotten nothing.
  server_.kill_hard();
  server_.start("cleanup.after_purge");
  EXPECT_TRUE(server_.dies(5000ms));
  server_.kill_hard();
  ASSERT_TRUE(server_.start()) << server_.log();
  EXPECT_EQ(api().get(path_of(task, "")).string("error_code"), "cancelled");

  ASSERT_EQ(api().post(path_of(task, "retry")).status, 200);
  EXPECT_TRUE(server_.task_completes(task));
  json::array keys;
  const auto findings = server_.doctor().at("findings").as_array();
  for (const auto& finding : findings) keys.push_back(finding.at("key"));
  EXPECT_FALSE(keys.empty());
  EXPECT_EQ(api().post("/v1/doctor/fix", json::object{{"findings", keys}}).status, 200);
  EXPECT_TRUE(comes_true([&] { return server_.clean(); })) << server_.doctor();
}

}  // namespace
}  // namespace mayfly::test
