// The reconciler is killed as by kill -9 around each of its effects: what was planted on the host is gone, or recorded,
// after the next start all the same.

#include <filesystem>
#include <sstream>

#include "e2e/planting.h"

namespace mayfly::test {
namespace {

class ReconcileKill : public ::testing::TestWithParam<std::string> {};

TEST_P(ReconcileKill, TheNextStartGoesOn) {
  Server server;
  server.configure("[reconcile]\nevery_seconds = 1\n");
  ASSERT_TRUE(server.start()) << server.log();
  const auto kept = server.api().create({{"name", "kept"}}).string("id");
  const auto lost = server.api().create({{"name", "lost"}}).string("id");
  ASSERT_EQ(server.api().exec(kept, "echo text > /file").status, 200);
  for (const auto* verb : {"stop", "start"}) ASSERT_EQ(server.api().post(Api::of(kept, verb)).status, 200);
  Planting plant(server, kept);
  server.kill_hard();

  // Something for every hand of the reconciler.
  Planting(server, lost).kill_all_of(lost.substr(4));
  plant.run_folder(kept.substr(4), 1);
  plant.trash(stray_uid(1));
  plant.group_with_process(stray_uid(2));
  plant.layer(stray_uid(3), "text");
  server.start(GetParam());
  EXPECT_TRUE(server.dies(5000ms)) << GetParam() << " was not reached";
  server.kill_hard();

  ASSERT_TRUE(server.start()) << server.log();
  EXPECT_TRUE(comes_true([&] { return server.api().state(lost) == "stopped"; })) << server.api().get(Api::of(lost));
  EXPECT_EQ(server.api().output(kept, "cat /file"), "text\n") << "what runs is left alone";
  EXPECT_TRUE(comes_true([&] { return server.traces_of(stray_uid(1)).empty(); }));
  for (const auto number : {2, 3}) {
    const auto orphan = "sbx_" + stray_uid(number);
    EXPECT_TRUE(comes_true([&] { return server.api().state(orphan) == "stopped"; }))
        << server.api().get(Api::of(orphan));
  }
  server.end();
}

std::vector<std::string> places() {
  std::vector<std::string> names;
  std::istringstream lines(mayfly({"serve", "--list-failpoints"}).out);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("reconcile.")) names.push_back(line);
  return names;
}

std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (auto& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(At, ReconcileKill, ::testing::ValuesIn(places()), test_name);

}  // namespace
}  // namespace mayfly::test
