// Pause, resume, stop and start of real processes.

#include <cstdlib>

#include "e2e/server.h"
#include "os/file.h"

namespace mayfly::test {
namespace {

class Lifecycle : public Served {
 protected:
  Answer move(const std::string& id, const char* verb) { return api().post(Api::of(id, verb)); }

  /// A counter that grows as fast as it can; its file in the sandbox.
  void given_counter(const std::string& id) {
    const auto begun = api().post(
        Api::of(id, "exec"),
        json::object{{"command", "n=0; while :; do n=$((n+1)); echo $n > /next; mv /next /count; done"},
                     {"wait", false}});
    ASSERT_EQ(begun.status, 202) << begun;
    ASSERT_TRUE(comes_true([&] { return count(id) > 0; }));
  }
  /// What its group has used so far, by whichever hierarchy counts it.
  std::string cpu_used(const std::string& id) {
    std::string used;
    for (const auto& trace : server_.traces_of(id.substr(4))) {
      if (!trace.starts_with("cgroup ")) continue;
      const auto group = "/sys/fs/cgroup/" + trace.substr(7);
      used += os::read_file(group + "/cpuacct.usage").value_or("");
      // Of version 2 the first line; the others count periods, and one can still end after the freeze.
      const auto stat = os::read_file(group + "/cpu.stat").value_or("");
      if (stat.starts_with("usage_usec")) used += stat.substr(0, stat.find('\n'));
    }
    EXPECT_NE(used, "");
    return used;
  }
  int count(const std::string& id) { return std::atoi(api().output(id, "cat /count 2>/dev/null").c_str()); }
};

TEST_F(Lifecycle, APausedOneUsesNoCpuAndGoesOnWhereItWas) {
  const auto id = given_sandbox();
  given_counter(id);
  const int before = count(id);

  ASSERT_EQ(move(id, "pause").string("state"), "paused");
  const auto used = cpu_used(id);
  const auto refused = api().exec(id, "true");
  EXPECT_EQ(refused.status, 409) << refused;
  EXPECT_EQ(refused.string("code"), "state_paused");
  EXPECT_EQ(move(id, "pause").status, 409);
  EXPECT_EQ(cpu_used(id), used);

  ASSERT_EQ(move(id, "resume").string("state"), "running");
  const int after = count(id);
  EXPECT_GE(after, before);
  EXPECT_TRUE(comes_true([&] { return count(id) > after; })) << "the process goes on";
}

TEST_F(Lifecycle, AStoppedOneKeepsItsFilesAndNoProcess) {
  const auto id = given_sandbox();
  ASSERT_EQ(api().exec(id, "echo kept > /kept && rm /etc/passwd").status, 200);
  given_counter(id);

  ASSERT_EQ(move(id, "stop").string("state"), "stopped");
  EXPECT_EQ(api().exec(id, "true").status, 409);
  for (const auto& trace : server_.traces_of(id.substr(4))) EXPECT_NE(trace.find("folder"), std::string::npos) << trace;

  const auto started = move(id, "start");
  ASSERT_EQ(started.string("state"), "running");
  EXPECT_EQ(started.at("generation"), json::value(2));
  EXPECT_EQ(api().output(id, "cat /kept; ls /etc/passwd 2>/dev/null | wc -l"), "kept\n0\n");
  EXPECT_EQ(api().output(id, "ps | grep -c '[c]ount'"), "0\n");
}

TEST_F(Lifecycle, WhatWasPausedOrStoppedIsStillThatAfterAKill) {
  const auto paused = given_sandbox();
  const auto stopped = given_sandbox();
  const auto running = given_sandbox();
  ASSERT_EQ(api().exec(paused, "echo kept > /kept").status, 200);
  ASSERT_EQ(move(paused, "pause").status, 200);
  ASSERT_EQ(move(stopped, "stop").status, 200);

  server_.kill_hard();
  ASSERT_TRUE(server_.start());

  EXPECT_EQ(api().state(paused), "paused");
  EXPECT_EQ(api().state(stopped), "stopped");
  EXPECT_EQ(api().output(running, "echo here"), "here\n");
  ASSERT_EQ(move(paused, "resume").status, 200);
  EXPECT_EQ(api().output(paused, "cat /kept"), "kept\n");
}

}  // namespace
}  // namespace mayfly::test
