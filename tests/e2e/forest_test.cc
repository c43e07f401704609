// Workspaces and what lies in them, with real sandboxes: the example of docs/forest.md as it stands there, and what a
// client sees of the rest.

#include <algorithm>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include "e2e/server.h"
#include "os/file.h"
#include "os/process.h"

namespace mayfly::test {
namespace {

using ::testing::HasSubstr;

/// The first fenced block of that language.
std::string block_of(const std::string& document, const std::string& language) {
  const auto fence = "```" + language + "\n";
  const auto begin = document.find(fence);
  if (begin == document.npos) return {};
  const auto end = document.find("```", begin + fence.size());
  return document.substr(begin + fence.size(), end - begin - fence.size());
}

std::string file_text(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A tar of a root file system with a shell, and sqlite3 of this host with the libraries that it needs.
std::string image_with_sqlite(const std::string& folder) {
  os::RunOptions run;
  run.argv = {"/bin/sh", "-c",
              "set -e; mkdir -p root/bin root/usr/bin; cp /bin/busybox root/bin/busybox; "
              "for name in sh cat echo ls; do ln -s busybox root/bin/$name; done; "
              "cp /usr/bin/sqlite3 root/usr/bin/; "
              "for file in $(ldd /usr/bin/sqlite3 /bin/busybox | grep -o '/[^ ]*' | grep -v ':$' | sort -u); do "
              "mkdir -p root$(dirname $file); cp -L $file root$file; done; tar -cf sqlite.tar -C root ."};
  run.cwd = folder;
  const auto done = os::run(run);
  EXPECT_TRUE(done && done->exit_code == 0) << (done ? done->err : done.error().message);
  return folder + "/sqlite.tar";
}

class Forest : public Served {
 protected:
  std::string made(const std::string& path, json::object wish) {
    const auto answer = api().post(path, std::move(wish));
    EXPECT_EQ(answer.status, 201) << path << " " << answer;
    return answer.string("id");
  }
  void purge(const std::string& path) {
    const auto accepted = api().remove(path + "?purge=true");
    ASSERT_EQ(accepted.status, 202) << accepted;
    EXPECT_TRUE(server_.task_completes(accepted.string("cleanupTaskId")));
  }
};

TEST_F(Forest, TheExampleOfTheDocumentRunsAsItSays) {
  const auto document = file_text(std::string(MAYFLY_SOURCE) + "/docs/forest.md");
  const auto imported = api().post(
      "/v1/images", json::object{{"path", image_with_sqlite(server_.folder())}, {"name", "with-sqlite"}});
  ASSERT_EQ(imported.status, 201) << imported;

  os::RunOptions run;
  run.argv = {"/bin/sh", "-c", block_of(document, "sh")};
  run.env = {"PATH=/usr/bin:/bin", "MAYFLY_URL=" + server_.url(), "MAYFLY_API_KEY=" + std::string(Server::key),
             "IMAGE=with-sqlite"};
  run.cwd = server_.folder();
  run.timeout = 120s;
  const auto ran = os::run(run);

  ASSERT_TRUE(ran) << ran.error().message << server_.log();
  EXPECT_EQ(ran->out, block_of(document, "text")) << ran->err << server_.log();
  EXPECT_EQ(ran->exit_code, 0) << ran->err;
}

TEST_F(Forest, AnswersHaveTheShapeOfTheirApi) {
  const auto app = made("/api/apps", {{"name", "Notes"}});
  EXPECT_TRUE(app.starts_with("app_"));
  const auto element =
      made("/api/elements", {{"appId", app}, {"name", "first"}, {"content", json::object{{"text", "hello"}}}});
  EXPECT_TRUE(element.starts_with("elm_"));
  const auto shown = api().get("/api/elements/" + element);
  EXPECT_EQ(shown.at("content.text"), json::value("hello"));
  EXPECT_EQ(shown.string("appId"), app);
  EXPECT_EQ(shown.at("deletedAt"), json::value());

  const auto renamed = api().call("PATCH", "/api/elements/" + element, R"({"name": "second", "content": [1, 2]})");
  EXPECT_EQ(renamed.status, 200) << renamed;
  EXPECT_EQ(renamed.at("content"), json::value(json::array{1, 2}));

  const auto trashed = api().remove("/api/apps/" + app + "?retention_tier=medium");
  EXPECT_EQ(trashed.status, 200) << trashed;
  std::vector<std::string> names;
  for (const auto& member : trashed.body.as_object()) names.emplace_back(member.key());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("id", "deletedAt", "retentionTier", "purgeAt"));
  EXPECT_EQ(trashed.string("retentionTier"), "medium");
  EXPECT_EQ(api().get("/api/elements/" + element).status, 404);
  EXPECT_TRUE(api().get("/api/elements").at("data").as_array().empty());
  EXPECT_TRUE(api().get("/api/apps").at("data").as_array().empty());
  EXPECT_EQ(api().get("/api/apps?include_deleted=only").at("data").as_array().size(), 1u);
  const auto trash = api().get("/api/trash?type=app");
  ASSERT_EQ(trash.at("data").as_array().size(), 1u) << trash;
  EXPECT_EQ(trash.at("data").as_array()[0].at("deletedBy"), json::value("user:admin"));
  EXPECT_EQ(api().get("/api/trash?orderBy=" + http::encode(R"([{"deletedAt": "desc"}])")).status, 200);

  EXPECT_EQ(api().post("/api/apps/" + app + "/restore").string("state"), "active");
  EXPECT_EQ(api().get("/api/elements?app_id=" + app).at("data").as_array().size(), 1u);
  EXPECT_EQ(api().get("/api/elements?name=SEC").at("data").as_array().size(), 1u);
  EXPECT_EQ(api().get("/api/elements?filter=" + http::encode(R"({"parent": {"name": "Notes"}})")).at("pageInfo.total"),
            json::value(1));
  const auto events = api().get("/api/events?subject_id=" + app);
  ASSERT_EQ(events.at("data").as_array().size(), 3u) << events;
  EXPECT_EQ(events.at("data").as_array()[0].at("type"), json::value("app.restored"));
  EXPECT_EQ(events.at("data").as_array()[0].at("parentId"), events.at("data").as_array()[1].at("id"));
  EXPECT_TRUE(events.at("data").as_array()[0].at("userId").as_string().starts_with("usr_"));

  const auto emptied = [&] {
    EXPECT_EQ(api().remove("/api/apps/" + app).status, 200);
    return api().remove("/api/trash");
  }();
  EXPECT_EQ(emptied.at("purged"), json::value(1)) << emptied;
  EXPECT_TRUE(comes_true([&] { return api().get("/api/apps/" + app).status == 404; }));
  EXPECT_TRUE(server_.clean()) << server_.doctor();
}

TEST_F(Forest, BadInputIsNamed) {
  const auto app = made("/api/apps", {{"name", "Notes"}});
  const auto code = [](const Answer& answer) {
    return std::to_string(answer.status) + " " + answer.string("error.code");
  };
  EXPECT_EQ(code(api().post("/api/apps", json::object{{"name", ""}})), "400 invalid");
  EXPECT_EQ(code(api().post("/api/apps", json::object{{"name", "Notes"}})), "409 name_taken");
  EXPECT_EQ(code(api().post("/api/apps", json::object{{"name", "x"}, {"colour", 1}})), "400 invalid");
  EXPECT_EQ(code(api().post("/api/elements", json::object{{"name", "x"}, {"appId", "app_none"}})), "404 app_not_found");
  EXPECT_EQ(code(api().post("/api/elements", json::object{{"name", "x"},
                                                          {"appId", app},
                                                          {"content", std::string(70'000, 'x')}})),
            "400 invalid");
  EXPECT_EQ(code(api().post("/api/databases", json::object{{"name", "Not A Name"}})), "400 name_invalid");
  EXPECT_EQ(code(api().remove("/api/apps/" + app + "?purge=perhaps")), "400 invalid_parameter");
  EXPECT_EQ(code(api().remove("/api/apps/" + app + "?retention_tier=forever")), "400 invalid_parameter");
  EXPECT_EQ(code(api().remove("/api/apps/" + app + "?purg=true")), "400 unknown_parameter");
  EXPECT_EQ(code(api().get("/api/apps?include_deleted=perhaps")), "400 invalid_parameter");
  EXPECT_EQ(code(api().post("/api/holds", json::object{{"resourceId", app}, {"reason", "r"}, {"expiresAt", "soon"}})),
            "400 invalid");
  EXPECT_EQ(code(api().post("/api/apps/" + app + "/restore")), "409 not_deleted");
  EXPECT_EQ(code(api().call("DELETE", "/api/apps/" + app, {}, {{"If-Match", "\"0\""}})), "412 plan_changed");
  EXPECT_EQ(code(api().remove("/api/workspaces/" + api().get("/v1/workspaces/default").string("id"))),
            "409 workspace_default");
  EXPECT_EQ(code(api().get("/api/workspaces/" + app)), "404 workspace_not_found");
  purge("/api/apps/" + app);
}

TEST_F(Forest, AMountedDatabaseIsPurgedWhenItsSandboxIsGone) {
  const auto database = made("/api/databases", {{"name", "orders"}, {"sizeMb", 16}});
  EXPECT_TRUE(database.starts_with("dbs_"));
  const auto box = given_sandbox(
      {{"name", "reader"}, {"mounts", json::array{json::object{{"database", "orders"}, {"path", "/data"}}}}});
  EXPECT_EQ(api().output(box, "ls /data && wc -c < /data/database.sqlite && echo row >> /data/database.sqlite && "
                              "cat /data/database.sqlite"),
            "database.sqlite\n0\nrow\n");
  EXPECT_EQ(api().get(Api::of(box)).at("mounts").as_array()[0].at("database_id"), json::value(database));

  const auto planned = api().post("/api/cleanup-tasks/plan", json::object{{"resourceId", database}});
  EXPECT_THAT(planned.text, HasSubstr("reader"));
  const auto accepted = api().remove("/api/databases/" + database + "?purge=true");
  ASSERT_EQ(accepted.status, 202) << accepted;
  const auto task = accepted.string("cleanupTaskId");
  EXPECT_TRUE(comes_true([&] {
    const auto tree = api().get("/api/cleanup-tasks/" + task + "/tree").text;
    return tree.find("mounted by sandbox reader") != tree.npos;
  })) << api().get("/api/cleanup-tasks/" + task + "/tree");
  const auto late = api().create({{"mounts", json::array{json::object{{"database", "orders"}, {"path", "/d"}}}}});
  EXPECT_EQ(late.string("code"), "database_deleting") << late;

  server_.delete_now(box);
  EXPECT_EQ(api().post("/api/cleanup-tasks/" + task + "/retry").status, 409);
  EXPECT_TRUE(server_.task_completes(task));
  EXPECT_EQ(api().get("/api/databases/" + database).status, 404);
  EXPECT_TRUE(server_.clean()) << server_.doctor();
}

TEST_F(Forest, AHoldIsHonouredFromBelowAndNamed) {
  const auto team = made("/api/workspaces", {{"name", "team"}});
  const auto here = http::Headers{{"X-Mayfly-Workspace", team}};
  const auto app = api().call("POST", "/api/apps", R"({"name": "Notes"})", here).string("id");
  const auto hold =
      api().call("POST", "/api/holds", R"({"reason": "audit 17", "resourceId": ")" + app + "\"}", here);
  ASSERT_EQ(hold.status, 201) << hold;

  for (const auto* query : {"", "?purge=true"}) {
    const auto refused = api().remove("/api/workspaces/" + team + query);
    EXPECT_EQ(refused.status, 409) << refused;
    EXPECT_EQ(refused.string("error.code"), "held");
    EXPECT_THAT(refused.string("error.message"), HasSubstr("audit 17"));
    EXPECT_THAT(refused.string("error.message"), HasSubstr(app));
  }
  const auto planned = api().post("/api/cleanup-tasks/plan", json::object{{"resourceId", team}});
  EXPECT_EQ(planned.at("holds").as_array().size(), 1u) << planned;
  EXPECT_EQ(planned.at("blockers").as_array().size(), 1u) << planned;

  EXPECT_EQ(api().call("DELETE", "/api/holds/" + hold.string("id"), {}, here).status, 200);
  purge("/api/workspaces/" + team);
  EXPECT_EQ(api().get("/api/workspaces/" + team).status, 404);
  const auto tasks = api().get("/api/cleanup-tasks?workspace_id=" + team);
  EXPECT_EQ(tasks.at("pageInfo.total"), json::value(2)) << "an admin sees what became of it: " << tasks;
}

TEST_F(Forest, ARepeatUnderAKeyMakesNothingNew) {
  const http::Headers key = {{"Idempotency-Key", "once"}};
  const auto first = api().call("POST", "/api/apps", R"({"name": "Notes"})", key);
  const auto again = api().call("POST", "/api/apps", R"({"name": "Notes"})", key);
  EXPECT_EQ(first.status, 201) << first;
  EXPECT_EQ(again.status, 201) << again;
  EXPECT_EQ(again.string("id"), first.string("id"));
  EXPECT_EQ(again.at("repeated"), json::value(true));
  EXPECT_EQ(api().call("POST", "/api/apps", R"({"name": "Other"})", key).status, 422);
  purge("/api/apps/" + first.string("id"));
}

}  // namespace
}  // namespace mayfly::test
