#include "app/image_builds.h"

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

struct Builds {
  World world;
  ImageBuilds builds{world.store, world.images, world->images, world.chance};
  std::vector<std::function<void()>> posted;

  Builds() {
    builds.post = [this](std::function<void()> work) { posted.push_back(std::move(work)); };
  }
  Result<ImageBuild> start(std::vector<std::string> packages, const std::string& name = {}) {
    return builds.start(world.admin(), {{"bookworm", std::move(packages)}, name});
  }
  void run() {
    for (auto& work : std::exchange(posted, {})) work();
  }
  ImageBuild get(const ImageBuild& build) { return must(builds.get(world.admin(), build.id.text)); }
};

TEST(ImageBuilds, ARowComesFirstAndSaysHowItEnded) {
  Builds given;

  const auto accepted = must(given.start({"git", "g++"}));
  EXPECT_EQ(given.get(accepted).state, BuildState::queued);
  given.run();

  const auto done = given.get(accepted);
  EXPECT_EQ(done.state, BuildState::succeeded);
  EXPECT_EQ(done.digest, "sha256:built");
  EXPECT_EQ(done.said, (std::vector<std::string>{"I: Retrieving base", "I: Configuring base"}));
  EXPECT_EQ(given.world.story_of(accepted.id), "image.build_accepted image.build_succeeded");
  EXPECT_EQ(must(given.world.store.read([](Transaction& t) { return t.images().find("debian-bookworm-git-gpp"); }))
                ->digest,
            "sha256:built");
}

TEST(ImageBuilds, AnUnknownPackageIsTheReasonThatIsTold) {
  Builds given;

  const auto accepted = must(given.start({"nosuch"}, "mine"));
  given.run();

  const auto done = given.get(accepted);
  EXPECT_EQ(done.state, BuildState::failed);
  EXPECT_EQ(done.error_code, "package_unknown");
  EXPECT_EQ(done.error, "E: Couldn't find these debs: nosuch");
  EXPECT_FALSE(must(given.world.store.read([](Transaction& t) { return t.images().find("mine"); })));
}

TEST(ImageBuilds, WishesAreCheckedBeforeAnythingIsWritten) {
  Builds given;

  for (const std::string bad : {"", "g", "-git", "Git", "git;reboot", "git,vim", "../x", "git vim", "--include=x"})
    EXPECT_EQ(outcome(given.start({bad})), "invalid recipe_invalid") << bad;
  EXPECT_EQ(outcome(given.builds.start(given.world.admin(), {{"/bookworm", {}}, ""})), "invalid recipe_invalid");
  EXPECT_EQ(outcome(given.start({}, "a b")), "invalid name_invalid");
  EXPECT_EQ(outcome(given.builds.start(given.world.caller(Role::member), {})), "denied role_too_low");
  EXPECT_TRUE(given.posted.empty());
}

TEST(ImageBuilds, WhatAServerLeftUnendedHasFailedAfterItsRestart) {
  Builds given;
  const auto accepted = must(given.start({}));

  ImageBuilds next(given.world.store, given.world.images, given.world->images, given.world.chance);
  must(next.fail_interrupted());

  const auto build = must(next.get(given.world.admin(), accepted.id.text));
  EXPECT_EQ(build.state, BuildState::failed);
  EXPECT_EQ(build.error_code, "interrupted");
  EXPECT_TRUE(build.ended_at);
}

TEST(ImageBuilds, AStoppedServerEndsThemWithAReason) {
  Builds given;
  const auto accepted = must(given.start({}));

  given.posted.push_back([&] { given.builds.stop(); });
  std::swap(given.posted.front(), given.posted.back());
  given.run();

  EXPECT_EQ(given.get(accepted).state, BuildState::queued) << "the next start ends it";
}

TEST(ImageBuilds, TheQueueHasASize) {
  Builds given;
  for (int i = 0; i < 8; ++i) must(given.start({}));

  EXPECT_EQ(outcome(given.start({})), "exhausted too_many_builds");
  given.run();
  EXPECT_EQ(outcome(given.start({})), "fine");
}

TEST(ImageBuilds, AnotherWorkspaceSeesNone) {
  Builds given;
  const auto accepted = must(given.start({}));
  auto stranger = given.world.admin();
  stranger.workspace = {"wsp_another"};

  EXPECT_EQ(outcome(given.builds.get(stranger, accepted.id.text)), "not_found image_build_not_found");
  EXPECT_EQ(outcome(given.builds.get(given.world.admin(), "bld_x")), "not_found image_build_not_found");
}

}  // namespace
}  // namespace mayfly
