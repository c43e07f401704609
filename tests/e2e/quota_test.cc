// Quotas and rates over HTTP: races, refusals a program can read, and what gives a quota back.

#include <thread>

#include "e2e/server.h"

namespace mayfly::test {
namespace {

class Quotas : public Served {
 protected:
  Answer set(json::object quota) {
    return api().call("PATCH", "/v1/workspaces/default",
                      boost::json::serialize(json::object{{"quota", std::move(quota)}}));
  }
  json::value usage(const std::string& what) { return api().get("/v1/workspaces/default").at("usage." + what); }
};

TEST_F(Quotas, OfTwentyCreatesAtOnceAsManyPassAsMay) {
  ASSERT_EQ(set({{"sandboxes", 5}}).at("quota.sandboxes"), json::value(5));
  std::vector<std::thread> callers;
  std::atomic<int> made = 0, refused = 0, other = 0;
  for (int i = 0; i < 20; ++i)
    callers.emplace_back([&] {
      auto connection = server_.connect();
      const auto answer = connection.create({{"resources", json::object{{"memory_mb", 32}}}});
      ++(answer.status == 201 ? made : answer.string("code") == "quota_exceeded" ? refused : other);
    });
  for (auto& caller : callers) caller.join();

  EXPECT_EQ(made, 5);
  EXPECT_EQ(refused, 15);
  EXPECT_EQ(other, 0);
  EXPECT_EQ(usage("sandboxes"), json::value(5));
}

TEST_F(Quotas, SayWhatTheLimitIsWhatIsUsedAndWhatWasAsked) {
  ASSERT_EQ(set({{"memory_mb", 100}, {"disk_mb", 3000}}).status, 200);
  const auto wish = [](int megabytes) { return json::object{{"resources", json::object{{"memory_mb", megabytes}}}}; };
  const auto id = given_sandbox(wish(64));

  const auto refused = api().create(wish(64));
  EXPECT_EQ(refused.status, 403) << refused;
  EXPECT_EQ(refused.string("code"), "quota_exceeded");
  EXPECT_EQ(refused.at("limit"), json::value(100));
  EXPECT_EQ(refused.at("used"), json::value(64));
  EXPECT_EQ(refused.at("asked"), json::value(64));

  ASSERT_EQ(api().post(Api::of(id, "stop")).status, 200);
  EXPECT_EQ(usage("memory_mb"), json::value(0)) << "its processes are gone";
  EXPECT_EQ(usage("disk_mb"), json::value(2048)) << "its files are not";
  EXPECT_EQ(api().post("/v1/volumes", json::object{{"size_mb", 953}}).string("code"), "quota_exceeded");
  EXPECT_EQ(api().post("/v1/volumes", json::object{{"size_mb", 952}}).status, 201);
  server_.delete_now(id);
  EXPECT_EQ(usage("disk_mb"), json::value(952));

  EXPECT_EQ(set({{"memory_mb", nullptr}}).at("quota.memory_mb"), json::value(nullptr));
  EXPECT_EQ(api().get("/v1/workspaces/default").at("quota.disk_mb"), json::value(3000)) << "the others stay";
  EXPECT_EQ(set({{"cores", 1}}).status, 400);
  EXPECT_EQ(set({{"cpus", -1}}).status, 400);
  EXPECT_EQ(api().get("/v1/events?type=workspace.changed").items().size(), 2u);
}

TEST_F(Quotas, AKeyThatCallsTooFastIsAskedToWait) {
  const auto made = api().post("/v1/keys", json::object{{"name", "slow"},
                                                        {"rate_limit", json::object{{"requests_per_second", 0.001},
                                                                                    {"burst", 3}}}});
  ASSERT_EQ(made.status, 201) << made;
  auto slow = server_.connect_with({{"Authorization", "Bearer " + made.string("secret")}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(slow.get("/v1/sandboxes").status, 200) << i;

  const auto refused = slow.get("/v1/sandboxes");
  EXPECT_EQ(refused.status, 429) << refused;
  EXPECT_EQ(refused.string("code"), "rate_limited");
  ASSERT_NE(http::find(refused.headers, "Retry-After"), nullptr);
  EXPECT_GT(std::stoi(std::string(*http::find(refused.headers, "Retry-After"))), 1);
  for (const auto* path : {"/healthz", "/readyz"}) EXPECT_EQ(slow.get(path).status, 200) << path;
  EXPECT_EQ(api().get("/v1/sandboxes").status, 200) << "of other keys";
  EXPECT_NE(api().get("/metrics").text.find("mayfly_rate_limited_total 1"), std::string::npos);

  const auto key = "/v1/keys/" + made.string("id");
  EXPECT_EQ(api().call("PATCH", key, R"({"rate_limit": null})").at("rate_limit"), json::value(nullptr));
  EXPECT_EQ(slow.get("/v1/sandboxes").status, 200);
  EXPECT_EQ(api().call("PATCH", key, "{}").status, 400);
}

}  // namespace
}  // namespace mayfly::test
