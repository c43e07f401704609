#include <gmock/gmock.h>

#include "fake_server.h"

namespace mayfly::cli {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string page(const std::vector<std::string>& items, const std::string& next) {
  std::string text = R"({"items":[)";
  for (std::size_t i = 0; i < items.size(); ++i) text += (i > 0 ? "," : "") + items[i];
  return text + R"(],"next_cursor":)" + (next.empty() ? "null" : "\"" + next + "\"") + "}";
}

}  // namespace

TEST(CommandLine, PrintsAListAsOneArrayOfAllPages) {
  FakeServer server;
  server.answer("GET", "/v1/sandboxes", 200, page({sandbox_json("a"), sandbox_json("b")}, "sbx_b"));
  server.answer("GET", "/v1/sandboxes", 200, page({sandbox_json("c")}, ""));

  const auto ran = server.run({"ls", "--json", "--label", "team=search"});

  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(json::parse(ran.out)->as_array().size(), 3u);
  EXPECT_THAT(server.asked(), ElementsAre("GET /v1/sandboxes?label=team%3Dsearch&limit=200",
                                          "GET /v1/sandboxes?label=team%3Dsearch&limit=200&cursor=sbx_b"));
}

TEST(CommandLine, PrintsATableOfTheFirstPageAndSaysThatThereIsMore) {
  FakeServer server;
  server.answer("GET", "/v1/sandboxes", 200, page({sandbox_json("a"), sandbox_json("b", "paused")}, "sbx_b"));

  const auto ran = server.run({"ls"});

  EXPECT_THAT(ran.out, HasSubstr("NAME  ID     STATE"));
  EXPECT_THAT(ran.out, HasSubstr("b     sbx_b  paused   busybox"));
  EXPECT_THAT(ran.err, HasSubstr("--all shows every one"));
  EXPECT_EQ(server.asked().size(), 1u);
}

TEST(CommandLine, AServerWhosePagesGoInCirclesEndsTheList) {
  FakeServer server;
  server.answer("GET", "/v1/sandboxes", 200, page({sandbox_json("a")}, "sbx_a"));

  const auto ran = server.run({"ls", "--all"});

  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("pages do not end"));
}

TEST(CommandLine, AsksWithTheKeyAndNeverPrintsIt) {
  FakeServer server;
  server.problem("GET", "/v1/sandboxes/{id}", 401, "key_unknown", "this API key is not known here");

  const auto ran = server.run({"get", "x"});

  EXPECT_EQ(ran.code, 5);
  EXPECT_EQ(*server.request(0).header("Authorization"), "Bearer " + secret);
  EXPECT_THAT(ran.out + ran.err, Not(HasSubstr(secret)));
}

TEST(CommandLine, ExitCodesTellWhatKindOfTrouble) {
  const std::pair<int, int> rows[] = {{400, 2}, {401, 5}, {403, 5}, {404, 3}, {409, 4}, {413, 1},
                                      {500, 1}, {501, 1}, {503, 1}, {504, 7}, {507, 1}};
  for (const auto& [status, code] : rows) {
    FakeServer server;
    server.problem("GET", "/v1/sandboxes/{id}", status, "some_reason", "what was found");
    const auto ran = server.run({"get", "x"});
    EXPECT_EQ(ran.code, code) << status;
    EXPECT_THAT(ran.err, HasSubstr("mayfly: cannot get sandbox x: what was found [request req-7]\n"));
    EXPECT_EQ(ran.out, "");
  }
}

TEST(CommandLine, TellsEveryBadMember) {
  FakeServer server;
  server.answer(
      "POST", "/v1/sandboxes", 400,
      R"({"status":400,"detail":"resources.pids must be an integer from 4, and 1 more","code":"invalid","errors":[
                    {"path":"resources.pids","expected":"an integer from 4","found":"number 1"},
                    {"path":"name","expected":"a string","found":"a\u001b[2Jb"}]})");

  const auto ran = server.run({"create", "--pids", "1"});

  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("\n  resources.pids: expected an integer from 4, found number 1\n"));
  EXPECT_THAT(ran.err, HasSubstr("\n  name: expected a string, found a?[2Jb\n"));
}

TEST(CommandLine, SaysSoWhenNoMayflyAnswers) {
  EXPECT_EQ(FakeServer::run_words({"mayfly", "ls", "--url", "http://127.0.0.1:1"}).code, 6);

  FakeServer server;
  server.answer("GET", "/v1/doctor", 200, "<html>welcome</html>");
  server.answer("GET", "/v1/images", 502, "<html>bad gateway</html>");
  server.answer("GET", "/v1/events", 200, R"({"items":[1]})");
  EXPECT_EQ(server.run({"doctor"}).code, 2);
  EXPECT_THAT(server.run({"image", "ls"}).err, HasSubstr("answered 502"));
  EXPECT_EQ(server.run({"events"}).code, 1);
}

TEST(CommandLine, RefusesWhatItCannotMean) {
  const std::vector<std::vector<std::string>> rows = {
      {"mayfly"},
      {"mayfly", "bogus"},
      {"mayfly", "get"},
      {"mayfly", "get", "a", "b"},
      {"mayfly", "exec", "a"},
      {"mayfly", "exec", "a", "--"},
      {"mayfly", "exec", "--", "a"},
      {"mayfly", "create", "--idle", "5x"},
      {"mayfly", "create", "--cpus", "1000"},
      {"mayfly", "create", "--label", "novalue"},
      {"mayfly", "expiry", "a"},
      {"mayfly", "keepalive", "a"},
      {"mayfly", "keepalive", "a", "5m", "--until", "2026-11-21T10:30:00Z"},
      {"mayfly", "cp", "a", "b"},
      {"mayfly", "cp", "a:/x", "b:/x"},
      {"mayfly", "cleanup", "stale"},
      {"mayfly", "image", "import", "x"},
      {"mayfly", "ls", "--key-file", "/nonexistent"},
      {"mayfly", "ls", "--url", "127.0.0.1:7070"},
  };
  for (const auto& words : rows) {
    const auto ran = FakeServer::run_words(words);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(words);
    EXPECT_TRUE(ran.err.starts_with("mayfly: ")) << ran.err;
    EXPECT_EQ(ran.out, "");
  }
}

TEST(CommandLine, SaysWhatIsWrongOnce) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"mayfly", "--name"}, {"mayfly", "--name", "x"}, {"mayfly", "create", "--name"}}) {
    const auto ran = FakeServer::run_words(words);
    EXPECT_EQ(ran.code, 2);
    EXPECT_EQ(ran.err.find('\n'), ran.err.size() - 1) << ran.err;
    EXPECT_EQ(ran.err.find("see: mayfly --help"), ran.err.rfind("see: mayfly --help")) << ran.err;
  }
}

TEST(CommandLine, HelpTellsOfTheServerAndOfExitCodes) {
  const auto ran = FakeServer::run_words({"mayfly", "--help"});

  EXPECT_EQ(ran.code, 0);
  for (const char* word : {"serve", "doctor", "MAYFLY_URL", "Exit codes", "cleanup", "restore"})
    EXPECT_THAT(ran.out, HasSubstr(word));
  EXPECT_EQ(FakeServer::run_words({"mayfly", "archive", "download", "--help"}).code, 0);
}

TEST(CommandLine, RestoreLeavesTheImageToTheArchive) {
  FakeServer server;
  server.answer("POST", "/v1/sandboxes", 201, sandbox_json("new"));

  EXPECT_EQ(server.run({"restore", "arc_1", "--name", "new"}).code, 0);

  EXPECT_EQ(server.request(0).body, R"({"name":"new","restore_from":"arc_1"})");
}

TEST(CommandLine, AMoveThatGoesOnIsWaitedForInVain) {
  FakeServer server;
  server.answer("POST", "/v1/sandboxes/{id}/stop", 202, sandbox_json("a", "stopping"));

  const auto ran = server.run({"stop", "a"});

  EXPECT_EQ(ran.code, 7);
  EXPECT_THAT(ran.err, HasSubstr("still stopping"));
}

TEST(CommandLine, RmAsksForAllAndWaitsForTheirEnd) {
  FakeServer server;
  server.answer("DELETE", "/v1/sandboxes/a", 202, sandbox_json("a", "deleting"));
  server.problem("DELETE", "/v1/sandboxes/b", 404, "sandbox_not_found", "no sandbox \"b\"");
  server.answer("DELETE", "/v1/sandboxes/c", 202, sandbox_json("c", "deleting"));
  server.answer("GET", "/v1/cleanup-tasks/{id}", 200, R"({"id":"clt_1","status":"in_progress"})");
  server.answer("GET", "/v1/cleanup-tasks/{id}", 200, R"({"id":"clt_1","status":"completed"})");

  const auto ran = server.run({"rm", "a", "b", "c", "--wait", "--waive-on-failure", "--keep-archive", "30d"});

  EXPECT_EQ(ran.code, 3) << "of the one that failed";
  const auto asked = server.asked();
  ASSERT_EQ(asked.size(), 6u) << "the server is waited for, not asked again and again";
  EXPECT_EQ(asked[3], "GET /v1/cleanup-tasks/clt_1?wait_seconds=60");
  EXPECT_EQ(asked[2], "DELETE /v1/sandboxes/c?archive=true&on_archive_failure=waive&archive_retention_seconds=2592000");
}

TEST(CommandLine, RmTellsADeleteThatFailedFromOneThatTakesLong) {
  FakeServer server;
  server.answer("DELETE", "/v1/sandboxes/{id}", 202, sandbox_json("a", "deleting"));
  server.answer("GET", "/v1/cleanup-tasks/{id}", 200, R"({"id":"clt_1","status":"failed","last_error":"no such key"})");
  server.answer("GET", "/v1/cleanup-tasks/{id}", 200, R"({"id":"clt_1","status":"pending"})");

  const auto failed = server.run({"rm", "a", "--wait"});
  EXPECT_EQ(failed.code, 1);
  EXPECT_THAT(failed.err, HasSubstr("no such key"));
  EXPECT_EQ(server.run({"rm", "a", "--wait", "--timeout", "0"}).code, 7);
}

TEST(CommandLine, AStaleSweepOnlyLooksUnlessToldTo) {
  FakeServer server;
  server.answer("POST", "/v1/cleanup/stale", 200, R"({"dry_run":true,"looked_at":3,"cut":false,"items":[]})");

  EXPECT_EQ(server.run({"cleanup", "stale", "--inactive", "3d"}).code, 0);
  EXPECT_EQ(server.run({"cleanup", "stale", "--inactive", "3d", "--apply"}).code, 0);

  EXPECT_THAT(server.request(0).body, HasSubstr("\"dry_run\":true"));
  EXPECT_THAT(server.request(1).body, HasSubstr("\"dry_run\":false"));
}

TEST(CommandLine, ASweepThatIsWaitedForTellsOfEachThatDidNotGo) {
  FakeServer server;
  server.answer("POST", "/v1/cleanup/stale", 200,
                R"({"dry_run":false,"looked_at":3,"cut":false,"items":[)"
                R"({"id":"sbx_1","name":"a","state":"deleting","reason":"inactive","cleanup_task_id":"clt_1"},)"
                R"({"id":"sbx_2","name":"b","state":"deleting","reason":"inactive","cleanup_task_id":"clt_2"}]})");
  server.answer("GET", "/v1/cleanup-tasks/{id}", 200, R"({"id":"clt_1","status":"failed","last_error":"it is stuck"})");
  server.answer("GET", "/v1/cleanup-tasks/{id}", 200, R"({"id":"clt_2","status":"completed"})");

  const auto ran = server.run({"cleanup", "stale", "--inactive", "3d", "--apply", "--wait"});

  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("cleanup task clt_1 failed: it is stuck"));
  EXPECT_EQ(server.asked().size(), 3u);
}

TEST(CommandLine, DoctorFailsWhenItFoundSomething) {
  FakeServer server;
  server.answer(
      "GET", "/v1/doctor", 200,
      R"({"clean":false,"sandboxes":2,"things":9,"findings":[{"trouble":"leftover","text":"cgroup x: gone"}]})");

  const auto ran = server.run({"doctor"});

  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("leftover"));
  EXPECT_THAT(ran.out, HasSubstr("cgroup x: gone"));
}

TEST(CommandLine, NamesAreEncodedIntoPaths) {
  FakeServer server;
  server.answer("DELETE", "/v1/images/{name}", 200, R"({"removed":"a/b:c"})");

  EXPECT_EQ(server.run({"image", "rm", "a/b:c"}).code, 0);

  EXPECT_EQ(server.asked().front(), "DELETE /v1/images/a%2Fb%3Ac");
}

}  // namespace mayfly::cli
