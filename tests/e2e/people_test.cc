// Users, keys and workspaces over HTTP, on a server that is restarted.

#include "e2e/server.h"
#include "os/file.h"

namespace mayfly::test {
namespace {

class Keys : public Served {
 protected:
  Answer given_key(json::object wish = {}) {
    if (!wish.contains("name")) wish["name"] = "of a test";
    const auto made = api().post("/v1/keys", wish);
    EXPECT_EQ(made.status, 201) << made;
    return made;
  }
  Api with(const Answer& key) {
    return server_.connect_with({{"Authorization", "Bearer " + key.string("secret")}});
  }
};

TEST_F(Keys, OpenTheDoorUntilTheyAreRevoked) {
  const auto key = given_key();
  auto holder = with(key);
  EXPECT_EQ(holder.get("/v1/sandboxes").status, 200);

  const auto revoked = api().remove("/v1/keys/" + key.string("id"));

  EXPECT_EQ(revoked.at("revoked"), json::value(true)) << revoked;
  EXPECT_EQ(holder.get("/v1/sandboxes").status, 401);
  server_.restart();
  EXPECT_EQ(with(key).get("/v1/sandboxes").string("code"), "key_unknown");
}

TEST_F(Keys, TellTheirSecretOnceAndKeepItNowhere) {
  const auto key = given_key();
  const auto secret = key.string("secret");
  auto holder = with(key);
  holder.get("/v1/sandboxes");
  for (const auto* path : {"/v1/keys", "/v1/events?limit=200"})
    EXPECT_EQ(api().get(path).text.find(secret), std::string::npos) << path;
  EXPECT_EQ(api().get("/v1/keys/" + key.string("id")).text.find(secret), std::string::npos);

  server_.stop();

  EXPECT_EQ(server_.log().find(secret), std::string::npos);
  for (const auto* file : {"/mayfly.db", "/mayfly.db-wal"})
    EXPECT_EQ(os::read_file(server_.data() + file).value_or("").find(secret), std::string::npos) << file;
}

TEST_F(Keys, ExpireByServiceTime) {
  const auto key = given_key({{"ttl_seconds", 3600}});
  auto holder = with(key);
  EXPECT_EQ(holder.get("/v1/sandboxes").status, 200);

  advance(3601);

  EXPECT_EQ(holder.get("/v1/sandboxes").string("code"), "key_expired");
  EXPECT_EQ(api().post("/v1/keys", json::object{{"name", "x"}, {"expires_at", "2001-01-01T00:00:00Z"}}).status, 400);
}

TEST_F(Keys, SayWhenTheyWereUsedLast) {
  const auto key = given_key();
  const auto path = "/v1/keys/" + key.string("id");
  EXPECT_TRUE(api().get(path).at("last_used_at").is_null());

  with(key).get("/v1/sandboxes");

  EXPECT_TRUE(comes_true([&] { return api().get(path).at("last_used_at").is_string(); }));
}

TEST_F(Keys, OfOneScopeDoNothingElse) {
  auto reads = with(given_key({{"scopes", json::array{"read"}}}));
  EXPECT_EQ(reads.get("/v1/sandboxes").status, 200);
  EXPECT_EQ(reads.create().status, 403);
  EXPECT_EQ(reads.post("/v1/keys", json::object{{"name", "wider"}}).string("code"), "key_narrowed");
  EXPECT_EQ(reads.get("/v1/users").status, 403);
  EXPECT_EQ(reads.get("/v1/doctor").status, 403);
  auto works = with(given_key({{"scopes", json::array{"sandboxes"}}}));
  EXPECT_EQ(works.create({{"image", "nowhere"}}).status, 404);
  EXPECT_EQ(works.post("/v1/workspaces", json::object{{"slug", "x"}}).status, 403);
}

TEST_F(Keys, LockNobodyOut) {
  const auto first = std::string(api().get("/v1/keys").items().at(0).at("id").as_string());

  EXPECT_EQ(api().remove("/v1/keys/" + first).string("code"), "last_admin_key");

  const auto second = given_key();
  EXPECT_EQ(with(second).remove("/v1/keys/" + second.string("id")).status, 200) << "the first one is left";
  EXPECT_EQ(api().remove("/v1/keys/" + first).string("code"), "last_admin_key");
}

TEST_F(Keys, ActWhereTheyAreToldTo) {
  ASSERT_EQ(api().post("/v1/workspaces", json::object{{"slug", "search"}}).status, 201);
  const auto id = api().get("/v1/workspaces/search").string("id");
  const auto of = [&](const std::string& path, http::Headers headers = {}) {
    return api().call("GET", path, {}, std::move(headers));
  };
  EXPECT_EQ(of("/v1/events?workspace=search").items().at(0).at("workspace_id"), json::value(id));
  EXPECT_EQ(of("/v1/events", {{"X-Mayfly-Workspace", id}}).items().at(0).at("workspace_id"), json::value(id));
  EXPECT_EQ(of("/v1/events?workspace=search", {{"X-Mayfly-Workspace", "search"}}).status, 200);
  EXPECT_EQ(of("/v1/events?workspace=search", {{"X-Mayfly-Workspace", "default"}}).string("code"), "workspaces_differ");
  EXPECT_EQ(of("/v1/events?workspace=").string("code"), "workspace_empty");
  EXPECT_EQ(of("/v1/events?workspace=nowhere").string("code"), "workspace_not_found");
}

class People : public Served {};

TEST_F(People, ComeAndGo) {
  const auto ada = api().post("/v1/users", json::object{{"name", "ada"}, {"role", "reader"}});
  ASSERT_EQ(ada.status, 201) << ada;
  EXPECT_EQ(ada.at("number"), json::value(2));
  EXPECT_EQ(ada.string("uuid").size(), 36u);
  EXPECT_EQ(api().post("/v1/users", json::object{{"name", "ada"}}).string("code"), "name_taken");
  EXPECT_EQ(api().call("PATCH", "/v1/users/ada", R"({"role":"member"})").string("role"), "member");
  EXPECT_EQ(api().call("PATCH", "/v1/users/ada", R"({"roel":"member"})").status, 400);
  EXPECT_EQ(api().put("/v1/workspaces/default/members/ada", json::object{{"role", "reader"}}).status, 200);
  EXPECT_EQ(api().get("/v1/workspaces/default/members").items().size(), 1u);
  EXPECT_EQ(api().remove("/v1/workspaces/default/members/ada").status, 200);
  EXPECT_EQ(api().remove("/v1/users/ada").at("active"), json::value(false));
  EXPECT_EQ(api().remove("/v1/users/admin").string("code"), "first_admin");
  EXPECT_EQ(api().get("/v1/users/nobody").string("code"), "user_not_found");
  EXPECT_EQ(api().get("/v1/users").items().size(), 2u);
}

}  // namespace
}  // namespace mayfly::test
