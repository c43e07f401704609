// The reconciler is killed as by kill -9 around each of its effects: what was planted on the host is gone, or recorded,
// after the next start all the same.

#include <filesystem>
#include <sstream>

#include "e2e/planting.h"

namespace mayfly::test {
namespace {

std::vector<std::string> places() {
  std::vector<std::string> names;
  std::istringstream lines(mayfly({"serve", "--list-failpoints"}).out);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("reconcile.")) names.push_back(line);
  return names;
}

TEST(ReconcileKill, TheNextStartGoesOn) {
  Server server;
  server.configure("[reconcile]\nevery_seconds = 1\n");
  ASSERT_TRUE(server.start()) << server.log();
  const auto kept = server.api().create({{"name", "kept"}}).string("id");
  const auto lost = server.api().create({{"name", "lost"}}).string("id");
  ASSERT_EQ(server.api().exec(kept, "echo text > /file").status, 200);
  for (const auto* verb : {"stop", "start"}) ASSERT_EQ(server.api().post(Api::of(kept, verb)).status, 200);
  Planting plant(server, kept);
  const auto all = places();
  EXPECT_GE(all.size(), 7u);

  int number = 0;
  for (const auto& place : all) {
    SCOPED_TRACE(place);
    const auto trash = stray_uid(++number), process = stray_uid(++number), layer = stray_uid(++number);
    if (server.api().state(lost) != "running") {
      ASSERT_EQ(server.api().post(Api::of(lost, "start")).status, 200);
    }
    server.kill_hard();

    // Something for every hand of the reconciler.
    plant.kill_all_of(lost.substr(4));
    plant.run_folder(kept.substr(4), 1);
    plant.trash(trash);
    plant.group_with_process(process);
    plant.layer(layer, "text");
    server.start(place);
    EXPECT_TRUE(server.dies(5000ms)) << "it was not reached";
    server.kill_hard();

    ASSERT_TRUE(server.start()) << server.log();
    EXPECT_TRUE(comes_true([&] { return server.api().state(lost) == "stopped"; })) << server.api().get(Api::of(lost));
    EXPECT_EQ(server.api().output(kept, "cat /file"), "text\n") << "what runs is left alone";
    EXPECT_TRUE(comes_true([&] { return server.traces_of(trash).empty(); }));
    for (const auto& uid : {process, layer}) {
      const auto orphan = "sbx_" + uid;
      EXPECT_TRUE(comes_true([&] { return server.api().state(orphan) == "stopped"; }))
          << server.api().get(Api::of(orphan));
    }
  }
  server.end();
}

}  // namespace
}  // namespace mayfly::test
