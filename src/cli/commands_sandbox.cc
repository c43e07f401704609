#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/duration.h"
#include "cli/exit_code.h"
#include "cli/failure.h"
#include "cli/progress.h"
#include "cli/sandbox_body.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

// The server answers a create that waits after a minute and a move after half of one; leave room for the way.
constexpr std::chrono::seconds move_timeout{90};

std::string sandbox_path(const std::string& sandbox, const std::string& verb = {}) {
  return verb.empty() ? path_to("/v1/sandboxes", {sandbox}) : path_to("/v1/sandboxes", {sandbox, verb});
}

std::string lifetime_line(const json::object& sandbox) {
  const auto& life = object_at(sandbox, "lifetime");
  std::string text;
  const auto add = [&](const std::string& words) { text += (text.empty() ? "" : ", ") + words; };
  const auto clock = [&](const char* key, const char* words) {
    if (const auto value = number_at(life, key))
      add(std::string(words) + " " + human(from_seconds(*value).value_or(0s)));
  };
  clock("max_age_seconds", "max age");
  clock("idle_seconds", "idle");
  clock("limit_seconds", "never past");
  if (const auto at = time_at(life, "at")) add("at " + plain(at));
  if (text.empty()) return "no deadline";
  const auto* actions = life.if_contains("on_expiry");
  return text + ", then " +
         (actions && actions->is_object() ? pairs_at(life, "on_expiry") : text_at(life, "on_expiry"));
}

std::string card_of(const json::object& sandbox, const Paper& paper) {
  Table card({{"", 0}, {"", 20}});
  const auto now = wall_now();
  const auto add = [&](const char* label, const std::string& text, Tone tone = Tone::plain) {
    if (!text.empty()) card.add({Cell(label, Tone::faint), Cell(text, tone)});
  };
  const auto moment = [&](const char* label, const char* key) {
    if (const auto time = time_at(sandbox, key)) add(label, plain(time) + "  (" + relative(time, now) + ")");
  };
  const auto& resources = object_at(sandbox, "resources");
  const auto& error = object_at(sandbox, "error");
  const auto& ended = object_at(sandbox, "ended");
  add("name", text_at(sandbox, "name"));
  add("id", text_at(sandbox, "id"));
  add("state", text_at(sandbox, "state"), tone_of(text_at(sandbox, "state")));
  add("image", text_at(object_at(sandbox, "image"), "name") + "  " + text_at(object_at(sandbox, "image"), "digest"));
  add("labels", pairs_at(sandbox, "labels"));
  add("resources", text_at(resources, "cpus") + " cpus, " + text_at(resources, "memory_mb") + " MiB memory, " +
                       text_at(resources, "pids") + " pids, " + text_at(resources, "disk_mb") + " MiB disk");
  add("workdir", text_at(sandbox, "workdir"));
  add("network", text_at(sandbox, "network"));
  add("env", list_at(sandbox, "env"));
  add("not archived", list_at(sandbox, "exclude"));
  add("restored from", text_at(sandbox, "restored_from"));
  add("lifetime", lifetime_line(sandbox));
  moment("expires", "expires_at");
  moment("last used", "last_activity_at");
  moment("created", "created_at");
  moment("started", "started_at");
  moment("deleted", "deleted_at");
  add("generation", text_at(sandbox, "generation"));
  for (const auto& caveat : array_at(sandbox, "caveats"))
    if (caveat.is_string()) add("caveat", std::string(caveat.get_string()), Tone::busy);
  if (!ended.empty()) add("ended", text_at(ended, "reason") + ", by " + text_at(ended, "actor"));
  if (!error.empty())
    add("error", text_at(error, "message") + " (" + text_at(error, "attempts") + " attempts)", Tone::bad);
  add("cleanup task", text_at(sandbox, "cleanup_task_id"));
  return card.render(paper);
}

std::string list_of(const json::array& sandboxes, const Paper& paper) {
  Table table({{"NAME", 12}, {"ID"}, {"STATE"}, {"IMAGE", 8}, {"EXPIRES"}, {"LAST USED"}, {"LABELS", 6}});
  const auto now = wall_now();
  for (const auto& value : sandboxes) {
    const auto& sandbox = value.as_object();
    const auto state = text_at(sandbox, "state");
    table.add({text_at(sandbox, "name"), text_at(sandbox, "id"), {state, tone_of(state)},
               text_at(object_at(sandbox, "image"), "name"), relative(time_at(sandbox, "expires_at"), now),
               relative(time_at(sandbox, "last_activity_at"), now), pairs_at(sandbox, "labels")});
  }
  return table.render(paper);
}

std::string in_short(const json::object& sandbox) {
  return text_at(sandbox, "id") + "  " + text_at(sandbox, "name") + "  " + text_at(sandbox, "state") + "\n";
}

/// Accepted, and still on its way when the server had waited long enough.
Result<int> settled(Session& session, const Answer& answer) {
  if (!answer.accepted_only()) return exit_ok;
  const auto id = text_at(answer.body, "id");
  note(session, "sandbox " + id + " is still " + text_at(answer.body, "state") + " and goes on; see: mayfly get " + id);
  return exit_waited;
}

}  // namespace

Result<int> create(Session& session, const CreateOptions& options) {
  const auto body = TRY(create_body(options));
  const auto path = path_to("/v1/sandboxes", {}, {{"wait", options.no_wait ? "false" : "true"}});
  const auto what = "create a sandbox of " + (!options.image.empty()          ? options.image
                                              : !options.restore_from.empty() ? "archive " + options.restore_from
                                                                              : "the default image");
  const auto answer =
      TRY(with_progress(session, what, [&] { return session.api.send(what, "POST", path, body, move_timeout); }));
  show(session, answer, in_short(answer.body));
  for (const auto& caveat : array_at(answer.body, "caveats"))
    if (caveat.is_string() && !session.json) note(session, std::string(caveat.get_string()));
  return options.no_wait ? Result<int>(exit_ok) : settled(session, answer);
}

Result<int> list_sandboxes(Session& session, const ListOptions& options) {
  Query query;
  for (const auto& state : options.states) query.emplace_back("state", state);
  for (const auto& label : options.labels) query.emplace_back("label", label);
  if (!options.image.empty()) query.emplace_back("image", options.image);
  const auto found = TRY(session.api.list("list sandboxes", "/v1/sandboxes", query, options.all || session.json));
  show_list(session, found, list_of(found.items, session.out.paper()));
  return exit_ok;
}

Result<int> get_sandbox(Session& session, const std::string& sandbox) {
  const auto answer = TRY(session.api.get("get sandbox " + sandbox, sandbox_path(sandbox)));
  show(session, answer, card_of(answer.body, session.out.paper()));
  return exit_ok;
}

Result<int> keepalive(Session& session, const std::string& sandbox, const std::string& by, const std::string& until) {
  if (by.empty() == until.empty())
    return fail(Code::invalid,
                "keepalive: give either a duration, as in: mayfly keepalive SANDBOX 30m, or --until TIME");
  json::object body;
  if (by.empty()) body["until"] = until;
  else body["extend_seconds"] = TRY(seconds_of("keepalive", by));
  const auto answer =
      TRY(session.api.send("extend sandbox " + sandbox, "POST", sandbox_path(sandbox, "keepalive"), body));
  const auto expires = time_at(answer.body, "expires_at");
  show(session, answer, expires ? "expires " + plain(expires) + "  (" + relative(expires, wall_now()) + ")\n"
                                : std::string("never expires\n"));
  if (flag_at(answer.body, "clamped")) note(session, "that is all its limit or its absolute deadline allows");
  return exit_ok;
}

Result<int> set_expiry(Session& session, const std::string& sandbox, const LifetimeOptions& options) {
  const auto body = TRY(lifetime_body(options));
  if (body.empty())
    return fail(Code::invalid, "expiry: nothing to change; give --max-age, --idle, --at, --limit or --on-expiry");
  const auto answer =
      TRY(session.api.send("set the deadlines of " + sandbox, "PUT", sandbox_path(sandbox, "expiry"), body));
  const auto expires = time_at(answer.body, "expires_at");
  show(session, answer,
       lifetime_line(answer.body) + (expires ? "; expires " + relative(expires, wall_now()) : "") + "\n");
  return exit_ok;
}

Result<int> move(Session& session, const std::string& sandbox, const std::string& verb) {
  const auto answer =
      TRY(session.api.send(verb + " sandbox " + sandbox, "POST", sandbox_path(sandbox, verb), {}, move_timeout));
  show(session, answer, in_short(answer.body));
  return settled(session, answer);
}

namespace {

/// Asks for one delete, and follows it where that was asked for.
Result<Answer> remove(Session& session, const std::string& sandbox, const Query& query) {
  const auto answer =
      TRY(session.api.send("delete sandbox " + sandbox, "DELETE", path_to("/v1/sandboxes", {sandbox}, query)));
  if (!session.json)
    session.out.line(text_at(answer.body, "id") + "  " + text_at(answer.body, "state") + "  " +
                     text_at(answer.body, "cleanup_task_id"));
  return answer;
}

}  // namespace

Result<int> remove_sandboxes(Session& session, const RemoveOptions& options) {
  Query query = {{"archive", options.no_archive ? "false" : "true"}};
  if (options.waive_on_failure) query.emplace_back("on_archive_failure", "waive");
  if (!options.keep_archive.empty()) {
    const auto kept = TRY(seconds_of("--keep-archive", options.keep_archive));
    query.emplace_back("archive_retention_seconds", std::to_string(static_cast<long long>(kept)));
  }
  const auto patience = *from_seconds(TRY(seconds_of("--timeout", options.timeout)));

  // All are asked for before any is waited for, so that they go at the same time; one that fails keeps none from going.
  std::vector<Result<Answer>> removed;
  json::array documents;
  for (const auto& sandbox : options.sandboxes) {
    removed.push_back(remove(session, sandbox, query));
    if (removed.back()) documents.push_back(removed.back()->body);
  }
  if (session.json && options.sandboxes.size() > 1) session.out.line(boost::json::serialize(documents));
  if (session.json && options.sandboxes.size() == 1 && removed[0]) session.out.line(removed[0]->text);
  int first_trouble = exit_ok;
  std::vector<std::string> tasks;
  for (const auto& each : removed) {
    if (each) {
      tasks.push_back(text_at(each->body, "cleanup_task_id"));
      continue;
    }
    session.err.write(describe(each.error()));
    if (first_trouble == exit_ok) first_trouble = exit_code(each.error());
  }
  const int ended = options.wait ? wait_for_cleanups(session, tasks, patience) : exit_ok;
  return first_trouble == exit_ok ? ended : first_trouble;
}

}  // namespace mayfly::cli
