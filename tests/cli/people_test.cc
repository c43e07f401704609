// Users, keys and workspaces on the command line.

#include <gmock/gmock.h>

#include "fake_server.h"

namespace mayfly::cli {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* ada = R"({"id":"usr_a","number":2,"uuid":"u","name":"ada","role":"member",)"
                            R"("active":true,"created_at":"2026-11-21T10:00:00Z"})";

std::string items(const std::string& list) { return R"({"items":[)" + list + R"(],"next_cursor":null})"; }

}  // namespace

TEST(PeopleCommands, ListUsers) {
  FakeServer server;
  server.answer("GET", "/v1/users", 200, items(ada));

  const auto ran = server.run({"user", "ls"});

  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("ada   usr_a       2  member  active"));
}

TEST(PeopleCommands, SendWhatWasGivenAndNothingElse) {
  FakeServer server;
  std::string body;
  server.handle("PATCH", "/v1/users/{id}", http::BlockingHandler([&](const http::Request& request) {
                  body = request.body;
                  return http::Response{.body = ada};
                }));

  EXPECT_EQ(server.run({"user", "set", "ada", "--active", "no"}).code, 0);

  EXPECT_EQ(body, R"({"active":false})");
  EXPECT_EQ(server.run({"user", "set", "ada", "--active", "perhaps"}).code, 2);
}

TEST(PeopleCommands, AKeysSecretStandsAloneOnStdout) {
  FakeServer server;
  server.answer("POST", "/v1/keys", 201, R"({"id":"key_1","secret":"mf_new"})");

  const auto ran = server.run({"key", "create", "ci", "--scope", "sandboxes", "--ttl", "1h"});

  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, "mf_new\n");
  EXPECT_THAT(ran.err, HasSubstr("key_1"));
  EXPECT_THAT(ran.err, Not(HasSubstr("mf_new")));
}

TEST(PeopleCommands, AConflictSaysWhyAndExitsWithFour) {
  FakeServer server;
  server.problem("DELETE", "/v1/keys/{id}", 409, "last_admin_key", "this is the last key");

  const auto ran = server.run({"key", "rm", "key_1"});

  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.err, HasSubstr("this is the last key"));
}

TEST(PeopleCommands, ManageMembers) {
  FakeServer server;
  server.answer("PUT", "/v1/workspaces/{id}/members/{user}", 200, R"({"name":"ada","role":"reader"})");
  server.answer("DELETE", "/v1/workspaces/{id}/members/{user}", 200, R"({"removed":"usr_a"})");

  EXPECT_EQ(server.run({"workspace", "add", "search", "ada", "--role", "reader"}).out, "ada  reader\n");
  EXPECT_EQ(server.run({"workspace", "remove", "search", "ada"}).code, 0);

  EXPECT_THAT(server.asked(), ElementsAre("PUT /v1/workspaces/search/members/ada",
                                          "DELETE /v1/workspaces/search/members/ada"));
}

TEST(PeopleCommands, ActInTheWorkspaceOfTheEnvironment) {
  FakeServer server;
  std::string asked_for;
  server.handle("GET", "/v1/workspaces", http::BlockingHandler([&](const http::Request& request) {
                  if (const auto* header = request.header("X-Mayfly-Workspace")) asked_for = *header;
                  return http::Response{.body = items("")};
                }));

  ::setenv("MAYFLY_WORKSPACE", "search", 1);
  EXPECT_EQ(server.run({"workspace", "ls"}).code, 0);
  ::unsetenv("MAYFLY_WORKSPACE");

  EXPECT_EQ(asked_for, "search");
}

}  // namespace mayfly::cli
