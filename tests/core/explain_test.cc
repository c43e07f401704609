#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/advice.h"
#include "core/explain.h"

namespace mayfly {
namespace {

using ::testing::HasSubstr;

Event event(const std::string& type, const std::string& actor, std::map<std::string, std::string> data = {}) {
  Event made;
  made.type = type;
  made.actor = actor;
  made.data = std::move(data);
  return made;
}

TEST(Explain, TellsEventsAsSentences) {
  EXPECT_EQ(explain::tell(event("sandbox.created", "user:ada", {{"image", "busybox"}})).text,
            "it was created, by user:ada (image: busybox)");
  EXPECT_EQ(explain::tell(event("sandbox.gone", "system:cleanup")).text,
            "nothing of it was left, and it was forgotten, by system:cleanup");
  EXPECT_EQ(explain::tell(event("sandbox.something_new", "user:ada")).text, "something new, by user:ada");
}

TEST(Explain, TellsWhyAndByWhomItWasDeleted) {
  const auto accepted =
      event("sandbox.delete_accepted", "system:deadline", {{"reason", "idle"}, {"archive", "required"}});
  EXPECT_EQ(explain::ending({event("sandbox.created", "user:ada")}), std::nullopt);

  const auto under_way = *explain::ending({accepted});
  EXPECT_THAT(under_way, HasSubstr("system:deadline had it deleted"));
  EXPECT_THAT(under_way, HasSubstr("because nobody had used it for its idle time, after an archive"));
  EXPECT_THAT(under_way, HasSubstr("that is under way"));

  const auto over = *explain::ending({accepted, event("archive.verified", "system:cleanup", {{"archive", "arc_1"}}),
                                      event("sandbox.gone", "system:cleanup")});
  EXPECT_THAT(over, HasSubstr("its files are in arc_1; nothing of it was left at"));

  const auto waived = *explain::ending({accepted, event("sandbox.archive_waived", "user:ada")});
  EXPECT_THAT(waived, HasSubstr("its archive was waived"));
}

TEST(Explain, HasWordsForEveryReasonAndArchive) {
  const std::map<std::string, std::string> reasons = {
      {"request", "it was asked for"},        {"max_age", "its age had reached max_age"},
      {"idle", "nobody had used it"},         {"at", "its absolute deadline had come"},
      {"retention", "its retention was over"}, {"stale", "a sweep found it unused"},
      {"orphan", "no record knew it"},        {"abandoned", "what made it had ended"},
      {"files_missing", "its files were missing"}, {"", "for no recorded reason"}, {"cascade", "because of: cascade"}};
  for (const auto& [reason, words] : reasons)
    EXPECT_THAT(*explain::ending({event("volume.delete_accepted", "user:ada", {{"reason", reason}})}),
                HasSubstr(words));
  const std::map<std::string, std::string> archives = {
      {"waived", ", without an archive"}, {"required", ", after an archive"}, {"wanted", "if one could be made"}};
  for (const auto& [archive, words] : archives)
    EXPECT_THAT(*explain::ending({event("volume.delete_accepted", "user:ada", {{"archive", archive}})}),
                HasSubstr(words));
}

TEST(Explain, NamesTheClockOfWhatStandsStillAndOfAnInstant) {
  const Moment now{service_time(1'000'000), wall_time(1'000'000)};
  LifetimePolicy policy;
  policy.at = wall_time(61'000'000);
  auto life = lifetime::begin({"sbx_1"}, State::running, policy, now);
  EXPECT_THAT(explain::deadlines(life, now, {}).at(0).text, HasSubstr("at (an instant of the wall clock)"));
  policy = {};
  policy.max_age = 60s;
  life = lifetime::begin({"sbx_1"}, State::running, policy, now);
  ASSERT_TRUE(lifetime::extend(life, {.by = 60s, .until = {}}, now, {}));
  EXPECT_THAT(explain::deadlines(life, now, {}).at(1).text, HasSubstr("it was kept alive until"));
  lifetime::halt(life, State::stopped, 3600s, now, {});
  const auto halted = explain::deadlines(life, now, {});
  EXPECT_THAT(halted.front().text, HasSubstr("retention ("));
  EXPECT_THAT(halted.back().text, HasSubstr("stand still since"));
  lifetime::end(life, State::deleting);
  EXPECT_TRUE(explain::deadlines(life, now, {}).empty());
}

TEST(Explain, HasWordsForEveryPhaseOfAStep) {
  const auto now = service_time(1'000'000);
  const auto told = [&](Phase phase, std::optional<Time> again = {}) {
    Task task;
    task.id = {"clt_1"};
    task.verb = Verb::stop_sandbox;
    task.phase = phase;
    task.work.attempts = 2;
    task.work.last_error = "busy";
    task.work.next_attempt_at = again;
    const auto lines = explain::steps({task}, now);
    return lines.empty() ? std::string() : lines.front().text;
  };
  EXPECT_THAT(told(Phase::waiting), HasSubstr("waits for the steps before it"));
  EXPECT_THAT(told(Phase::ready), HasSubstr("waits for a worker"));
  EXPECT_THAT(told(Phase::running), HasSubstr("is under way"));
  EXPECT_THAT(told(Phase::children), HasSubstr("waits for what is below it"));
  EXPECT_THAT(told(Phase::failed), HasSubstr("has failed after 2 attempts: busy"));
  EXPECT_THAT(told(Phase::stuck, now + 60s), HasSubstr("is stuck and waits until"));
  EXPECT_THAT(told(Phase::backing_off, now), HasSubstr("is tried again now after 2 attempts: busy"));
  EXPECT_EQ(told(Phase::completed), "");
}

TEST(Explain, NamesEveryClockTheDecidingOneFirst) {
  LifetimePolicy policy;
  policy.max_age = 3600s;
  policy.idle = 60s;
  policy.limit = 7200s;
  const Moment now{service_time(1'000'000), wall_time(1'000'000)};
  auto life = lifetime::begin({"sbx_1"}, State::running, policy, now);

  const auto lines = explain::deadlines(life, now, {});

  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0].text, HasSubstr("its deadline idle (1m"));
  EXPECT_EQ(lines[0].at, now.now + 60s);
  EXPECT_THAT(lines[1].text, HasSubstr("its limit"));
  EXPECT_THAT(explain::deadlines(lifetime::begin({"sbx_1"}, State::running, {}, now), now, {}).at(0).text,
              HasSubstr("no deadline is set"));
  lifetime::end(life, State::deleting);
  EXPECT_TRUE(explain::deadlines(life, now, {}).empty());
}

TEST(Explain, TellsWhatEachStepWaitsFor) {
  const auto step = [](Phase phase) {
    Task task;
    task.id = {"clt_2"};
    task.root = {"clt_1"};
    task.verb = Verb::archive_sandbox;
    task.phase = phase;
    task.work.attempts = 3;
    task.work.last_error = "disk full";
    task.work.next_attempt_at = service_time(5'000'000);
    return task;
  };
  const auto told = [&](Phase phase) {
    const auto lines = explain::steps({step(phase)}, service_time(1'000'000));
    return lines.empty() ? std::string("nothing") : lines.at(0).text;
  };
  EXPECT_EQ(told(Phase::completed), "nothing");
  EXPECT_THAT(told(Phase::waiting), HasSubstr("waits for the steps before it"));
  EXPECT_THAT(told(Phase::ready), HasSubstr("waits for a worker"));
  EXPECT_THAT(told(Phase::running), HasSubstr("is under way"));
  EXPECT_THAT(told(Phase::backing_off),
              HasSubstr("waits until 1970-01-01T00:00:05.000000Z after 3 attempts: disk full"));
  EXPECT_THAT(told(Phase::stuck), HasSubstr("is stuck"));
  EXPECT_THAT(told(Phase::failed), HasSubstr("mayfly cleanup retry clt_1"));
}

TEST(Advice, HasWordsForEveryTrouble) {
  for (int each = 0; each <= static_cast<int>(reconcile::Trouble::skipped); ++each) {
    const auto trouble = static_cast<reconcile::Trouble>(each);
    const auto& advice = reconcile::advise(trouble);
    EXPECT_FALSE(reconcile::name(trouble).empty());
    EXPECT_FALSE(advice.by_itself.empty()) << reconcile::name(trouble);
    EXPECT_FALSE(advice.to_do.empty()) << reconcile::name(trouble);
    EXPECT_EQ(advice.fix.empty(), advice.remedy == reconcile::Remedy::none) << reconcile::name(trouble);
  }
}

}  // namespace
}  // namespace mayfly
