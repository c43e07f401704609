// What lies in another workspace does not exist: every route of the OpenAPI document, asked by a member of workspace B
// for things of workspace A, answers as it does for things that never were. New routes are asked by themselves.

#include <map>
#include <set>

#include "e2e/openapi_document.h"
#include "e2e/server.h"

namespace mayfly::test {
namespace {

/// What stands behind a path parameter, by the word before it: "sandboxes", "processes", ...
using Things = std::map<std::string, std::string>;

class Tenancy : public Served {
 protected:
  void SetUp() override {
    server_.configure("[images]\ndebian_mirror = \"http://127.0.0.1:9/none\"\n");
    Served::SetUp();
    for (const auto* slug : {"team-a", "team-b"})
      ASSERT_EQ(api().post("/v1/workspaces", json::object{{"slug", slug}}).status, 201);
    workspace_a_ = api().get("/v1/workspaces/team-a").string("id");
    a_ = std::make_unique<Api>(member("ada", "team-a"));
    b_ = std::make_unique<Api>(member("bob", "team-b"));
    fill_a();
    theirs_["users"] = theirs_["members"] = api().get("/v1/users/ada").string("id");
    theirs_["workspaces"] = workspace_a_;
    theirs_["keys"] = std::string(a_->get("/v1/keys").items().at(0).at("id").as_string());
    // Whoever is asked in their own workspace for a runtime of another one.
    theirs_["org"] = "default";
    theirs_["ws"] = "team-b";
    nobodys_ = theirs_;
    for (auto& [what, id] : nobodys_)
      if (what == "runtimes") id = "019aa5c2-f1d0-7c3e-8b0a-5d3f61c2e7b4";
      else if (id.size() > 32) id = id.substr(0, id.size() - 32) + "019aa5c2f1d07c3e8b0a5d3f61c2e7b4";
    nobodys_["processes"] = theirs_["processes"];
  }
  void TearDown() override {
    if (theirs_.contains("runtimes")) {
      EXPECT_EQ(a_->remove("/api/v1/org/default/ws/team-a/runtimes/" + theirs_["runtimes"]).status, 202);
    }
    if (theirs_.contains("volumes")) {
      const auto task = a_->remove("/v1/volumes/" + theirs_["volumes"] + "?archive=false").string("cleanup_task_id");
      EXPECT_TRUE(comes_true([&] { return a_->get("/v1/cleanup-tasks/" + task).string("status") == "completed"; }));
    }
    if (theirs_.contains("holds")) { EXPECT_EQ(a_->remove("/api/holds/" + theirs_["holds"]).status, 200); }
    for (const auto* word : {"databases", "apps"}) {
      if (!theirs_.contains(word)) continue;
      const auto gone = a_->remove("/api/" + std::string(word) + "/" + theirs_[word] + "?purge=true");
      const auto task = "/v1/cleanup-tasks/" + gone.string("cleanupTaskId");
      EXPECT_TRUE(comes_true([&] { return a_->get(task).string("status") == "completed"; })) << gone;
    }
    if (!sandbox_.empty()) {
      const auto task = a_->remove(Api::of(sandbox_) + "?archive=false").string("cleanup_task_id");
      EXPECT_TRUE(comes_true([&] { return a_->get("/v1/cleanup-tasks/" + task).string("status") == "completed"; }));
    }
    Served::TearDown();
  }

  Api member(const std::string& name, const std::string& workspace) {
    EXPECT_EQ(api().post("/v1/users", json::object{{"name", name}}).status, 201);
    EXPECT_EQ(api().put("/v1/workspaces/" + workspace + "/members/" + name, json::object()).status, 200);
    const auto made =
        api().post("/v1/keys", json::object{{"name", "of a test"}, {"user", name}, {"workspace", workspace}});
    EXPECT_EQ(made.status, 201) << made;
    return server_.connect_with({{"Authorization", "Bearer " + made.string("secret")}});
  }

  /// A running sandbox with a process, an archive of another one, and the task that made it.
  void fill_a() {
    const auto made = a_->create({{"name", "of-a"}});
    ASSERT_EQ(made.status, 201) << made << server_.log();
    sandbox_ = theirs_["sandboxes"] = theirs_["explain"] = made.string("id");
    theirs_["processes"] = "1";
    ASSERT_EQ(a_->exec(sandbox_, "echo text > /file").status, 200);
    const auto old = a_->create({{"name", "old-of-a"}});
    const auto task = a_->remove(Api::of(old.string("id"))).string("cleanup_task_id");
    ASSERT_TRUE(comes_true([&] { return a_->get("/v1/cleanup-tasks/" + task).string("status") == "completed"; }));
    theirs_["cleanup-tasks"] = task;
    const auto archives = a_->get("/v1/archives").items();
    ASSERT_EQ(archives.size(), 1u);
    theirs_["archives"] = std::string(archives[0].at("id").as_string());
    theirs_["events"] = std::string(a_->get("/v1/events").items().at(0).at("id").as_string());
    const auto volume = a_->post("/v1/volumes", json::object{{"name", "volume-of-a"}});
    ASSERT_EQ(volume.status, 201) << volume;
    theirs_["volumes"] = volume.string("id");
    theirs_["ports"] = theirs_["tunnels"] = "80";
    const auto app = a_->post("/api/apps", json::object{{"name", "app-of-a"}});
    ASSERT_EQ(app.status, 201) << app;
    theirs_["apps"] = app.string("id");
    const auto element = a_->post("/api/elements", json::object{{"name", "of-a"}, {"appId", theirs_["apps"]}});
    theirs_["elements"] = element.string("id");
    const auto database = a_->post("/api/databases", json::object{{"name", "database-of-a"}});
    ASSERT_EQ(database.status, 201) << database;
    theirs_["databases"] = database.string("id");
    const auto hold = a_->post("/api/holds", json::object{{"resourceId", theirs_["elements"]}, {"reason", "of a"}});
    ASSERT_EQ(hold.status, 201) << hold;
    theirs_["holds"] = hold.string("id");
    // Images are of the installation, not of a workspace; their builds are of whoever asked. This one's archive is no
    // archive, so that nothing is built.
    theirs_["images"] = "busybox";
    const auto build = api().call("POST", "/v1/images/builds", R"({"from": "debian", "name": "of-a"})",
                                  {{"X-Mayfly-Workspace", "team-a"}});
    ASSERT_EQ(build.status, 202) << build;
    theirs_["builds"] = build.string("id");
    const auto runtime = a_->post("/api/v1/org/default/ws/team-a/runtimes",
                                  json::object{{"key", "runtime-of-a"}, {"name", "of a"}});
    ASSERT_EQ(runtime.status, 201) << runtime;
    theirs_["runtimes"] = runtime.string("id");
  }

  /// The path of an operation with these things in it; nothing when it has one that this test cannot name.
  std::optional<std::string> path_for(const Operation& operation, const Things& things) {
    std::string path, word;
    std::size_t at = 0;
    while (at < operation.path.size()) {
      const auto next = std::min(operation.path.find('/', at + 1), operation.path.size());
      const auto segment = operation.path.substr(at + 1, next - at - 1);
      if (!segment.starts_with("{")) word = segment;
      else if (!things.contains(word)) return std::nullopt;
      path += "/" + (segment.starts_with("{") ? things.at(word) : segment);
      at = next;
    }
    char mark = '?';
    for (const auto& parameter : operation.parameters) {
      if (parameter.in != "query" || !parameter.required) continue;
      const auto* given = parameter.schema.as_object().if_contains("example");
      const auto value = parameter.example ? *parameter.example : given ? *given : json::value("/file");
      const auto text = value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
      path += mark + parameter.name + "=" + http::encode(text);
      mark = '&';
    }
    return path;
  }

  /// Its path names no thing but where it is looked for.
  static bool of_whole_workspace(const Operation& operation) {
    auto path = operation.path;
    for (const auto* place : {"/org/{org}", "/ws/{ws}"})
      if (const auto at = path.find(place); at != std::string::npos) path.erase(at, std::string(place).size());
    return path.find('{') == std::string::npos;
  }

  static std::string without_ids(std::string text, const Things& things) {
    for (const auto& [what, id] : things) {
      if (id.size() < 8) continue;
      for (auto at = text.find(id); at != std::string::npos; at = text.find(id)) text.replace(at, id.size(), "THING");
    }
    return text;
  }
  /// Status, media type and body, but for the ids that were asked for and the id of the request.
  static std::string shape_of(const Answer& answer, const Things& things) {
    auto body = answer.body;
    if (auto* object = body.if_object()) {
      object->erase("request_id");
      auto* error = object->if_contains("error");
      if (error && error->is_object()) error->as_object().erase("requestId");
    }
    const auto* type = http::find(answer.headers, "Content-Type");
    return without_ids(std::to_string(answer.status) + " " + (type ? *type : "") + " " +
                           (body.is_null() ? answer.text : boost::json::serialize(body)),
                       things);
  }
  std::string all_of_a() {
    std::string text;
    text += a_->get("/api/v1/org/default/ws/team-a/runtimes/" + theirs_["runtimes"]).text + "\n";
    for (const auto* path : {"/v1/sandboxes/", "/v1/archives/", "/v1/cleanup-tasks/", "/v1/volumes/"}) {
      const auto word = std::string(path).substr(4, std::string(path).size() - 5);
      auto row = a_->get(path + theirs_.at(word)).body.as_object();
      for (const auto* changing : {"last_activity_at", "last_activity", "expires_at"}) row.erase(changing);
      text += boost::json::serialize(row) + "\n";
    }
    return text;
  }
  std::vector<Operation> operations() { return operations_of(Document(api().get("/openapi.json").body)); }

  Things theirs_, nobodys_;
  std::string workspace_a_, sandbox_;
  std::unique_ptr<Api> a_, b_;
};

TEST_F(Tenancy, AThingOfAnotherWorkspaceIsLikeOneThatNeverWas) {
  const auto before = all_of_a();
  int asked = 0;
  for (const auto& operation : operations()) {
    if (operation.path.find('{') == std::string::npos || of_whole_workspace(operation)) continue;
    const auto theirs = path_for(operation, theirs_), nobodys = path_for(operation, nobodys_);
    ASSERT_TRUE(theirs && nobodys) << operation.title() << ": teach this test what stands behind its parameters";
    const auto answer = b_->call(operation.method, *theirs, operation.body);
    EXPECT_EQ(shape_of(answer, theirs_), shape_of(b_->call(operation.method, *nobodys, operation.body), nobodys_))
        << operation.title();
    EXPECT_TRUE(answer.status == 403 || answer.status == 404)
        << operation.title() << ": the request does not come as far as looking for the thing: " << answer;
    ++asked;
  }
  EXPECT_GT(asked, 30);
  EXPECT_EQ(all_of_a(), before) << "a call from another workspace has changed something";
}

TEST_F(Tenancy, ASandboxIsNotFoundByItsNameEither) {
  auto theirs = theirs_;
  theirs["sandboxes"] = "of-a";
  for (const auto& operation : operations()) {
    if (!operation.path.starts_with("/v1/sandboxes/{id}")) continue;
    const auto answer = b_->call(operation.method, *path_for(operation, theirs), operation.body);
    EXPECT_EQ(answer.status, 404) << operation.title() << " " << answer;
    EXPECT_EQ(answer.string("code"), "sandbox_not_found") << operation.title() << " " << answer;
  }
}

TEST_F(Tenancy, AVolumeOfAnotherWorkspaceCannotBeMounted) {
  for (const auto& volume : {std::string("volume-of-a"), theirs_["volumes"], nobodys_["volumes"]}) {
    const auto refused =
        b_->create({{"mounts", json::array{json::object{{"volume", volume}, {"path", "/data"}}}}});
    EXPECT_EQ(refused.status, 404) << refused;
    EXPECT_EQ(refused.string("code"), "volume_not_found");
    EXPECT_EQ(b_->get("/v1/volumes/" + volume).string("code"), "volume_not_found");
  }
}

TEST_F(Tenancy, NoListShowsWhatIsElsewhere) {
  std::set<std::string> secrets;
  for (const auto& [what, id] : theirs_)
    if (id.size() > 32) secrets.insert(id);
  const auto expect_none = [&](const std::string& path) {
    const auto answer = b_->get(path);
    for (const auto& id : secrets)
      EXPECT_EQ(answer.text.find("\"" + id + "\""), std::string::npos) << path << " " << answer;
  };
  for (const auto& operation : operations()) {
    if (operation.method != "GET" || !of_whole_workspace(operation)) continue;
    const auto list = *path_for(operation, theirs_);
    expect_none(list);
    for (const auto& parameter : operation.parameters) {
      const auto* type = parameter.schema.as_object().if_contains("type");
      if (parameter.in != "query" || !type || *type != json::value("string")) continue;
      for (const auto& id : secrets) expect_none(list + "?" + parameter.name + "=" + id);
    }
  }
}

TEST_F(Tenancy, AWorkspaceOfOthersIsLikeNone) {
  for (const auto& operation : operations()) {
    const auto path = path_for(operation, theirs_);
    ASSERT_TRUE(path) << operation.title();
    for (const auto& wanted : {std::string("team-a"), workspace_a_}) {
      const auto theirs = b_->call(operation.method, *path, operation.body, {{"X-Mayfly-Workspace", wanted}});
      const auto none = b_->call(operation.method, *path, operation.body, {{"X-Mayfly-Workspace", "team-z"}});
      EXPECT_EQ(theirs.status, 404) << operation.title() << " " << theirs;
      const auto code = operation.path.starts_with("/api/v1/") ? "reason"
                        : operation.path.starts_with("/api/") ? "error.code"
                                                              : "code";
      EXPECT_EQ(theirs.string(code), "workspace_not_found") << operation.title();
      EXPECT_EQ(shape_of(theirs, {{"w", "\\\"" + wanted + "\\\""}}), shape_of(none, {{"w", "\\\"team-z\\\""}}))
          << operation.title();
    }
  }
  const auto by_query = b_->get("/v1/sandboxes?workspace=team-a");
  EXPECT_EQ(by_query.string("code"), "workspace_not_found") << by_query;
}

}  // namespace
}  // namespace mayfly::test
