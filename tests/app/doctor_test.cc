// What doctor says of rows and the clock, and that a finding counts only when two looks have it.

#include <gmock/gmock.h>

#include "app/doctor.h"
#include "app/explanations.h"
#include "app/row_checks.h"
#include "support/given.h"

namespace mayfly {
namespace {

using reconcile::Trouble;
using ::testing::HasSubstr;

std::string troubles(const std::vector<reconcile::Finding>& findings) {
  std::string text;
  for (const auto& finding : findings) text += (text.empty() ? "" : " ") + std::string(name(finding.trouble));
  return text.empty() ? "none" : text;
}

std::string of_rows(World& world) {
  auto findings = must(check_rows(world.store));
  std::ranges::move(must(check_deadlines(world.store, world->installation)), std::back_inserter(findings));
  return troubles(findings);
}

struct Consulted {
  explicit Consulted(World& world)
      : doctor(world.store, world.driver, *world.blobs, world.images, world->archives, world->reconciler,
               world->deletion, world.chance, world.clock, world->installation) {}
  Doctor doctor;
};

TEST(RowChecks, FindNothingWhereAllIsOnItsWay) {
  World world;
  for (const auto state : {State::requested, State::running, State::paused, State::stopped, State::failed,
                           State::deleting, State::gone})
    world.a_sandbox_in(state);

  EXPECT_EQ(of_rows(world), "none");
}

TEST(RowChecks, TellOfADeleteThatCannotEnd) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox);
  auto rows = world.store.snapshot();
  for (auto& [id, task] : rows.tasks)
    if (task.parent == root) task.phase = Phase::waiting;
  world.store.restore(rows);
  EXPECT_EQ(of_rows(world), "tree_broken") << "no step can run";

  rows.tasks.clear();
  world.store.restore(rows);
  EXPECT_EQ(of_rows(world), "tree_broken") << "no task at all";
}

TEST(RowChecks, TellOfADeleteWhoseRecordIsGone) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.remove(sandbox);
  auto rows = world.store.snapshot();
  rows.sandboxes.at(sandbox.resource.id).resource.state = State::gone;
  rows.lifetimes.at(sandbox.resource.id).state = State::gone;
  world.store.restore(rows);

  EXPECT_EQ(of_rows(world), "tree_broken");
}

TEST(RowChecks, TellOfAStepThatHasGivenUpAndOfTheErrorThatItMet) {
  World world;
  const auto sandbox = world.a_stopped_sandbox();
  world.host.layers.clear();
  const auto root = world.remove(sandbox);
  world.let_pass(std::chrono::hours(1));
  ASSERT_EQ(world.row(root).phase, Phase::failed);

  const auto findings = must(check_rows(world.store));

  EXPECT_EQ(troubles(findings), "task_failed");
  EXPECT_THAT(findings.at(0).text, HasSubstr("archive_sandbox after 1 attempts: the files of"));
  EXPECT_EQ(findings.at(0).where, root.text);
}

TEST(RowChecks, TellOfADeadlineThatNobodyActedOn) {
  World world;
  world.a_running_sandbox({.lifetime = age_of(60s)});
  world.clock.advance(65s);
  EXPECT_EQ(of_rows(world), "none") << "the loop has its seconds";

  world.clock.advance(10s);
  EXPECT_EQ(of_rows(world), "deadline_late");

  world.let_pass(1s);
  EXPECT_EQ(of_rows(world), "none");
}

TEST(RowChecks, TellOfRowsThatNameWhatIsNotThere) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  auto rows = world.store.snapshot();
  rows.sandboxes.at(sandbox.resource.id).resource.workspace = {"wsp_019aa5c2f1d07c3e8b0a5d3f61c2e7b4"};
  rows.sandboxes.at(sandbox.resource.id).mounts = {
      {.volume = {"vol_019aa5c2f1d07c3e8b0a5d3f61c2e7b4"}, .path = "/v", .read_only = false}};
  world.store.restore(rows);

  EXPECT_EQ(of_rows(world), "dangling dangling");
}

TEST(Doctor, CountsWhatTwoLooksHave) {
  World world;
  world.a_running_sandbox();
  Consulted consulted(world);
  world.host.layers.clear();
  EXPECT_EQ(troubles(must(consulted.doctor.examine(false)).findings), "files_missing");

  World other;
  other.a_running_sandbox();
  Consulted busy(other);
  const auto there = other.host.layers;
  other.host.layers.clear();
  busy.doctor.pause = [&] { other.host.layers = there; };
  EXPECT_TRUE(must(busy.doctor.examine(false)).clean()) << "it was on its way";
}

TEST(Doctor, ComparesFilesOfImagesThatHaveNoName) {
  World world;
  Consulted consulted(world);
  world.images.files["sha256:strange"] = Image{"sha256:strange", 1, {}, "/"};

  const auto findings = must(consulted.doctor.examine(false)).findings;

  EXPECT_EQ(troubles(findings), "stranger");
  EXPECT_EQ(findings.at(0).where, "sha256:strange");
}

TEST(Doctor, KnowsSinceWhenFromTheReconcilersPasses) {
  World world;
  world.a_running_sandbox();
  Consulted consulted(world);
  world.host.layers.clear();
  const auto noticed = world.clock.now();
  consulted.doctor.notice(must(world->reconciler.run_once()));
  world.clock.advance(90s);

  EXPECT_EQ(must(consulted.doctor.examine(false)).findings.at(0).since, noticed);
}

TEST(Doctor, MendsForAdminsOnlyAndWritesDownWhoWantedIt) {
  World world;
  const auto sandbox = world.a_stopped_sandbox();
  world.host.layers.clear();
  Consulted consulted(world);
  const auto key = reconcile::key_of(must(consulted.doctor.examine(false)).findings.at(0));

  EXPECT_EQ(consulted.doctor.mend(world.caller(Role::member), {key}).error().code, Code::denied);
  const auto mended = must(consulted.doctor.mend(world.admin(), {key, "trash:nowhere"}));
  world.let_pass(std::chrono::hours(1));

  EXPECT_EQ(mended.at(0).outcome, Mended::Outcome::deleting) << mended.at(0).text;
  EXPECT_EQ(mended.at(1).outcome, Mended::Outcome::gone);
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world.last_event(sandbox.resource.id, "doctor.fix").actor, world.admin().actor);
  EXPECT_THAT(world.story_of(sandbox.resource.id), HasSubstr("sandbox.archive_waived")) << "nothing goes untold";
}

TEST(Doctor, MendsNothingByWhatIsMissingWhereTooMuchIs) {
  World world;
  const auto archive = world.an_archive();
  Consulted consulted(world);
  const auto there = world.host.objects;
  world.host.objects.clear();   // a folder that is not mounted
  const auto report = must(consulted.doctor.examine(false));
  EXPECT_EQ(troubles(report.findings), "archive_missing");
  EXPECT_TRUE(report.suspicious);
  const auto key = reconcile::key_of(report.findings.at(0));

  EXPECT_EQ(must(consulted.doctor.mend(world.admin(), {key})).at(0).outcome, Mended::Outcome::failed);
  world.host.objects = there;

  EXPECT_TRUE(must(consulted.doctor.examine(true)).clean());
  EXPECT_EQ(world.row(archive).resource.state, State::active);
}

TEST(Explanations, TellWhatADeleteWaitsFor) {
  World world;
  const auto sandbox = world.a_stopped_sandbox();
  world.host.layers.clear();
  const auto root = world.remove(sandbox);
  world.let_pass(std::chrono::hours(1));
  Explanations explanations(world.store, world.clock, world->installation);

  const auto told = must(explanations.of(world.admin(), sandbox.resource.id.text));

  EXPECT_EQ(told.state, "deleting");
  EXPECT_EQ(told.task, root);
  EXPECT_THAT(told.summary, HasSubstr("archive_sandbox"));
  EXPECT_THAT(told.summary, HasSubstr("has failed after 1 attempts"));
}

TEST(Explanations, KnowOfWhatHasNoRecordAnyMore) {
  World world;
  const auto sandbox = world.a_sandbox_in(State::gone);
  auto rows = world.store.snapshot();
  rows.sandboxes.erase(sandbox.resource.id);
  rows.lifetimes.erase(sandbox.resource.id);
  world.store.restore(rows);
  Explanations explanations(world.store, world.clock, world->installation);

  const auto told = must(explanations.of(world.admin(), sandbox.resource.id.text));

  EXPECT_EQ(told.state, "");
  EXPECT_THAT(told.summary, HasSubstr("gone from the records"));
  auto elsewhere = world.admin();
  elsewhere.workspace = {"wsp_019aa5c2f1d07c3e8b0a5d3f61c2e7b4"};
  EXPECT_EQ(explanations.of(elsewhere, sandbox.resource.id.text).error().code, Code::not_found);
}

}  // namespace
}  // namespace mayfly
