// What people do about deletes that are under way.

#include <gtest/gtest.h>

#include "app/row_checks.h"
#include "support/given.h"

namespace mayfly {
namespace {

constexpr DeletePolicy without_archive{.archive = false};

std::string doctor_says(World& world) {
  std::string text;
  for (const auto& finding : must(check_rows(world.store)))
    text += (text.empty() ? "" : " ") + std::string(reconcile::name(finding.trouble));
  return text;
}

TEST(Cancel, KeepsWhatHasNotBeenDestroyedUntilARetryGoesOn) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox);
  world.run_fast();
  ASSERT_EQ(world.steps_of(root).substr(0, 22), "stop_sandbox completed");

  const auto cancelled = must(world->cleanup_control.cancel(world.admin(), root));

  EXPECT_EQ(cancelled.phase, Phase::failed);
  EXPECT_EQ(cancelled.work.error_code, "cancelled");
  EXPECT_EQ(cancelled.work.last_error, "cancelled by " + world.admin().actor);
  world.let_pass(2h);
  EXPECT_EQ(world.state_of(sandbox), "deleting");
  EXPECT_EQ(world.files_of(sandbox), "what the user made");
  EXPECT_EQ(doctor_says(world), "") << "kept on purpose, and not leaked";
  EXPECT_EQ(outcome(world->cleanup_control.cancel(world.admin(), root)), "conflict task_ended");

  must(world->cleanups.retry(world.admin(), root));
  EXPECT_EQ(world.step(root, Verb::archive_sandbox).phase, Phase::ready);
  EXPECT_EQ(world.step(root, Verb::destroy_sandbox).phase, Phase::waiting) << "stages come one after the other again";
  world.let_pass(1s);
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world.archives_of(sandbox).size(), 1u);
}

TEST(Cancel, LetsWhoIsAtWorkEnd) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  world.driver.during("kill", [&] { must(world->cleanup_control.cancel(world.admin(), root)); });

  world.let_pass(1h);

  EXPECT_EQ(world.step(root, Verb::stop_sandbox).phase, Phase::completed);
  EXPECT_EQ(world.row(root).work.error_code, "cancelled");
  EXPECT_EQ(world.files_of(sandbox), "what the user made");
}

TEST(Cancel, ComesTooLateOnceFilesAreBeingDestroyed) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  std::string answer;
  world.driver.during("discard", [&] { answer = outcome(world->cleanup_control.cancel(world.admin(), root)); });

  world.let_pass(1s);

  EXPECT_EQ(answer, "conflict past_no_return");
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(outcome(world->cleanup_control.cancel(world.admin(), root)), "conflict task_ended");
}

TEST(Skip, GoesOnWithoutAStepAndDoctorRemembers) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  world.driver.fail_next("kill", Code::internal);
  world.run_fast();
  const auto stop = world.step(root, Verb::stop_sandbox);
  ASSERT_EQ(stop.phase, Phase::failed);
  ASSERT_EQ(world.row(root).phase, Phase::failed);
  world.host.containers.clear();   // somebody did by hand what the driver could not

  const auto skipped = must(world->cleanup_control.skip(world.admin(), stop.id, "killed by hand"));

  EXPECT_EQ(skipped.phase, Phase::completed);
  EXPECT_EQ(skipped.metadata.at("skip_reason"), "killed by hand");
  EXPECT_EQ(world.row(root).phase, Phase::children) << "its parent goes on";
  EXPECT_EQ(doctor_says(world), "skipped");
  world.let_pass(1h);
  EXPECT_EQ(world.step(root, Verb::destroy_sandbox).phase, Phase::completed);
  EXPECT_EQ(world.last_event(sandbox.resource.id, "cleanup.skipped").data.at("reason"), "killed by hand");
}

TEST(Skip, DestroysNothingWithoutAnArchiveOrAWaiver) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox);
  world.run_fast();
  const auto archive = world.step(root, Verb::archive_sandbox);
  ASSERT_EQ(archive.phase, Phase::ready);

  must(world->cleanup_control.skip(world.admin(), archive.id, "nobody needs it"));
  world.let_pass(1s);

  EXPECT_EQ(world.step(root, Verb::destroy_sandbox).work.error_code, "no_permit");
  EXPECT_EQ(world.files_of(sandbox), "what the user made");
}

TEST(Skip, OfAWholeDeleteTakesTheRecordAwayAndSaysWhatMayBeLeft) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  world.driver.fail_next("kill", Code::internal);
  world.run_fast();

  must(world->cleanup_control.skip(world.admin(), root, "the host is gone"));
  world.let_pass(1s);

  EXPECT_EQ(world.row(root).phase, Phase::completed);
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(doctor_says(world), "skipped skipped skipped") << "stop, destroy and confirm; the record was ours to take";
}

TEST(Skip, IsForAdminsAndForWhatNobodyIsAt) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  std::string running;
  world.driver.during("kill", [&] {
    const auto stop = world.step(root, Verb::stop_sandbox).id;
    running = outcome(world->cleanup_control.skip(world.admin(), stop, "now"));
  });
  world.let_pass(1s);

  EXPECT_EQ(running, "conflict task_not_skippable");
  EXPECT_EQ(outcome(world->cleanup_control.skip(world.admin(), world.step(root, Verb::stop_sandbox).id, "late")),
            "conflict task_not_skippable");
  EXPECT_TRUE(outcome(world->cleanup_control.skip(world.caller(Role::member), root, "x")).starts_with("denied"));
  EXPECT_TRUE(outcome(world->cleanup_control.cancel(world.caller(Role::member), root)).starts_with("denied"));
  auto stranger = world.admin();
  stranger.workspace = {"wsp_" + std::string(32, '9')};
  EXPECT_EQ(outcome(world->cleanup_control.cancel(stranger, root)), "not_found cleanup_task_not_found");
  EXPECT_EQ(outcome(world->cleanup_control.attempts(stranger, root)), "not_found cleanup_task_not_found");
  EXPECT_EQ(outcome(world->cleanup_control.progress(stranger, root)), "not_found cleanup_task_not_found");
  EXPECT_EQ(outcome(world->cleanup_control.follow(stranger, root)), "not_found cleanup_task_not_found");
}

TEST(Attempts, TellOfEachTryAndGoOnAfterARetry) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.driver.fail_next("kill", Code::busy, 2);
  const auto root = world.remove(sandbox, without_archive);
  world.let_pass(1s);
  const auto said = [&](Verb verb) {
    std::string text;
    const auto id = world.step(root, verb).id;
    for (const auto& attempt : must(world->cleanup_control.attempts(world.admin(), id)))
      text += std::to_string(attempt.number) + (attempt.error_code.empty() ? "" : ":" + attempt.error_code) + " ";
    return text;
  };

  EXPECT_EQ(said(Verb::stop_sandbox), "1:busy 2:busy 3 ");
  EXPECT_EQ(said(Verb::destroy_sandbox), "1 ") << "one that succeeded at once is told by its own row";

  const auto broken = world.a_running_sandbox();
  world.driver.fail_next("kill", Code::internal);
  const auto second = world.remove(broken, without_archive);
  world.run_fast();
  must(world->cleanups.retry(world.admin(), second));
  world.let_pass(1s);
  const auto stop = world.step(second, Verb::stop_sandbox).id;
  const auto all = must(world->cleanup_control.attempts(world.admin(), stop));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].error_code, "internal");
  EXPECT_EQ(all[1].number, 2);
  EXPECT_TRUE(all[1].error.empty());
}

TEST(Progress, SaysHowFarATreeIsAndWhatKeepsIt) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  must(world->cleanup_control.pause(world.admin(), {}, "upgrade"));

  const auto paused = must(world->cleanup_control.progress(world.admin(), root));
  EXPECT_EQ(paused.total, 5);
  EXPECT_EQ(paused.done, 0);
  EXPECT_EQ(paused.waiting, 4);
  ASSERT_FALSE(paused.blocked_by.empty());
  EXPECT_NE(paused.blocked_by[0].find("upgrade"), std::string::npos) << paused.blocked_by[0];

  must(world->cleanup_control.resume(world.admin(), {}));
  world.driver.fail_next("kill", Code::internal);
  world.run_fast();
  const auto failed = must(world->cleanup_control.progress(world.admin(), root));
  EXPECT_EQ(failed.failed, 2) << "the step and its root";
  ASSERT_EQ(failed.blocked_by.size(), 1u);
  EXPECT_NE(failed.blocked_by[0].find("stop_sandbox"), std::string::npos) << failed.blocked_by[0];

  must(world->cleanups.retry(world.admin(), root));
  world.let_pass(1s);
  const auto done = must(world->cleanup_control.progress(world.admin(), root));
  EXPECT_EQ(done.done, done.total);
  EXPECT_TRUE(done.blocked_by.empty());
  EXPECT_FALSE(done.oldest_open);
}

TEST(News, TellWhatHasChangedAndEndWithTheTask) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  const auto news = must(world->cleanup_control.follow(world.admin(), root));

  const auto first = must(news->next(0s));
  EXPECT_EQ(first.changed.size(), 5u) << "all as they stand";
  EXPECT_TRUE(must(news->next(0s)).changed.empty());

  world.let_pass(1s);
  const auto last = must(news->next(0s));
  EXPECT_EQ(last.changed.size(), 5u);
  EXPECT_TRUE(last.ended);
  EXPECT_EQ(last.progress.done, 5);
  news->cancel();
  EXPECT_TRUE(must(news->next(1h)).cancelled) << "nobody waits for one that was cancelled";
}

TEST(Purge, ForgetsWhatCompletedLongAgoAndNothingElse) {
  World world;
  const auto first = world.a_running_sandbox(), second = world.a_running_sandbox();
  world.driver.fail_next("kill", Code::busy);
  const auto old = world.remove(first, without_archive);
  world.let_pass(24h);
  world.driver.fail_next("kill", Code::internal);
  const auto failed = world.remove(second, without_archive);
  world.run_fast();
  const auto stop = world.step(old, Verb::stop_sandbox).id;

  EXPECT_FALSE(must(world->cleanup_control.purge_once(48h)));
  EXPECT_EQ(world.row(old).phase, Phase::completed) << "it is not old enough";
  EXPECT_FALSE(must(world->cleanup_control.purge_once(12h)));

  EXPECT_EQ(outcome(world->cleanups.get(world.admin(), old)), "not_found cleanup_task_not_found");
  const auto left = must(world.store.read([&](Transaction& t) { return t.cleanup_records().attempts(stop); }));
  EXPECT_TRUE(left.empty());
  EXPECT_EQ(world.row(failed).phase, Phase::failed) << "what failed is kept until somebody has seen to it";
  EXPECT_EQ(doctor_says(world), "task_failed");
}

}  // namespace
}  // namespace mayfly
