#include "store/both_stores.h"

namespace mayfly {
namespace {

class TaskTables : public BothStores {
 protected:
  void given(const Task& task) {
    write(store(), [&](Transaction& t) { return t.tasks().insert(task); });
  }
  Task stored(int number) {
    return read([&](Transaction& t) { return t.tasks().get(task_id(number)); });
  }
  Task child(int number, int parent, int stage, Phase phase = Phase::waiting, Verb verb = Verb::stop_sandbox) {
    auto task = given_task(number, verb, phase);
    task.root = task_id(1);
    task.parent = task_id(parent);
    task.stage = stage;
    return task;
  }
  std::string listed(const TaskFilter& filter, const Page& page = {}) {
    return numbers(read([&](Transaction& t) { return t.tasks().list(filter, page); }));
  }
  /// Of the line of sandboxes of workspace 1, what nobody hurries for.
  std::string claimable(Lane lane, int second, std::size_t limit = 10) {
    return numbers(read([&](Transaction& t) {
      return t.tasks().claimable({lane, workspace_id(1), Kind::sandbox}, Priority::user, at(second), limit);
    }));
  }
  /// "1 sandbox, 2 archive": workspaces by number.
  std::string lines(Lane lane, const ResourceId& from = {}, std::size_t limit = 10) {
    std::string text;
    for (const auto& line : read([&](Transaction& t) { return t.tasks().lines(lane, from, limit); }))
      text += (text.empty() ? "" : ", ") + std::to_string(std::stoi(line.workspace.text.substr(30))) + " " +
              std::string(describe(line.kind).name);
    return text;
  }
};
FOR_BOTH_STORES(TaskTables);

TEST_P(TaskTables, KeepEveryMember) {
  given(full_task(5));
  EXPECT_EQ(as_text(stored(5)), as_text(full_task(5)));

  auto task = full_task(5);
  task.metadata = {};
  task.phase = Phase::completed;
  task.work = {};
  task.started_at.reset();
  write(store(), [&](Transaction& t) { return t.tasks().update(task); });

  EXPECT_EQ(as_text(stored(5)), as_text(task));
}

TEST_P(TaskTables, RefuseAKnownIdAndMissAnUnknownOne) {
  given(given_task(1));

  EXPECT_EQ(outcome(store().write([](Transaction& t) { return t.tasks().insert(given_task(1)); })),
            "conflict id_taken");
  EXPECT_EQ(outcome(store().read([](Transaction& t) { return t.tasks().get(task_id(2)); })), "not_found");
}

TEST_P(TaskTables, ShowATreeAndItsStages) {
  given(given_task(1, Verb::delete_sandbox, Phase::children));
  given(child(4, 1, 1));
  given(child(2, 1, 2));
  given(child(3, 1, 1));
  given(child(5, 4, 1));
  given(given_task(9));

  EXPECT_EQ(numbers(read([](Transaction& t) { return t.tasks().children(task_id(1)); })), "3 4 2");
  EXPECT_EQ(numbers(read([](Transaction& t) { return t.tasks().children(task_id(9)); })), "");
  EXPECT_EQ(numbers(read([](Transaction& t) { return t.tasks().children({}); })), "");
  EXPECT_EQ(numbers(read([](Transaction& t) { return t.tasks().tree(task_id(1)); })), "1 2 3 4 5");
  EXPECT_EQ(numbers(read([](Transaction& t) { return t.tasks().tree(task_id(9)); })), "9");
}

TEST_P(TaskTables, OpenOneStageAfterTheOther) {
  given(given_task(1, Verb::delete_sandbox, Phase::children));
  given(child(2, 1, 1));
  given(child(3, 1, 1));
  given(child(4, 1, 3));
  const auto open = [&] { return read([](Transaction& t) { return t.tasks().open_stage(task_id(1)); }); };
  const auto end = [&](int number, Phase phase) {
    auto task = stored(number);
    task.phase = phase;
    write(store(), [&](Transaction& t) { return t.tasks().update(task); });
  };

  EXPECT_EQ(open(), (OpenStage{1, true}));
  end(2, Phase::completed);
  EXPECT_EQ(open(), (OpenStage{1, true}));
  end(3, Phase::running);
  EXPECT_EQ(open(), (OpenStage{1, true}));
  end(3, Phase::failed);
  EXPECT_EQ(open(), (OpenStage{1, false})) << "what comes after it does not count";
  end(3, Phase::completed);
  EXPECT_EQ(open(), (OpenStage{3, true}));
  end(4, Phase::completed);
  EXPECT_EQ(open(), std::nullopt);
}

TEST_P(TaskTables, GiveChildrenByStageAndStatus) {
  given(given_task(1, Verb::delete_sandbox, Phase::children));
  given(child(2, 1, 2, Phase::waiting));
  given(child(3, 1, 1, Phase::ready));
  given(child(4, 1, 1, Phase::running));
  given(child(5, 1, 1, Phase::stuck));
  given(child(6, 1, 1, Phase::completed));
  given(child(7, 1, 1, Phase::failed));
  const auto in = [&](std::optional<int> stage, TaskStatus status, std::size_t limit = 10) {
    return numbers(read([&](Transaction& t) { return t.tasks().children_in(task_id(1), stage, status, limit); }));
  };

  EXPECT_EQ(in(1, TaskStatus::pending), "3 5");
  EXPECT_EQ(in(1, TaskStatus::pending, 1), "3");
  EXPECT_EQ(in(2, TaskStatus::pending), "2");
  EXPECT_EQ(in(std::nullopt, TaskStatus::pending), "2 3 5") << "the last stages first";
  EXPECT_EQ(in(1, TaskStatus::in_progress), "4");
  EXPECT_EQ(in(std::nullopt, TaskStatus::failed), "7");
  EXPECT_EQ(numbers(read([](Transaction& t) { return t.tasks().last_of(task_id(1), 3); })), "7 6 5");
  const auto phases = read([](Transaction& t) { return t.tasks().by_phase(task_id(1)); });
  ASSERT_EQ(phases.size(), 7u);
  EXPECT_EQ(phases.front(), (PhaseCount{Phase::waiting, 1, given_task(2).created_at}));
}

TEST_P(TaskTables, ShowTheLinesInWhichTasksWait) {
  const auto waits = [&](int number, int workspace, Verb verb, int second) {
    auto task = given_task(number, verb, Phase::ready);
    task.workspace = workspace_id(workspace);
    task.work.next_attempt_at = at(second);
    given(task);
  };
  waits(1, 2, Verb::stop_sandbox, 10);
  waits(2, 1, Verb::destroy_volume, 90);
  waits(3, 1, Verb::stop_sandbox, 10);
  waits(4, 1, Verb::destroy_sandbox, 10);
  waits(5, 3, Verb::archive_sandbox, 10);
  auto last = given_task(6, Verb::stop_sandbox, Phase::ready);
  last.priority = Priority::orphan;
  last.work.next_attempt_at = at(1);
  given(last);

  EXPECT_EQ(lines(Lane::fast), "1 sandbox, 1 volume, 2 sandbox");
  EXPECT_EQ(lines(Lane::fast, workspace_id(2)), "2 sandbox");
  EXPECT_EQ(lines(Lane::fast, {}, 2), "1 sandbox, 1 volume");
  EXPECT_EQ(lines(Lane::slow), "3 sandbox");
  EXPECT_EQ(claimable(Lane::fast, 30), "3 4") << "that of an orphan is asked for by itself";
  const TaskLine line{Lane::fast, workspace_id(1), Kind::sandbox};
  EXPECT_EQ(numbers(read([&](Transaction& t) { return t.tasks().claimable(line, Priority::orphan, at(30), 9); })), "6");
  EXPECT_EQ(read([](Transaction& t) { return t.tasks().next_attempt(Lane::fast, at(10)); }), at(90));
}

TEST_P(TaskTables, CountWhatIsClaimedAndWhatIsBeingDeleted) {
  auto claimed = given_task(1, Verb::stop_sandbox, Phase::running);
  claimed.work.claim = 7;
  given(claimed);
  given(given_task(2, Verb::delete_sandbox, Phase::children));
  given(given_task(3, Verb::delete_volume, Phase::ready));
  given(given_task(4, Verb::delete_archive, Phase::children));
  given(given_task(5, Verb::delete_sandbox, Phase::failed));

  EXPECT_EQ(read([](Transaction& t) { return t.tasks().claimed(); }),
            (std::vector<ClaimedTasks>{{workspace_id(1), Verb::stop_sandbox, 1}}));
  EXPECT_EQ(read([](Transaction& t) { return t.tasks().open_deletes(workspace_id(1)); }), 2);
  EXPECT_EQ(read([](Transaction& t) { return t.tasks().open_deletes(workspace_id(2)); }), 0);
}

TEST_P(TaskTables, ForgetTreesThatCompletedLongAgo) {
  for (const int number : {1, 2, 3}) {
    auto root = given_task(number, Verb::delete_sandbox, number == 3 ? Phase::failed : Phase::completed);
    root.completed_at = at(40 - 10 * number);
    given(root);
  }
  const auto old = [&](int second) {
    std::string text;
    for (const auto& id : read([&](Transaction& t) { return t.tasks().completed_before(at(second), 9); }))
      text += std::to_string(std::stoi(id.text.substr(30))) + " ";
    return text;
  };

  EXPECT_EQ(old(100), "2 1 ");
  EXPECT_EQ(old(30), "2 ");
  write(store(), [](Transaction& t) { return t.tasks().remove(given_task(2, Verb::delete_sandbox)); });

  EXPECT_EQ(old(100), "1 ");
  const std::vector<std::pair<TaskStatus, std::int64_t>> left = {{TaskStatus::completed, 1}, {TaskStatus::failed, 1}};
  EXPECT_EQ(read([](Transaction& t) { return t.tasks().count_by_status(); }), left);
}

TEST_P(TaskTables, OfferWhatIsDueAndUnclaimedByLane) {
  const auto waits = [&](int number, Phase phase, std::optional<int> second, std::int64_t claim = 0,
                         Verb verb = Verb::stop_sandbox) {
    auto task = child(number, 1, 1, phase, verb);
    task.work.next_attempt_at = second ? std::optional(at(*second)) : std::nullopt;
    task.work.claim = claim;
    given(task);
  };
  waits(2, Phase::ready, 20);
  waits(3, Phase::backing_off, 10);
  waits(4, Phase::stuck, 10);
  waits(5, Phase::ready, 31);
  waits(6, Phase::waiting, 10);
  waits(7, Phase::running, 10, 7);
  waits(8, Phase::failed, 10);
  waits(9, Phase::ready, std::nullopt);
  waits(10, Phase::ready, 10, 7);
  waits(11, Phase::ready, 15, 0, Verb::archive_sandbox);
  const auto next = [&](Lane lane) {
    return read([&](Transaction& t) { return t.tasks().next_attempt(lane, at(1)); });
  };

  EXPECT_EQ(claimable(Lane::fast, 30), "3 4 2");
  EXPECT_EQ(claimable(Lane::fast, 30, 1), "3");
  EXPECT_EQ(claimable(Lane::fast, 9), "");
  EXPECT_EQ(claimable(Lane::slow, 30), "11");
  EXPECT_EQ(next(Lane::fast), at(10));
  EXPECT_EQ(next(Lane::slow), at(15));
}

TEST_P(TaskTables, OfferATaskNoLongerOnceItIsClaimedInTheSameTransaction) {
  given(given_task(1));

  write(store(), [](Transaction& t) -> Status {
    const TaskLine line{Lane::fast, workspace_id(1), Kind::sandbox};
    auto due = TRY(t.tasks().claimable(line, Priority::user, at(30), 10));
    EXPECT_EQ(numbers(due), "1");
    due[0].work.claim = 7;
    due[0].phase = Phase::running;
    TRY(t.tasks().update(due[0]));
    EXPECT_EQ(numbers(TRY(t.tasks().claimable(line, Priority::user, at(30), 10))), "");
    return {};
  });

  EXPECT_EQ(read([](Transaction& t) { return t.tasks().next_attempt(Lane::fast, at(1)); }),
            std::nullopt);
}

TEST_P(TaskTables, ReleaseTheClaimsOfTheDeadAndKeepTheirOwn) {
  const auto claimed = [&](int number, Phase phase, std::int64_t claim) {
    auto task = given_task(number, Verb::stop_sandbox, phase);
    task.work.claim = claim;
    task.work.attempts = 2;
    given(task);
  };
  claimed(1, Phase::running, 6);
  claimed(2, Phase::running, 7);
  claimed(3, Phase::children, 5);

  write(store(), [](Transaction& t) { return t.tasks().release_claims_of_others(7, at(50)); });

  EXPECT_EQ(claimable(Lane::fast, 50), "1");
  EXPECT_EQ(stored(1).phase, Phase::ready);
  EXPECT_EQ(stored(1).work.attempts, 2);
  EXPECT_EQ(stored(2).work.claim, 7);
  EXPECT_EQ(stored(2).phase, Phase::running);
  EXPECT_EQ(stored(3).work.claim, 0);
  EXPECT_EQ(stored(3).phase, Phase::children);
}

TEST_P(TaskTables, ReleasingClaimsBringsBackWhatWaitsByAClockThatWasSetBack) {
  for (const auto& [number, seconds] : {std::pair(1, 300), std::pair(2, 7200)}) {
    auto task = given_task(number, Verb::stop_sandbox, Phase::backing_off);
    task.work.next_attempt_at = at(seconds);
    given(task);
  }

  write(store(), [](Transaction& t) { return t.tasks().release_claims_of_others(7, at(50)); });

  EXPECT_EQ(stored(1).work.next_attempt_at, at(300));
  EXPECT_EQ(stored(2).work.next_attempt_at, at(50));
}

TEST_P(TaskTables, ListByWhatIsAskedFor) {
  given(given_task(1, Verb::delete_sandbox, Phase::children));
  given(child(2, 1, 1, Phase::ready));
  given(given_task(3, Verb::delete_archive, Phase::failed));
  auto other = given_task(4, Verb::delete_sandbox, Phase::stuck);
  other.workspace = workspace_id(2);
  other.resource = sandbox_id(2);
  given(other);

  EXPECT_EQ(listed({}), "4 3 1");
  EXPECT_EQ(listed({.workspace = {}, .status = {}, .resource = {}, .steps = true}), "4 3 2 1");
  EXPECT_EQ(listed({.workspace = workspace_id(1), .status = {}, .resource = {}}), "3 1");
  EXPECT_EQ(listed({.workspace = {}, .status = TaskStatus::failed, .resource = {}}), "3");
  EXPECT_EQ(listed({.workspace = {}, .status = TaskStatus::pending, .resource = {}}), "4");
  EXPECT_EQ(listed({.workspace = workspace_id(1), .status = TaskStatus::in_progress, .resource = {}}), "1");
  EXPECT_EQ(listed({.workspace = {}, .status = {}, .resource = sandbox_id(2)}), "4");
  EXPECT_EQ(listed({}, {.before = task_id(4).text, .limit = 1}), "3");
  EXPECT_EQ(listed({}, {.before = task_id(3).text, .limit = 5}), "1");
}

TEST_P(TaskTables, CountResourceLevelOnesByStatus) {
  given(given_task(1, Verb::delete_sandbox, Phase::ready));
  given(given_task(2, Verb::delete_sandbox, Phase::stuck));
  given(given_task(3, Verb::delete_archive, Phase::completed));
  given(given_task(4, Verb::stop_sandbox, Phase::failed));

  const auto counts = read([](Transaction& t) { return t.tasks().count_by_status(); });

  EXPECT_EQ(counts,
            (std::vector<std::pair<TaskStatus, std::int64_t>>{{TaskStatus::pending, 2}, {TaskStatus::completed, 1}}));
}

TEST_P(TaskTables, TellWhatIsOpenByVerbAndSinceWhen) {
  given(given_task(1, Verb::delete_sandbox, Phase::stuck));
  given(given_task(2, Verb::delete_sandbox, Phase::ready));
  given(given_task(3, Verb::delete_archive, Phase::completed));
  given(given_task(4, Verb::stop_sandbox, Phase::failed));
  given(given_task(5, Verb::delete_archive, Phase::failed));

  const auto open = read([](Transaction& t) { return t.tasks().open_by_verb(); });

  const std::vector<OpenTasks> expected = {
      {Verb::delete_sandbox, TaskStatus::pending, 2, given_task(1).created_at},
      {Verb::delete_archive, TaskStatus::failed, 1, given_task(5).created_at}};
  EXPECT_EQ(open, expected);
}

}  // namespace
}  // namespace mayfly
