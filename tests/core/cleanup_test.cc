#include "core/cleanup.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/must.h"

namespace mayfly {
namespace {

constexpr Time noon = service_time(1'790'000'000'000'000);

std::string steps(Kind kind, const DeletePolicy& policy) {
  std::string words;
  for (const auto& step : cleanup::steps_for(kind, policy))
    words += (words.empty() ? "" : ", ") + std::to_string(step.stage) + " " + std::string(name(step.verb));
  return words;
}

Task running(int attempts) {
  Task task;
  task.id = {"clt_1"};
  task.verb = Verb::stop_sandbox;
  task.phase = Phase::running;
  task.work.claim = 4;
  task.work.attempts = attempts;
  task.work.last_error = "what went wrong before";
  task.work.error_code = "before";
  return task;
}

TEST(CleanupPlan, FollowsThePolicy) {
  DeletePolicy with_archive, without;
  without.archive = false;

  EXPECT_EQ(steps(Kind::sandbox, with_archive),
            "1 stop_sandbox, 2 archive_sandbox, 3 destroy_sandbox, 4 confirm_sandbox, 5 forget_sandbox");
  EXPECT_EQ(steps(Kind::sandbox, without), "1 stop_sandbox, 3 destroy_sandbox, 4 confirm_sandbox, 5 forget_sandbox");
  EXPECT_EQ(steps(Kind::archive, with_archive), "1 destroy_archive, 2 forget_archive");
  EXPECT_EQ(steps(Kind::archive, without), "1 destroy_archive, 2 forget_archive");
  EXPECT_EQ(cleanup::root_verb(Kind::sandbox), Verb::delete_sandbox);
  EXPECT_EQ(cleanup::root_verb(Kind::archive), Verb::delete_archive);
}

TEST(CleanupPlan, ArchivesAndHoldsUnlessSomebodySaysOtherwise) {
  const DeletePolicy unsaid;

  EXPECT_TRUE(unsaid.archive);
  EXPECT_EQ(unsaid.on_archive_failure, DeletePolicy::OnArchiveFailure::hold);
  EXPECT_EQ(unsaid.archive_retention, Duration(7 * 24h));
}

TEST(CleanupPlan, OnlyArchivingIsSlow) {
  for (int number = 0; number <= static_cast<int>(Verb::forget_archive); ++number) {
    const auto verb = static_cast<Verb>(number);
    EXPECT_EQ(lane_of(verb) == Lane::slow, verb == Verb::archive_sandbox) << name(verb);
    EXPECT_EQ(resource_level(verb), name(verb).starts_with("delete_")) << name(verb);
    EXPECT_EQ(parse_verb(name(verb)), verb);
  }
  EXPECT_FALSE(parse_verb("delete"));
}

TEST(CleanupPlan, AFirstStartThatRestoresIsSlowAndEveryOtherIntentIsFast) {
  Sandbox restored;
  restored.spec.restore_from = "arc_1";
  set_state(restored, State::starting);
  EXPECT_EQ(lane_of(restored), Lane::slow);

  set_state(restored, State::stopping);
  EXPECT_EQ(lane_of(restored), Lane::fast) << "a stop never waits behind archives";

  set_state(restored, State::starting);
  restored.started_at = noon;
  EXPECT_EQ(lane_of(restored), Lane::fast) << "its files are there";
}

TEST(CleanupTask, HasFourWordsForEightPhases) {
  const struct {
    Phase phase;
    std::string_view phase_name, status;
  } table[] = {
      {Phase::waiting, "waiting", "pending"},         {Phase::ready, "ready", "pending"},
      {Phase::backing_off, "backing_off", "pending"}, {Phase::stuck, "stuck", "pending"},
      {Phase::running, "running", "in_progress"},     {Phase::children, "children", "in_progress"},
      {Phase::completed, "completed", "completed"},   {Phase::failed, "failed", "failed"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(name(row.phase), row.phase_name);
    EXPECT_EQ(parse_phase(row.phase_name), row.phase);
    EXPECT_EQ(name(status_of(row.phase)), row.status);
    EXPECT_EQ(parse_task_status(row.status), status_of(row.phase));
  }
  EXPECT_FALSE(parse_phase("done"));
  EXPECT_FALSE(parse_task_status("ready"));
}

TEST(CleanupRecord, KnowsWhatEachOutcomeMeans) {
  const struct {
    std::string_view what;
    std::optional<Code> code;
    int attempts;
    Phase phase;
  } table[] = {
      {"success", std::nullopt, 1, Phase::completed},
      {"success at last", std::nullopt, 40, Phase::completed},
      {"absent is success", Code::not_found, 1, Phase::completed},
      {"busy", Code::busy, 1, Phase::backing_off},
      {"busy, eleven times", Code::busy, 11, Phase::backing_off},
      {"busy, twelve times: shown as stuck, and tried on", Code::busy, 12, Phase::stuck},
      {"busy without end", Code::busy, 5000, Phase::stuck},
      {"transient", Code::unavailable, 1, Phase::backing_off},
      {"the disk is full for long", Code::no_space, 12, Phase::stuck},
      {"transient without end", Code::exhausted, 5000, Phase::stuck},
      {"unknown", Code::timed_out, 1, Phase::backing_off},
      {"unknown, eleven times", Code::unknown, 11, Phase::backing_off},
      {"unknown for ever is given up", Code::timed_out, 12, Phase::failed},
      {"permanent", Code::internal, 1, Phase::failed},
      {"refused", Code::denied, 1, Phase::failed},
      {"a conflict", Code::conflict, 3, Phase::failed},
  };
  for (const auto& row : table) {
    const Status outcome = row.code ? Status(fail(*row.code, "cgroup /x: in use")) : Status();

    const auto task = cleanup::record(running(row.attempts), outcome, noon, 0.5);

    EXPECT_EQ(name(task.phase), name(row.phase)) << row.what;
    EXPECT_EQ(task.work.claim, 0) << row.what;
    const bool again = row.phase == Phase::backing_off || row.phase == Phase::stuck;
    EXPECT_EQ(task.work.next_attempt_at.has_value(), again) << row.what;
    if (again) {
      EXPECT_GT(*task.work.next_attempt_at, noon) << row.what;
    }
    EXPECT_EQ(task.completed_at.has_value(), row.phase == Phase::completed) << row.what;
    EXPECT_EQ(task.work.last_error, row.phase == Phase::completed ? "" : "cgroup /x: in use") << row.what;
    EXPECT_EQ(task.work.error_code, row.phase == Phase::completed ? "" : name(*row.code)) << row.what;
  }
}

TEST(CleanupRecord, PrefersTheReasonOfAnErrorAsItsCode) {
  const auto task = cleanup::record(running(1), fail(Code::busy, "two things are left", "still_present"), noon, 0);

  EXPECT_EQ(task.work.error_code, "still_present");
}

TEST(CleanupRecord, WaitsAsLongAsTheKindOfTroubleAsks) {
  const auto busy = cleanup::record(running(3), fail(Code::busy, "in use"), noon, 0.25);
  const auto down = cleanup::record(running(3), fail(Code::unavailable, "down"), noon, 0.25);

  EXPECT_EQ(*busy.work.next_attempt_at, noon + retry::delay(retry::Class::busy, 3, 0.25));
  EXPECT_EQ(*down.work.next_attempt_at, noon + retry::delay(retry::Class::transient, 3, 0.25));
  EXPECT_LT(*busy.work.next_attempt_at, *down.work.next_attempt_at);
}

RC_GTEST_PROP(CleanupRecord, NothingEverLeavesATaskUndecided, ()) {
  const auto code = static_cast<Code>(*rc::gen::inRange(0, static_cast<int>(Code::internal) + 1));
  const auto task = cleanup::record(running(*rc::gen::inRange(0, 100)), fail(code, "x"), noon, 0);

  const bool ended = task.phase == Phase::completed || task.phase == Phase::failed;
  RC_ASSERT(ended != task.work.next_attempt_at.has_value());
  RC_ASSERT(task.phase != Phase::running);
}

TEST(CleanupRetry, IsForWhatFailedOrWaitsForItsNextTry) {
  const struct {
    Phase phase;
    std::string_view answer;
  } table[] = {
      {Phase::failed, "fine"},
      {Phase::backing_off, "fine"},
      {Phase::stuck, "fine"},
      {Phase::waiting, "conflict task_not_failed"},
      {Phase::ready, "conflict task_not_failed"},
      {Phase::running, "conflict task_not_failed"},
      {Phase::children, "conflict task_not_failed"},
      {Phase::completed, "conflict task_not_failed"},
  };
  for (const auto& row : table) {
    Task task = running(5);
    task.phase = row.phase;

    const auto again = cleanup::retried(task, noon);

    EXPECT_EQ(outcome(again), row.answer) << name(row.phase);
    if (!again) continue;
    EXPECT_EQ(again->phase, Phase::ready);
    EXPECT_EQ(again->work.next_attempt_at, noon);
    EXPECT_EQ(again->work.last_error, task.work.last_error) << "what went wrong is told until it goes right";
  }
}

TEST(CleanupTask, IsCancelledSkippedAndRetriedOnlyWhereThatMeansSomething) {
  const auto now = service_time(1'000'000);
  for (const auto phase : {Phase::waiting, Phase::ready, Phase::running, Phase::children, Phase::backing_off,
                           Phase::stuck, Phase::completed, Phase::failed}) {
    Task task;
    task.id = {"clt_1"};
    task.verb = Verb::stop_sandbox;
    task.phase = phase;
    task.work.last_error = phase == Phase::failed ? "no" : "";
    const bool idle = phase == Phase::waiting || phase == Phase::ready || phase == Phase::backing_off ||
                      phase == Phase::stuck;
    EXPECT_EQ(cleanup::not_begun(phase), idle) << name(phase);
    EXPECT_EQ(cleanup::skipped(task, "user:ada", "gone", now).has_value(), idle || phase == Phase::failed);
    const bool waits = phase == Phase::backing_off || phase == Phase::stuck || phase == Phase::failed;
    EXPECT_EQ(cleanup::retried(task, now).has_value(), waits) << name(phase);
  }
  Task failed;
  failed.verb = Verb::stop_sandbox;
  failed.phase = Phase::failed;
  failed.work.last_error = "no";
  const auto skipped = cleanup::skipped(failed, "user:ada", "it is gone", now);
  ASSERT_TRUE(skipped);
  EXPECT_EQ(skipped->phase, Phase::completed);
  EXPECT_EQ(skipped->metadata.at("skipped_error"), "no");
  const auto cancelled = cleanup::cancelled(failed, "user:ada");
  EXPECT_EQ(cancelled.work.error_code, "cancelled");
  EXPECT_EQ(cancelled.work.last_error, "cancelled by user:ada");
}

}  // namespace
}  // namespace mayfly
