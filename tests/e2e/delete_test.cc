// DELETE in every state, twice, and by name.

#include "e2e/server.h"
#include "os/process.h"

namespace mayfly::test {
namespace {

class Delete : public Served {
 protected:
  /// Accepted, completed, and nothing of it left on the host.
  void expect_deleted(const std::string& id, const std::string& query = "?archive=false") {
    const auto accepted = api().remove(Api::of(id) + query);
    ASSERT_EQ(accepted.status, 202) << accepted;
    EXPECT_EQ(accepted.string("state"), "deleting");
    ASSERT_TRUE(server_.task_completes(accepted.string("cleanup_task_id")));
    EXPECT_EQ(api().state(id), "gone");
    EXPECT_EQ(server_.traces_of(id.substr(4)), std::vector<std::string>());
  }
};

TEST_F(Delete, IsTakenWhileItStarts) {
  for (int i = 0; i < 8; ++i) {
    const auto made = api().call("POST", "/v1/sandboxes?wait=false", "{}");
    ASSERT_EQ(made.status, 202) << made;
    // Each time a little later in its start: looking costs a moment.
    for (int looks = 0; looks < i * 4; ++looks) api().get("/healthz");
    expect_deleted(made.string("id"), i % 2 ? "?archive=false" : "?archive=true");
  }
}

TEST_F(Delete, IsTakenInEveryStateOfRest) {
  for (const auto* verb : {"pause", "stop"}) {
    const auto id = given_sandbox();
    ASSERT_EQ(api().post(Api::of(id, verb)).status, 200);
    expect_deleted(id, "?archive=true");
    EXPECT_EQ(api().get("/v1/archives?sandbox=" + id).items().size(), 1u) << "a verified archive came first";
  }
}

TEST_F(Delete, IsTakenOfOneThatNeverStarted) {
  os::RunOptions tar;
  tar.argv = {"/bin/sh", "-c", "mkdir -p rootfs/etc && echo x > rootfs/etc/x && tar -cf bare.tar -C rootfs ."};
  tar.cwd = server_.folder();
  ASSERT_TRUE(os::run(tar));
  const json::object bare = {{"path", server_.folder() + "/bare.tar"}, {"name", "bare"}};
  ASSERT_EQ(api().post("/v1/images", bare).status, 201);
  const auto made = api().create({{"name", "odd"}, {"image", "bare"}, {"workdir", "/etc/x/not-a-folder"}});
  const auto id = api().get(Api::of("odd")).string("id");
  ASSERT_NE(id, "") << made;

  expect_deleted(id, "?archive=true");
}

TEST_F(Delete, IsAnsweredWhenItIsDoneToWhoWaitsForIt) {
  const auto task = [](const Answer& accepted, const std::string& query = "?wait_seconds=60") {
    return "/v1/cleanup-tasks/" + accepted.string("cleanup_task_id") + query;
  };
  const auto id = given_sandbox();
  const auto removed = api().remove(Api::of(id));
  ASSERT_EQ(removed.status, 202) << removed;

  const auto ended = api().get(task(removed));

  EXPECT_EQ(ended.status, 200) << ended;
  EXPECT_EQ(ended.string("status"), "completed") << ended;
  EXPECT_EQ(server_.traces_of(id.substr(4)), std::vector<std::string>());
  const auto archive = api().get("/v1/archives?sandbox=" + id).items().at(0).at("id").as_string();
  const auto dropped = api().remove("/v1/archives/" + std::string(archive));
  EXPECT_EQ(api().get(task(dropped)).string("status"), "completed");
  EXPECT_EQ(api().get(task(dropped, "?wait_seconds=61")).status, 400);
  EXPECT_EQ(api().get(task(dropped, "?wait=1")).status, 400);
}

TEST_F(Delete, TwiceIsTheSameTask) {
  const auto id = given_sandbox();

  const auto first = api().remove(Api::of(id));
  const auto second = api().remove(Api::of(id));

  ASSERT_EQ(first.status, 202);
  ASSERT_TRUE(server_.task_completes(first.string("cleanup_task_id")));
  if (second.status == 202) { EXPECT_EQ(second.string("cleanup_task_id"), first.string("cleanup_task_id")); }
  else { EXPECT_EQ(second.status, 404) << second; }
  EXPECT_EQ(api().remove(Api::of(id)).status, 404) << "it is gone";
}

TEST_F(Delete, FreesTheNameAtOnceAndTwoOfOneNameShareNothing) {
  const auto old = given_sandbox({{"name", "same"}});
  ASSERT_EQ(api().exec(old, "echo old > /mark").status, 200);
  const auto accepted = api().remove(Api::of("same"));
  ASSERT_EQ(accepted.status, 202);

  const auto young = given_sandbox({{"name", "same"}});

  EXPECT_NE(young, old);
  EXPECT_EQ(api().output("same", "ls /mark 2>/dev/null | wc -l"), "0\n");
  ASSERT_TRUE(server_.task_completes(accepted.string("cleanup_task_id")));
  EXPECT_EQ(api().state("same"), "running");
  EXPECT_EQ(api().get(Api::of("same")).string("id"), young);
  EXPECT_EQ(api().state(old), "gone");
}

}  // namespace
}  // namespace mayfly::test
