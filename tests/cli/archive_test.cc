#include <gmock/gmock.h>

#include "cli/fake_server.h"

namespace mayfly::cli {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ArchiveCommands, VerifyTellsByItsExitCode) {
  FakeServer server;
  server.answer("POST", "/v1/archives/good/verify", 200,
                R"({"id":"good","intact":true,"verify_error":null,"stored_bytes":1024})");
  server.answer("POST", "/v1/archives/bad/verify", 200,
                R"({"id":"bad","intact":false,"verify_error":"line 3 of the manifest differs"})");
  server.problem("POST", "/v1/archives/busy/verify", 503, "verify_busy", "no more archives");

  const auto good = server.run({"archive", "verify", "good"});
  const auto bad = server.run({"archive", "verify", "bad"});

  EXPECT_EQ(good.code, 0);
  EXPECT_THAT(good.out, HasSubstr("good  intact"));
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.out, HasSubstr("bad  DAMAGED  line 3 of the manifest differs"));
  EXPECT_EQ(server.run({"archive", "verify", "busy"}).code, 1);
}

TEST(ArchiveCommands, SetItsEndOrPutItOff) {
  FakeServer server;
  server.answer("PUT", "/v1/archives/a/expiry", 200, R"({"id":"a","expires_at":null})");
  server.answer("POST", "/v1/archives/a/keep", 200, R"({"id":"a","expires_at":"2026-11-21T10:00:00.000000Z"})");

  EXPECT_THAT(server.run({"archive", "expiry", "a", "--retention", "never"}).out, HasSubstr("is kept for ever"));
  EXPECT_EQ(server.run({"archive", "expiry", "a", "--retention", "30d"}).code, 0);
  EXPECT_EQ(server.run({"archive", "expiry", "a", "--at", "2026-11-21T10:00:00Z"}).code, 0);
  EXPECT_THAT(server.run({"archive", "keep", "a", "2d"}).out, HasSubstr("expires 2026-11-21 10:00:00Z"));

  EXPECT_EQ(server.request(0).body, R"({"retention_seconds":null})");
  EXPECT_EQ(json::parse(server.request(1).body)->at("retention_seconds").to_number<double>(), 30 * 86400);
  EXPECT_EQ(server.request(2).body, R"({"expires_at":"2026-11-21T10:00:00Z"})");
  EXPECT_EQ(json::parse(server.request(3).body)->at("extend_seconds").to_number<double>(), 2 * 86400);
  EXPECT_EQ(server.run({"archive", "expiry", "a"}).code, 2);
  EXPECT_EQ(server.run({"archive", "keep", "a"}).code, 2);
}

TEST(ArchiveCommands, ListThemByStateAndWhatOneHolds) {
  FakeServer server;
  server.answer("GET", "/v1/archives", 200, R"({"items":[],"next_cursor":null})");
  server.answer("GET", "/v1/archives/a/files", 200,
                R"({"items":[{"path":"d/f","type":"file","size":3}],"next_cursor":"120"})");

  server.run({"archive", "ls", "--state", "deleting", "--state", "active"});
  const auto files = server.run({"archive", "files", "a", "/d"});

  EXPECT_THAT(files.out, HasSubstr("d/f"));
  EXPECT_THAT(files.err, HasSubstr("--all"));
  EXPECT_THAT(server.asked(), ElementsAre("GET /v1/archives?state=deleting&state=active&limit=200",
                                          "GET /v1/archives/a/files?path=%2Fd&limit=200"));
}

TEST(ArchiveCommands, ShowWhatOneDoesNotHoldAndItsDamage) {
  FakeServer server;
  server.answer("GET", "/v1/archives/a", 200,
                R"({"id":"a","state":"active","left_out":2,"left_out_paths":["run/x.sock","run/pipe"],)"
                R"("verify_error":"its manifest is missing"})");

  const auto ran = server.run({"archive", "get", "a"});

  EXPECT_THAT(ran.out, HasSubstr("run/x.sock"));
  EXPECT_THAT(ran.out, HasSubstr("run/pipe"));
  EXPECT_THAT(ran.out, HasSubstr("its manifest is missing"));
}

}  // namespace mayfly::cli
