// Two servers, and sandboxes that want more than they were given.

#include <algorithm>
#include <cstdlib>

#include "e2e/server.h"
#include "os/file.h"

namespace mayfly::test {
namespace {

std::string count_in(const std::string& file) { return os::read_file(file).value_or("0"); }

class Limits : public Served {
 protected:
  /// As the kernel counts them, in whichever hierarchy does.
  int processes_of(const std::string& id) {
    int most = 0;
    for (const auto& trace : server_.traces_of(id.substr(4)))
      if (trace.starts_with("cgroup "))
        most = std::max(most, std::atoi(count_in("/sys/fs/cgroup/" + trace.substr(7) + "/pids.current").c_str()));
    EXPECT_GT(most, 0);
    return most;
  }
};

TEST_F(Limits, OneDataFolderHasOneServer) {
  const auto second = mayfly({"serve", "--data", server_.data(), "--listen", "127.0.0.1:0"});

  EXPECT_EQ(second.exit_code, 2);
  EXPECT_NE(second.err.find("belongs to a running mayfly server (process " + std::to_string(server_.pid()) + ")"),
            std::string::npos)
      << second.err;
  EXPECT_EQ(api().get("/readyz").status, 200);
}

TEST_F(Limits, TwoServersOnOneHostLeaveEachOtherAlone) {
  Server other;
  ASSERT_TRUE(other.start()) << other.log();
  const auto ours = given_sandbox({{"name", "same"}});
  const auto theirs = other.api().create({{"name", "same"}}).string("id");

  other.kill_hard();
  ASSERT_TRUE(other.start()) << other.log();

  EXPECT_TRUE(comes_true([&] { return other.clean() && server_.clean(); }, 2s)) << other.doctor() << server_.doctor();
  EXPECT_EQ(api().output(ours, "echo ours"), "ours\n");
  EXPECT_EQ(other.api().output(theirs, "echo theirs"), "theirs\n");
  other.end();
  EXPECT_EQ(api().state(ours), "running");
}

TEST_F(Limits, OneThatWritesPastItsDiskLimitIsStoppedAndSaysWhy) {
  const auto id = given_sandbox({{"resources", json::object{{"disk_mb", 8}}}});
  ASSERT_EQ(api().exec(id, "echo kept > /kept && dd if=/dev/zero of=/big bs=1M count=24 2>/dev/null").status, 200);

  ASSERT_TRUE(comes_true([&] { return api().state(id) == "stopped"; })) << api().get(Api::of(id));

  EXPECT_EQ(api().get(Api::of(id)).string("ended.reason"), "disk_limit");
  EXPECT_EQ(api().get("/readyz").status, 200);
}

TEST_F(Limits, ACommandThatTheDiskLimitEndsIsToldSo) {
  const auto id = given_sandbox({{"resources", json::object{{"disk_mb", 8}}}});

  const auto cut_off = api().exec(id, "dd if=/dev/zero of=/big bs=1M count=24 2>/dev/null; sleep 600");

  EXPECT_EQ(cut_off.status, 507) << cut_off;
  EXPECT_EQ(cut_off.string("code"), "disk_limit");
  EXPECT_NE(cut_off.string("detail").find(id + " was stopped while the command ran"), std::string::npos) << cut_off;
}

TEST_F(Limits, AMemoryHogDiesInsideAndNobodyElseDoes) {
  const auto hog = given_sandbox({{"resources", json::object{{"memory_mb", 32}}}});
  const auto neighbour = given_sandbox();

  const auto ran = api().exec(hog, "dd if=/dev/zero of=/dev/null bs=200M count=1");

  EXPECT_EQ(ran.status, 200) << ran;
  EXPECT_NE(ran.at("exit_code"), json::value(0)) << ran;
  EXPECT_EQ(api().output(neighbour, "echo here"), "here\n");
  EXPECT_EQ(api().output(hog, "echo still here"), "still here\n");
}

TEST_F(Limits, AForkBombIsBoundedByItsPids) {
  const auto bomb = given_sandbox({{"resources", json::object{{"pids", 24}}}});
  const auto neighbour = given_sandbox();

  api().post(Api::of(bomb, "exec"),
             json::object{{"command", "b() { b | b & }; b; while :; do b; done"}, {"wait_seconds", 1}});

  EXPECT_EQ(api().output(neighbour, "echo here"), "here\n");
  EXPECT_LE(processes_of(bomb), 24);
  server_.delete_now(bomb);
  EXPECT_EQ(api().state(bomb), "gone");
}

TEST_F(Limits, ImagesAndNamesThatTheServerDoesNotHaveChangeNothing) {
  const auto before = api().get("/v1/sandboxes").text;

  EXPECT_EQ(api().create({{"image", "none"}}).status, 404);
  EXPECT_EQ(api().create({{"resources", json::object{{"disk_mb", 0}}}}).status, 400);

  EXPECT_EQ(api().get("/v1/sandboxes").text, before);
}

}  // namespace
}  // namespace mayfly::test
