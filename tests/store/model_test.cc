// Both stores are told the same random story and must agree on every answer and every row.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "store/given.h"
#include "store/memory/store.h"
#include "store/sqlite/store.h"

namespace mayfly {
namespace {

State any_state() {
  return *rc::gen::element(State::requested, State::starting, State::running, State::pausing, State::paused,
                           State::stopping, State::stopped, State::failed, State::deleting, State::gone);
}

std::optional<Time> any_time() {
  const int second = *rc::gen::inRange(0, 20);
  return second == 0 ? std::nullopt : std::optional(at(second));
}

Sandbox any_sandbox() {
  auto sandbox = given_sandbox(*rc::gen::inRange(1, 9), "n" + std::to_string(*rc::gen::inRange(0, 3)), any_state());
  sandbox.resource.workspace = workspace_id(*rc::gen::inRange(1, 3));
  sandbox.resource.name_held = *rc::gen::arbitrary<bool>();
  sandbox.resource.generation = *rc::gen::inRange(0, 3);
  if (*rc::gen::arbitrary<bool>()) sandbox.resource.labels["l"] = std::to_string(*rc::gen::inRange(0, 2));
  if (*rc::gen::arbitrary<bool>()) sandbox.spec.restore_from = archive_id(1).text;
  if (*rc::gen::arbitrary<bool>()) sandbox.started_at = at(1);
  sandbox.spec.image = *rc::gen::element<std::string>("busybox", "debian");
  sandbox.work.claim = *rc::gen::inRange(0, 3);
  sandbox.work.next_attempt_at = any_time();
  sandbox.lifetime.wake_at = any_time();
  return sandbox;
}

Task any_task() {
  auto task = given_task(*rc::gen::inRange(1, 12),
                         *rc::gen::element(Verb::delete_sandbox, Verb::stop_sandbox, Verb::archive_sandbox));
  // What a task is follows from its id: an update never changes it.
  const int number = std::stoi(task.id.text.substr(30));
  task.verb = number % 3 == 0 ? Verb::delete_sandbox : number % 3 == 1 ? Verb::stop_sandbox : Verb::archive_sandbox;
  task.parent = number < 4 ? TaskId() : task_id(number % 3 + 1);
  task.root = number < 4 ? task.id : task.parent;
  task.stage = number / 4;
  task.workspace = workspace_id(number % 2 + 1);
  task.phase = *rc::gen::element(Phase::waiting, Phase::ready, Phase::backing_off, Phase::stuck, Phase::running,
                                 Phase::children, Phase::completed, Phase::failed);
  task.work.claim = *rc::gen::inRange(0, 3);
  task.work.next_attempt_at = any_time();
  return task;
}

template <class Row>
std::string texts(const Result<std::vector<Row>>& rows) {
  std::string all;
  for (const auto& row : *rows) all += as_text(row) + "\n";
  return all;
}

/// Everything that can be asked, with a few arguments.
std::string all_answers(Transaction& t) {
  std::string all;
  for (int workspace = 1; workspace <= 2; ++workspace) {
    for (const auto* image : {"", "debian"})
      for (const bool labelled : {false, true})
        for (const std::vector<State>& states : {std::vector<State>{}, {State::gone, State::running}})
          for (const int before : {0, 5}) {
            SandboxFilter filter{workspace_id(workspace), states, {}, image};
            if (labelled) filter.labels = {{"l", "1"}};
            all += texts(t.sandboxes().list(filter, {before ? sandbox_id(before).text : "", 3}));
          }
    for (const auto* name : {"n0", "n1", "n2"}) {
      const auto found = *t.sandboxes().find_named(workspace_id(workspace), name);
      all += found ? as_text(*found) : "nobody ";
    }
    for (const bool steps : {false, true})
      for (const auto status : {TaskStatus::pending, TaskStatus::failed})
        all += texts(t.tasks().list({workspace_id(workspace), status, {}, steps}, {task_id(9).text, 4}));
  }
  for (const auto lane : {Lane::fast, Lane::slow}) {
    all += texts(t.sandboxes().claimable(lane, at(10), 3));
    for (const auto& line : must(t.tasks().lines(lane, {}, 9)))
      for (const auto priority : {Priority::user, Priority::retention})
        all += line.workspace.text + texts(t.tasks().claimable(line, priority, at(10), 3));
    for (const auto next : {*t.sandboxes().next_attempt(lane), *t.tasks().next_attempt(lane, at(5))})
      all += next ? std::to_string(microseconds(*next)) : "never ";
  }
  all += texts(t.sandboxes().scan(sandbox_id(2).text, 4)) + texts(t.lifetimes().waking(at(10), 3));
  for (int root = 1; root < 4; ++root) {
    all += texts(t.tasks().tree(task_id(root))) + texts(t.tasks().children(task_id(root)));
    const auto open = must(t.tasks().open_stage(task_id(root)));
    all += open ? std::to_string(open->stage) + (open->moves ? " moves " : " stands ") : "none ";
    for (const auto status : {TaskStatus::pending, TaskStatus::in_progress, TaskStatus::failed}) {
      all += texts(t.tasks().children_in(task_id(root), std::nullopt, status, 3));
      all += texts(t.tasks().children_in(task_id(root), 1, status, 3));
    }
    for (const auto& [phase, count, oldest] : must(t.tasks().by_phase(task_id(root))))
      all += std::string(name(phase)) + std::to_string(count) + " " + std::to_string(microseconds(oldest)) + " ";
    all += texts(t.tasks().last_of(task_id(root), 2));
  }
  for (const auto& [workspace, verb, count] : must(t.tasks().claimed()))
    all += workspace.text + std::string(name(verb)) + std::to_string(count) + " ";
  for (int workspace = 1; workspace < 3; ++workspace) {
    all += std::to_string(must(t.tasks().open_deletes(workspace_id(workspace)))) + " of ";
    all += std::to_string(must(t.usage().things(workspace_id(workspace), 1'000))) + " ";
  }
  for (const auto& [state, count] : must(t.sandboxes().count_by_state()))
    all += std::string(name(state)) + std::to_string(count);
  for (const auto& [status, count] : must(t.tasks().count_by_status()))
    all += std::string(name(status)) + std::to_string(count);
  all += *t.sandboxes().restores_from(archive_id(1)) ? "restores" : "does not";
  all += *t.sandboxes().uses_image("sha256:busy") ? "uses" : "does not";
  return all;
}

std::string answers_of(Store& store) {
  return must(store.read([](Transaction& t) -> Result<std::string> { return all_answers(t); }));
}

Status do_it(Transaction& t, const std::vector<Sandbox>& sandboxes, const std::vector<Task>& tasks, bool release,
             bool fails) {
  for (const auto& sandbox : sandboxes) {
    if (t.sandboxes().get(sandbox.resource.id)) TRY(t.sandboxes().update(sandbox));
    else TRY(t.sandboxes().insert(sandbox));
  }
  for (const auto& task : tasks) {
    if (t.tasks().get(task.id)) TRY(t.tasks().update(task));
    else TRY(t.tasks().insert(task));
  }
  if (release) {
    TRY(t.sandboxes().release_claims_of_others(1, at(3)));
    TRY(t.tasks().release_claims_of_others(1, at(3)));
  }
  return fails ? Status(fail(Code::denied, "no")) : Status();
}

RC_GTEST_PROP(Model, AgreesWithTheSqlStoreOnEveryAnswer, ()) {
  ManualClock clock;
  TemporaryFolder folder;
  MemoryStore memory(clock);
  auto sqlite = must(SqliteStore::open({.path = folder.file("store.db")}, clock));
  const int rounds = *rc::gen::inRange(1, 8);
  for (int round = 0; round < rounds; ++round) {
    const auto sandboxes = *rc::gen::container<std::vector<Sandbox>>(rc::gen::exec(any_sandbox));
    const auto tasks = *rc::gen::container<std::vector<Task>>(rc::gen::exec(any_task));
    const bool release = *rc::gen::inRange(0, 5) == 0;
    const bool fails = *rc::gen::inRange(0, 5) == 0;
    const auto body = [&](Transaction& t) { return do_it(t, sandboxes, tasks, release, fails); };

    const auto one = memory.write(body);
    const auto other = sqlite->write(body);
    RC_ASSERT(outcome(one) == outcome(other));
    if (!one) RC_ASSERT(one.error().message == other.error().message);
    RC_ASSERT(answers_of(memory) == answers_of(*sqlite));
  }
}

}  // namespace
}  // namespace mayfly
