#include "cli/answer.h"
#include "cli/cleanup_control.h"
#include "cli/exit_code.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

constexpr const char* tasks_path = "/v1/cleanup-tasks";

json::object scope_of(const std::string& workspace, const std::string& kind) {
  json::object body;
  if (!workspace.empty()) body["workspace_id"] = workspace;
  if (!kind.empty()) body["kind"] = kind;
  return body;
}

void show_task(Session& session, const Answer& answer) {
  show(session, answer, text_at(answer.body, "id") + "  " + text_at(answer.body, "resource_type") + "  " +
                            text_at(answer.body, "status") + "\n");
}

}  // namespace

Result<int> cancel_cleanup(Session& session, const std::string& task) {
  show_task(session,
            TRY(session.api.send("cancel cleanup task " + task, "POST", path_to(tasks_path, {task, "cancel"}))));
  return exit_ok;
}

Result<int> skip_cleanup(Session& session, const std::string& task, const std::string& reason) {
  const json::object body = {{"reason", reason}};
  show_task(session,
            TRY(session.api.send("skip cleanup task " + task, "POST", path_to(tasks_path, {task, "skip"}), body)));
  return exit_ok;
}

Result<int> cleanup_attempts(Session& session, const std::string& task) {
  const auto answer =
      TRY(session.api.get("list the attempts of cleanup task " + task, path_to(tasks_path, {task, "attempts"})));
  Table table({{"N", 0, true}, {"BEGAN"}, {"TOOK", 0, true}, {"ERROR CODE"}, {"ERROR", 12}});
  for (const auto& value : array_at(answer.body, "items")) {
    const auto& attempt = value.as_object();
    const auto took = from_seconds(number_at(attempt, "duration_seconds").value_or(0)).value_or(Duration::zero());
    table.add({text_at(attempt, "number"), plain(time_at(attempt, "began_at")), human(took),
               text_at(attempt, "error_code"), text_at(attempt, "error")});
  }
  show(session, answer, table.render(session.out.paper()));
  return exit_ok;
}

Result<int> cleanup_progress(Session& session, const std::string& task) {
  const auto answer =
      TRY(session.api.get("get the progress of cleanup task " + task, path_to(tasks_path, {task, "progress"})));
  const auto number = [&](const char* key) { return text_at(answer.body, key); };
  std::string text = number("done") + " of " + number("total") + " tasks done, " + number("running") + " running, " +
                     number("waiting") + " waiting, " + number("failed") + " failed\n";
  for (const auto& reason : array_at(answer.body, "blocked_by"))
    text += printable(std::string(reason.as_string())) + "\n";
  show(session, answer, text);
  return exit_ok;
}

Result<int> pause_cleanup(Session& session, const std::string& workspace, const std::string& kind,
                          const std::string& reason) {
  auto body = scope_of(workspace, kind);
  body["reason"] = reason;
  const auto answer = TRY(session.api.send("pause deletes", "POST", std::string(tasks_path) + "/pause", body));
  show(session, answer, "paused: " + text_at(answer.body, "scope") + "\n");
  return exit_ok;
}

Result<int> resume_cleanup(Session& session, const std::string& workspace, const std::string& kind) {
  const auto answer = TRY(session.api.send("resume deletes", "POST", std::string(tasks_path) + "/resume",
                                           scope_of(workspace, kind)));
  show(session, answer, "resumed: " + text_at(answer.body, "scope") + "\n");
  return exit_ok;
}

Result<int> list_pauses(Session& session) {
  const auto answer = TRY(session.api.get("list what holds deletes up", std::string(tasks_path) + "/pause"));
  Table table({{"SCOPE"}, {"SINCE"}, {"BY"}, {"REASON", 12}});
  const auto now = wall_now();
  for (const auto& value : array_at(answer.body, "items")) {
    const auto& pause = value.as_object();
    table.add({text_at(pause, "scope"), relative(time_at(pause, "paused_at"), now), text_at(pause, "actor"),
               text_at(pause, "reason")});
  }
  for (const auto& value : array_at(answer.body, "drivers")) {
    const auto& driver = value.as_object();
    if (text_at(driver, "state") == "closed") continue;
    table.add({"driver:" + text_at(driver, "driver"), "", "circuit breaker",
               "it does not answer; tried again at " + plain(time_at(driver, "retry_at"))});
  }
  show(session, answer, table.render(session.out.paper()));
  return exit_ok;
}

}  // namespace mayfly::cli
