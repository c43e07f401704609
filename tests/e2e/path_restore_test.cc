// One path of an archive, brought back into a sandbox that runs.

#include "e2e/server.h"

namespace mayfly::test {
namespace {

class PathRestoreStory : public Served {
 protected:
  /// The archive of a sandbox that ran `line` and was deleted.
  std::string archive_of(const std::string& line) {
    const auto id = given_sandbox();
    EXPECT_EQ(api().exec(id, line).at("exit_code"), json::value(0));
    const auto task = api().remove(Api::of(id)).string("cleanup_task_id");
    EXPECT_TRUE(server_.task_completes(task));
    const auto archives = api().get("/v1/archives?sandbox=" + id).items();
    EXPECT_EQ(archives.size(), 1u);
    return archives.empty() ? "" : std::string(archives[0].at("id").as_string());
  }
  Answer restore(const std::string& archive, json::object wish) {
    return api().post("/v1/archives/" + archive + "/restore", std::move(wish));
  }
};

TEST_F(PathRestoreStory, AFolderComesBackWithModesLinksAndAllBelow) {
  const auto archive = archive_of(
      "mkdir -p /work/a/b /work/empty && echo one > /work/a/one && head -c 300000 /dev/urandom > /work/a/b/random && "
      "chmod 4751 /work/a/one && chmod 0500 /work/a/b && ln -s ../one /work/a/b/up && ln -s nowhere /work/dangling && "
      "ln /work/a/one /work/a/same && echo other > /other && chmod 0711 /work/empty && md5sum /work/a/b/random > /sum");
  const auto id = given_sandbox();
  api().exec(id, "mkdir -p /back/a && echo in the way > /back/a/one && echo stays > /back/mine && "
                 "ln -s /mine /back/dangling");

  const auto done = restore(archive, {{"sandbox", id}, {"path", "/work"}, {"to", "/back"}});

  ASSERT_EQ(done.status, 200) << done << server_.log();
  EXPECT_EQ(done.at("files"), json::value(3)) << done;
  EXPECT_EQ(done.at("folders"), json::value(4)) << done;
  EXPECT_EQ(done.at("links"), json::value(2)) << done;
  EXPECT_EQ(done.at("bytes"), json::value(300008)) << done;
  EXPECT_EQ(api().output(id, "cd /back && cat a/one a/same a/b/up mine; readlink dangling; readlink a/b/up; "
                             "stat -c '%a %n' a/one a/same a/b empty; ls /mine /other /work 2>/dev/null"),
            "one\none\none\nstays\nnowhere\n../one\n4751 a/one\n4751 a/same\n500 a/b\n711 empty\n");

  const auto sums = restore(archive, {{"sandbox", id}, {"path", "/sum"}});
  ASSERT_EQ(sums.status, 200) << sums;
  EXPECT_EQ(api().output(id, "sed 's,/work,/back,' /sum | md5sum -c"), "/back/a/b/random: OK\n");
}

TEST_F(PathRestoreStory, WhatCannotBeDoneIsSaid) {
  const auto archive = archive_of("mkdir /work && echo one > /work/one && rm /etc/passwd");
  const auto id = given_sandbox({{"name", "target"}});
  api().exec(id, "mkdir -p /folder/one");

  EXPECT_EQ(restore(archive, {{"sandbox", id}, {"path", "/none"}}).string("code"), "path_not_archived");
  EXPECT_EQ(restore(archive, {{"sandbox", id}, {"path", "/wor"}}).string("code"), "path_not_archived");
  EXPECT_EQ(restore(archive, {{"sandbox", id}, {"path", "work"}}).status, 400);
  EXPECT_EQ(restore(archive, {{"sandbox", id}, {"path", "/work"}, {"to", "/a/../../b"}}).status, 400);
  EXPECT_EQ(restore(archive, {{"sandbox", "nobody"}, {"path", "/work"}}).string("code"), "sandbox_not_found");
  EXPECT_EQ(restore("arc_019aa5c2f1d07c3e8b0a5d3f61c2e7b4", {{"sandbox", id}, {"path", "/work"}}).status, 404);
  const auto in_the_way = restore(archive, {{"sandbox", id}, {"path", "/work"}, {"to", "/folder"}});
  EXPECT_TRUE(in_the_way.status == 409 || in_the_way.status == 400) << in_the_way;
  EXPECT_EQ(restore(archive, {{"sandbox", id}, {"path", "/work"}, {"to", "/.mayfly"}}).fine(), false);

  ASSERT_EQ(api().post(Api::of(id, "stop")).status, 200);
  const auto stopped = restore(archive, {{"sandbox", id}, {"path", "/work"}});
  EXPECT_EQ(stopped.status, 409) << stopped;
  EXPECT_EQ(stopped.string("code"), "state_stopped");
}

TEST_F(PathRestoreStory, OneFileMakesTheFoldersItNeeds) {
  const auto archive = archive_of("mkdir /work && echo one > /work/one");
  const auto id = given_sandbox();

  const auto done = restore(archive, {{"sandbox", id}, {"path", "/work/one"}, {"to", "/new/folder/two"}});
  ASSERT_EQ(done.status, 200) << done;
  EXPECT_EQ(done.string("to"), "/new/folder/two");
  EXPECT_EQ(api().output(id, "cat /new/folder/two"), "one\n");
}

}  // namespace
}  // namespace mayfly::test
