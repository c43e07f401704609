#include <gmock/gmock.h>

#include "cli/fake_server.h"

namespace mayfly::cli {

using testing::HasSubstr;

TEST(VolumeCommands, MakeOneAndTakeItAway) {
  FakeServer server;
  server.answer("POST", "/v1/volumes", 201, R"({"id":"vol_1","name":"data","size_mb":512})");
  server.answer("DELETE", "/v1/volumes/data", 202, R"({"id":"vol_1","cleanup_task_id":"clt_1"})");
  server.problem("DELETE", "/v1/volumes/busy", 409, "volume_mounted", "volume busy is mounted by web");

  const auto made = server.run({"volume", "create", "data", "--size", "512", "--label", "a=b"});
  EXPECT_THAT(made.out, HasSubstr("vol_1  data"));
  EXPECT_EQ(server.run({"volume", "rm", "data", "--no-archive"}).code, 0);
  const auto refused = server.run({"volume", "rm", "busy"});

  EXPECT_EQ(server.request(0).body, R"({"name":"data","size_mb":512,"labels":{"a":"b"}})");
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(refused.err, HasSubstr("mounted by web"));
  EXPECT_EQ(server.run({"volume", "create", "data", "--size", "-1"}).code, 2);
}

TEST(VolumeCommands, ListAndShowThem) {
  FakeServer server;
  server.answer("GET", "/v1/volumes", 200,
                R"({"items":[{"id":"vol_1","name":"data","state":"active","size_mb":1024}],"next_cursor":null})");
  server.answer("GET", "/v1/volumes/data", 200,
                R"({"id":"vol_1","name":"data","state":"active","size_mb":1024,"caveats":["watched, not hard"]})");

  const auto list = server.run({"volume", "ls"});
  EXPECT_THAT(list.out, HasSubstr("data"));
  EXPECT_THAT(list.out, HasSubstr("1.0 GiB"));
  EXPECT_THAT(server.run({"volume", "get", "data"}).out, HasSubstr("watched, not hard"));
}

}  // namespace mayfly::cli
