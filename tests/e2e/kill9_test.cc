// The server is killed as by kill -9 at every named place and at several commits, and started again.

#include <algorithm>
#include <map>
#include <sstream>

#include "e2e/crash_story.h"

namespace mayfly::test {
namespace {

std::vector<std::string> named_places() {
  std::vector<std::string> names;
  std::istringstream lines(mayfly({"serve", "--list-failpoints"}).out);
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  return names;
}

/// Places with a story of their own: sleeper_test.cc, reconcile_kill_test.cc, cleanup_control_test.cc.
bool has_own_story(const std::string& place) {
  return place.starts_with("reconcile.") || place.starts_with("claim_sandbox.") || place.starts_with("cleanup.") ||
         place.starts_with("sleep_sandbox.") || place.starts_with("wake_sandbox.");
}

std::vector<std::string> places_to_die() {
  auto places = named_places();
  std::erase_if(places, has_own_story);
  for (const auto* commit : {"store.before_commit", "store.after_commit"})
    for (const auto* pass : {":3", ":7", ":12", ":20", ":31"}) places.push_back(std::string(commit) + pass);
  // Later passes of what every step goes through: the record of another effect is lost each time.
  for (const auto* pass : {":4", ":9", ":14"}) {
    places.push_back(std::string("worker.before_record") + pass);
    places.push_back(std::string("worker.after_record") + pass);
  }
  return places;
}

/// What this story does not come by, and why.
const std::map<std::string, std::string> unreached = {
    {"build_image.after_commit", "a build takes a minute and a mirror: image_build_test.cc dies at these"},
    {"images.build.before_tools", "the same"},
    {"images.build.within_tools", "the same"},
    {"images.build.after_tools", "the same"},
};

TEST(Failpoints, AreNamedOnEveryPathThatDestroysOrPromises) {
  const auto names = named_places();

  for (const auto* path : {"create_sandbox.", "start_sandbox.", "delete_sandbox.", "stop_sandbox.", "archive_sandbox.",
                           "destroy_sandbox.", "confirm_sandbox.", "destroy_archive.", "destroy_image.",
                           "restore.", "store.", "deadline."})
    EXPECT_TRUE(std::any_of(names.begin(), names.end(), [&](const auto& name) { return name.starts_with(path); }))
        << path;
}

class Kill9 : public ::testing::TestWithParam<std::string> {};

TEST_P(Kill9, LosesNoPromiseAndLeavesNothing) {
  Server server;
  CrashStory story(server);

  if (server.start(GetParam())) story.play();
  const bool died = server.dies(unreached.contains(GetParam()) ? 0ms : 5000ms);
  EXPECT_NE(died, unreached.contains(GetParam())) << GetParam() << " reached: " << died;
  server.kill_hard();

  ASSERT_TRUE(server.start()) << server.log();
  EXPECT_TRUE(comes_true([&] { return server.clean(); }, 2s)) << server.doctor();
  story.check();
  server.end();
}

std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (auto& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(At, Kill9, ::testing::ValuesIn(places_to_die()), test_name);

}  // namespace
}  // namespace mayfly::test
