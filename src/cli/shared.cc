#include <algorithm>
#include <thread>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/failure.h"
#include "cli/progress.h"

namespace mayfly::cli {

namespace {

using std::chrono::steady_clock;

// What the server parks a call for at most; longer waits are several calls.
constexpr std::chrono::seconds longest_wait = 60s;
// A server that answers before the time is up is not asked without a breath.
constexpr Duration breath = 20ms;
// Where somebody looks on.
constexpr std::chrono::seconds shown_wait = 1s;

/// "2 of 5 steps, archive_sandbox": what the tree below a task has done, and what it does.
std::string steps_done(const json::array& tree) {
  std::size_t steps = 0, done = 0;
  std::string now;
  for (const auto& value : tree) {
    const auto& task = value.as_object();
    if (text_at(task, "parent_id").empty()) continue;
    ++steps;
    done += text_at(task, "status") == "completed";
    if (text_at(task, "status") != "completed" && now.empty()) now = ", " + text_at(task, "resource_type");
  }
  return std::to_string(done) + " of " + std::to_string(steps) + " steps" + now;
}

}  // namespace

void show(Session& session, const Answer& answer, const std::string& text) {
  if (session.json) session.out.line(answer.text);
  else session.out.write(text);
}

void show_list(Session& session, const ApiClient::Items& items, const std::string& table, bool may_ask_for_all) {
  if (session.json) {
    session.out.line(boost::json::serialize(items.items));
    return;
  }
  session.out.write(table);
  if (items.more && may_ask_for_all)
    note(session, "these are the newest " + std::to_string(items.items.size()) + "; --all shows every one");
}

void note(Session& session, const std::string& text) { session.err.line("mayfly: " + printable(text)); }

namespace {

Result<int> follow(Session& session, const std::string& task, const std::string& title, Duration patience) {
  const auto end = steady_clock::now() + patience;
  Progress progress(session, title);
  for (;; std::this_thread::sleep_for(breath)) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(end - steady_clock::now());
    const auto wait = std::clamp(left, std::chrono::seconds(0), progress.shown() ? shown_wait : longest_wait);
    const auto path = path_to("/v1/cleanup-tasks", {task}, {{"wait_seconds", std::to_string(wait.count())}});
    // With the patience of `send`, which is longer than the server's.
    const auto answer = TRY(session.api.send("follow cleanup task " + task, "GET", path));
    const auto status = text_at(answer.body, "status");
    if (status == "completed") return exit_ok;
    if (progress.shown()) {
      const auto tree = session.api.get("follow cleanup task " + task, path_to("/v1/cleanup-tasks", {task, "tree"}));
      if (tree) progress.says(steps_done(array_at(tree->body, "items")));
    }
    const std::string see = "; see: mayfly cleanup tree " + task;
    if (status == "failed")
      return fail(Code::internal, "cleanup task " + task + " failed: " + text_at(answer.body, "last_error") + see);
    if (steady_clock::now() >= end)
      return fail(Code::timed_out, "cleanup task " + task + " is still " + status + " after " + human(patience) +
                                       " and goes on" + see, std::string(waited));
  }
}

}  // namespace

Result<int> wait_for_cleanup(Session& session, const std::string& task, Duration patience) {
  return follow(session, task, "delete " + task, patience);
}

int wait_for_cleanups(Session& session, const std::vector<std::string>& tasks, Duration patience) {
  const auto end = steady_clock::now() + patience;
  int first_trouble = exit_ok;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const auto title = tasks.size() == 1 ? "delete " + tasks[i]
                                         : "delete " + std::to_string(i + 1) + " of " + std::to_string(tasks.size());
    const auto left = std::chrono::duration_cast<Duration>(end - steady_clock::now());
    const auto ended = follow(session, tasks[i], title, std::max(left, Duration::zero()));
    if (ended) continue;
    session.err.write(describe(ended.error()));
    if (first_trouble == exit_ok) first_trouble = exit_code(ended.error());
  }
  return first_trouble;
}

}  // namespace mayfly::cli
