#include "store/both_stores.h"

namespace mayfly {
namespace {

class CleanupRecords : public BothStores {
 protected:
  std::string attempts_of(int task) {
    std::string text;
    for (const auto& row : read([&](Transaction& t) { return t.cleanup_records().attempts(task_id(task)); }))
      text += std::to_string(row.number) + (row.error_code.empty() ? "" : ":" + row.error_code) + " ";
    return text;
  }
  void tries(int task, const std::string& code) {
    write(store(), [&](Transaction& t) {
      return t.cleanup_records().add_attempt({task_id(task), 0, at(1), at(2), code, code.empty() ? "" : "it said no"});
    });
  }
};
FOR_BOTH_STORES(CleanupRecords);

TEST_P(CleanupRecords, NumberTheAttemptsOfATaskAndKeepTheLastTwenty) {
  tries(1, "busy");
  tries(2, "gone");
  tries(1, "");

  EXPECT_EQ(attempts_of(1), "1:busy 2 ");
  EXPECT_EQ(attempts_of(2), "1:gone ");
  const auto first = read([](Transaction& t) { return t.cleanup_records().attempts(task_id(1)); }).front();
  EXPECT_EQ(first.began_at, at(1));
  EXPECT_EQ(first.ended_at, at(2));
  EXPECT_EQ(first.error, "it said no");

  for (int i = 0; i < 25; ++i) tries(2, "gone");
  const auto kept = read([](Transaction& t) { return t.cleanup_records().attempts(task_id(2)); });
  EXPECT_EQ(kept.size(), 20u);
  EXPECT_EQ(kept.front().number, 7);
  EXPECT_EQ(kept.back().number, 26);

  write(store(), [](Transaction& t) { return t.cleanup_records().remove_attempts(task_id(2)); });
  EXPECT_EQ(attempts_of(2), "");
  EXPECT_EQ(attempts_of(1), "1:busy 2 ");
}

TEST_P(CleanupRecords, KeepPausesByScope) {
  const auto pause = [&](const std::string& scope, const std::string& reason, bool tripped) {
    write(store(), [&](Transaction& t) {
      return t.cleanup_records().put_pause({scope, reason, "user:admin", at(5), tripped});
    });
  };
  pause("workspace:w", "look first", false);
  pause("all", "upgrade", true);
  pause("workspace:w", "still looking", false);

  const auto all = read([](Transaction& t) { return t.cleanup_records().pauses(); });
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].scope, "all");
  EXPECT_TRUE(all[0].tripped);
  EXPECT_EQ(all[0].actor, "user:admin");
  EXPECT_EQ(all[0].at, at(5));
  EXPECT_EQ(all[1].reason, "still looking");
  const auto remove = [&] {
    return must(store().write([](Transaction& t) { return t.cleanup_records().remove_pause("all"); }));
  };
  EXPECT_TRUE(remove());
  EXPECT_FALSE(remove());
}

TEST_P(CleanupRecords, KeepWhatWasSkipped) {
  const auto skip = [&](int number, const std::string& reason) {
    write(store(), [&](Transaction& t) {
      return t.cleanup_records().put_orphan({task_id(number), task_id(1), sandbox_id(1), workspace_id(1),
                                             Verb::destroy_sandbox, reason, "user:admin", at(3)});
    });
  };
  skip(3, "disk was taken out");
  skip(2, "host is gone");
  const auto after = [&](const TaskId& id, std::size_t limit) {
    std::string text;
    for (const auto& row : read([&](Transaction& t) { return t.cleanup_records().orphans(id, limit); }))
      text += row.reason + "; ";
    return text;
  };

  EXPECT_EQ(after({}, 9), "host is gone; disk was taken out; ");
  EXPECT_EQ(after({}, 1), "host is gone; ");
  EXPECT_EQ(after(task_id(2), 9), "disk was taken out; ");
  const auto row = read([](Transaction& t) { return t.cleanup_records().orphans({}, 1); }).front();
  EXPECT_EQ(row.task, task_id(2));
  EXPECT_EQ(row.root, task_id(1));
  EXPECT_EQ(row.resource, sandbox_id(1));
  EXPECT_EQ(row.workspace, workspace_id(1));
  EXPECT_EQ(row.verb, Verb::destroy_sandbox);
  EXPECT_EQ(row.at, at(3));
  const auto remove = [&] {
    return must(store().write([](Transaction& t) { return t.cleanup_records().remove_orphan(task_id(2)); }));
  };
  EXPECT_TRUE(remove());
  EXPECT_FALSE(remove());
}

}  // namespace
}  // namespace mayfly
