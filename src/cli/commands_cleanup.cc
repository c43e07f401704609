#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "cli/sandbox_body.h"
#include "cli/table.h"
#include "cli/tree.h"

namespace mayfly::cli {

namespace {

constexpr const char* tasks_path = "/v1/cleanup-tasks";

// A sweep marks up to ten thousand sandboxes before it answers.
constexpr std::chrono::minutes sweep_timeout{10};

std::string card_of(const json::object& task, const Paper& paper) {
  Table card({{"", 0}, {"", 20}});
  const auto now = wall_now();
  const auto add = [&](const char* label, const std::string& text, Tone tone = Tone::plain) {
    if (!text.empty()) card.add({Cell(label, Tone::faint), Cell(text, tone)});
  };
  const auto moment = [&](const char* label, const char* key) {
    if (const auto time = time_at(task, key)) add(label, plain(time) + "  (" + relative(time, now) + ")");
  };
  add("id", text_at(task, "id"));
  add("task", text_at(task, "resource_type"));
  add("resource", text_at(task, "resource_id"));
  add("status", status_of_task(task), tone_of(text_at(task, "phase")));
  add("took", duration_of_task(task, now));
  add("attempts", text_at(task, "attempts"));
  add("last error", text_at(task, "last_error"), Tone::bad);
  add("error code", text_at(task, "error_code"));
  moment("next attempt", "next_attempt_at");
  moment("created", "created_at");
  moment("started", "started_at");
  moment("completed", "completed_at");
  add("root", text_at(task, "root_id"));
  add("parent", text_at(task, "parent_id"));
  add("event", text_at(task, "source_event_id"));
  add("metadata", pairs_at(task, "metadata"));
  return card.render(paper);
}

std::string stale_table(const json::array& items, const Paper& paper) {
  Table table({{"NAME", 12}, {"ID"}, {"STATE"}, {"INACTIVE", 0, true}, {"DISK", 0, true}, {"CLEANUP TASK"}, {"", 10}});
  for (const auto& value : items) {
    const auto& item = value.as_object();
    const auto inactive = from_seconds(number_at(item, "inactive_seconds").value_or(0)).value_or(Duration::zero());
    const auto error = text_at(item, "error");
    const auto reason = text_at(item, "reason");
    table.add({text_at(item, "name"), text_at(item, "id"), text_at(item, "state"), human(inactive),
               bytes(number_at(item, "disk_bytes")), text_at(item, "cleanup_task_id"),
               {!error.empty() ? error : reason == "inactive" ? "" : "kept: " + reason, Tone::busy}});
  }
  return table.render(paper);
}

std::string stale_summary(const json::object& report) {
  std::size_t gone = 0;
  double disk = 0;
  for (const auto& value : array_at(report, "items")) {
    const auto& item = value.as_object();
    gone += !text_at(item, "cleanup_task_id").empty();
    disk += number_at(item, "disk_bytes").value_or(0);
  }
  const auto count = std::to_string(array_at(report, "items").size());
  const auto looked_at = text_at(report, "looked_at");
  const std::string again = flag_at(report, "cut") ? "; there are more than one sweep takes: run it again" : "";
  if (!flag_at(report, "dry_run"))
    return std::to_string(gone) + " of " + looked_at + " sandboxes are being deleted" + again;
  return count + " of " + looked_at + " sandboxes would be deleted (" + bytes(disk) +
         " on disk); nothing was done, --apply does it" + again;
}

}  // namespace

Result<int> list_cleanups(Session& session, const ListOptions& options) {
  Query query;
  if (!options.status.empty()) query.emplace_back("status", options.status);
  if (!options.resource.empty()) query.emplace_back("resource", options.resource);
  if (options.steps) query.emplace_back("steps", "true");
  const auto found = TRY(session.api.list("list cleanup tasks", tasks_path, query, options.all || session.json));
  Table table({{"ID"}, {"TASK"}, {"RESOURCE"}, {"STATUS"}, {"TOOK", 0, true}, {"CREATED"}, {"LAST ERROR", 12}});
  const auto now = wall_now();
  for (const auto& value : found.items) {
    const auto& task = value.as_object();
    table.add({text_at(task, "id"), text_at(task, "resource_type"), text_at(task, "resource_id"),
               {status_of_task(task), tone_of(text_at(task, "phase"))}, duration_of_task(task, now),
               relative(time_at(task, "created_at"), now), text_at(task, "last_error")});
  }
  show_list(session, found, table.render(session.out.paper()));
  return exit_ok;
}

Result<int> get_cleanup(Session& session, const std::string& task) {
  const auto answer = TRY(session.api.get("get cleanup task " + task, path_to(tasks_path, {task})));
  show(session, answer, card_of(answer.body, session.out.paper()));
  return exit_ok;
}

Result<int> cleanup_tree(Session& session, const std::string& task) {
  const auto answer = TRY(session.api.get("get the tree of cleanup task " + task, path_to(tasks_path, {task, "tree"})));
  show(session, answer, draw_tree(array_at(answer.body, "items"), wall_now(), session.out.paper()));
  return exit_ok;
}

Result<int> retry_cleanup(Session& session, const std::string& task) {
  const auto answer = TRY(session.api.send("retry cleanup task " + task, "POST", path_to(tasks_path, {task, "retry"})));
  show(session, answer, text_at(answer.body, "id") + "  " + text_at(answer.body, "resource_type") + "  " +
                            status_of_task(answer.body) + "\n");
  return exit_ok;
}

Result<int> sweep_stale(Session& session, const StaleOptions& options) {
  json::object body = {{"inactive_seconds", TRY(seconds_of("--inactive", options.inactive))},
                       {"dry_run", !options.apply},
                       {"archive_before_delete", !options.no_archive}};
  if (!options.labels.empty()) body["labels"] = TRY(map_of("--label", options.labels));
  if (!options.image.empty()) body["image"] = options.image;
  if (!options.state.empty()) body["state"] = options.state;
  const auto patience = *from_seconds(TRY(seconds_of("--timeout", options.timeout)));
  const auto answer = TRY(with_progress(session, "sweep", [&] {
    return session.api.send("sweep stale sandboxes", "POST", "/v1/cleanup/stale", body, sweep_timeout);
  }));
  const auto& items = array_at(answer.body, "items");
  show(session, answer, items.empty() ? "" : stale_table(items, session.out.paper()));
  if (!session.json) note(session, stale_summary(answer.body));
  bool refused = false;
  std::vector<std::string> tasks;
  for (const auto& item : items) {
    refused = refused || !text_at(item.as_object(), "error").empty();
    if (const auto task = text_at(item.as_object(), "cleanup_task_id"); !task.empty()) tasks.push_back(task);
  }
  const int ended = options.wait ? wait_for_cleanups(session, tasks, patience) : exit_ok;
  return refused ? exit_failed : ended;
}

Result<int> list_events(Session& session, const ListOptions& options) {
  Query query;
  if (!options.subject.empty()) query.emplace_back("subject", options.subject);
  if (!options.type.empty()) query.emplace_back("type", options.type);
  const auto found = TRY(session.api.list("list events", "/v1/events", query, options.all || session.json));
  Table table({{"AT"}, {"TYPE"}, {"SUBJECT"}, {"ACTOR", 8}, {"DATA", 12}});
  for (const auto& value : found.items) {
    const auto& event = value.as_object();
    table.add({plain(time_at(event, "at")), text_at(event, "type"), text_at(event, "subject_id"),
               text_at(event, "actor"), pairs_at(event, "data")});
  }
  show_list(session, found, table.render(session.out.paper()));
  return exit_ok;
}

}  // namespace mayfly::cli
