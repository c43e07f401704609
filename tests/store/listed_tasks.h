#pragma once
// Tasks full of ties and nulls, for the tests of lists.

#include "core/query/evaluate.h"
#include "store/given.h"

namespace mayfly {

/// In the order of their ids; the last three lie in workspace 2.
inline std::vector<Task> listed_tasks() {
  constexpr std::array verbs = {Verb::delete_sandbox, Verb::delete_archive, Verb::delete_volume};
  constexpr std::array phases = {Phase::children, Phase::completed, Phase::failed, Phase::waiting, Phase::completed};
  std::vector<Task> all;
  for (int number = 1; number <= 27; ++number) {
    auto task = given_task(number, verbs[static_cast<std::size_t>(number * 7 % 3)],
                           phases[static_cast<std::size_t>(number * 11 % 5)]);
    task.created_at = at(100 + number / 4);
    task.work.attempts = number * 5 % 3;
    task.resource = sandbox_id(number % 4);
    if (number % 3 != 0) task.completed_at = at(200 + number * 13 % 4);
    if (number % 4 == 0) task.source = {};
    else task.source = event_id(number % 5 + 1);
    if (number % 5 == 0) task.work.last_error = number % 2 ? "Disk is FULL: 100%" : "no answer [yet] from a_b*c";
    if (number % 6 == 0) task.metadata = {{"region", number % 4 ? "eu" : "us"}, {"a\"b", "x"}};
    if (number % 7 == 0) task.parent = task_id(number - 3);
    if (number > 24) task.workspace = workspace_id(2);
    all.push_back(task);
  }
  return all;
}

inline Status insert_listed(Transaction& t) {
  for (const auto& task : listed_tasks()) TRY(t.tasks().insert(task));
  for (int number = 1; number <= 4; ++number) {
    auto event = given_event(number, number % 2 ? "sandbox.deleted" : "sandbox.expired");
    if (number == 3) event.workspace = workspace_id(2);
    TRY(t.events().insert(event));
  }
  return {};
}

}  // namespace mayfly
