#include <algorithm>
#include <atomic>
#include <cctype>

#include <unistd.h>

#include "cli/answer.h"
#include "cli/attached.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/failure.h"
#include "cli/interrupt.h"
#include "cli/sandbox_body.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

constexpr std::size_t stdin_limit = 512 << 10;                   // what exec takes
constexpr std::chrono::seconds farewell_timeout{10};
constexpr std::chrono::milliseconds no_timeout{0};

// A run whose client died without a word is over after this long without use.
constexpr const char* abandoned_after = "24h";

Result<std::string> all_of_stdin() {
  std::string text;
  char room[16 << 10];
  for (;;) {
    const auto count = ::read(STDIN_FILENO, room, sizeof room);
    if (count < 0) return tl::unexpected(errno_error(errno, "cannot read stdin"));
    if (count == 0) break;
    text.append(room, static_cast<std::size_t>(count));
    if (text.size() > stdin_limit)
      return fail(Code::too_large,
                  "stdin is longer than 512 KiB; bring it in with mayfly cp and read it from the file");
  }
  if (!json::parse(boost::json::serialize(json::value(text))))
    return fail(Code::invalid, "stdin is not UTF-8 text; bring it in with mayfly cp and read it from the file");
  return text;
}

/// The command's own, unless whoever takes its output for whole would be mistaken.
int exit_code_of(Session& session, const json::object& process) {
  if (flag_at(process, "timed_out")) note(session, "the command was killed: it ran longer than its timeout");
  const int own = static_cast<int>(number_at(process, "exit_code").value_or(exit_failed)) & 0xff;
  const bool cut = number_at(process, "stdout_dropped").value_or(0) > 0 ||
                   number_at(process, "stderr_dropped").value_or(0) > 0;
  if (!cut) return own;
  note(session, "the output was cut; the command itself exited with " + std::to_string(own));
  return exit_cut;
}

/// Whoever stays to pass on the output passes on the input as well, as it comes; else it is taken along.
Result<json::object> prepared(const Session& session, const ExecOptions& options) {
  auto body = TRY(exec_body(options));
  const bool stays = !session.json && !options.no_wait;
  if (options.with_stdin && stays) body["stdin_open"] = true;
  if (options.with_stdin && !stays) body["stdin"] = TRY(all_of_stdin());
  if (!body.contains("name")) body["name"] = unique_name("mayfly-exec-");
  return body;
}

/// The command's own exit code.
Result<int> execute(Session& session, const std::string& sandbox, json::object body) {
  if (!session.json) return exit_code_of(session, TRY(run_attached(session, sandbox, body)));
  body["wait_seconds"] = 3600;
  const auto answer = TRY(session.api.send("run a command in " + sandbox, "POST",
                                           path_to("/v1/sandboxes", {sandbox, "exec"}), body, no_timeout));
  session.out.line(answer.text);
  return answer.accepted_only() ? exit_waited : exit_code_of(session, answer.body);
}

Result<int> start_only(Session& session, const std::string& sandbox, json::object body) {
  body["wait"] = false;
  const auto answer = TRY(session.api.send("start a command in " + sandbox, "POST",
                                           path_to("/v1/sandboxes", {sandbox, "exec"}), body));
  const auto id = text_at(answer.body, "id");
  show(session, answer, id + "\n");
  if (!session.json) note(session, "its output: mayfly logs " + sandbox + " " + id + " --follow");
  return exit_ok;
}

Result<Answer> discard(ApiClient& api, const std::string& name) {
  return api.send("delete sandbox " + name, "DELETE", path_to("/v1/sandboxes", {name}, {{"archive", "false"}}), {},
                  farewell_timeout);
}

bool has_deadline(const LifetimeOptions& options) {
  return !options.max_age.empty() || !options.idle.empty() || !options.at.empty() || !options.limit.empty();
}

/// Creates it, runs the command in it; `ours` as soon as the sandbox of that name is known to be the one we made.
Result<int> run_in_new(Session& session, const RunOptions& options, std::atomic<bool>& ours) {
  auto exec_request = TRY(prepared(session, options.exec));
  const auto body = TRY(create_body(options.create));
  const auto created = session.api.send("create a sandbox of " + options.create.image, "POST", "/v1/sandboxes", body);
  if (!created) {
    ours = ours || created.error().reason == "start_failed";
    return tl::unexpected(created.error());
  }
  ours = true;
  return execute(session, text_at(created->body, "id"), std::move(exec_request));
}

std::string state_of(const json::object& process) {
  if (flag_at(process, "running")) return "running";
  if (flag_at(process, "timed_out")) return "timed out";
  const auto signal = text_at(process, "signal");
  return signal.empty() ? "exited " + text_at(process, "exit_code") : "signal " + signal;
}

}  // namespace

Result<int> exec(Session& session, const ExecOptions& options) {
  auto body = TRY(prepared(session, options));
  if (options.no_wait) return start_only(session, options.sandbox, std::move(body));
  const OnInterrupt guard([target = session.api.target(), sandbox = options.sandbox, name = text_at(body, "name")] {
    signal_named(target, sandbox, name, "INT");
  });
  return execute(session, options.sandbox, std::move(body));
}

Result<int> run(Session& session, const RunOptions& given) {
  auto options = given;
  auto& name = options.create.name;
  // A name of our own making is ours even before the server has answered; one that was given may be somebody else's.
  std::atomic<bool> ours = name.empty();
  if (name.empty()) name = unique_name("run-");
  if (!options.keep && !has_deadline(options.create.lifetime)) options.create.lifetime.idle = abandoned_after;

  const OnInterrupt guard([&ours, keep = options.keep, name, target = session.api.target()] {
    ApiClient api(target);
    if (ours && !keep) (void)discard(api, name);
  });
  auto ended = run_in_new(session, options, ours);
  if (options.keep && ended) note(session, "kept as sandbox " + name);
  if (options.keep || !ours) return ended;
  const auto discarded = discard(session.api, name);
  if (discarded || discarded.error().code == Code::not_found || !ended) return ended;
  session.err.write(describe(discarded.error()));
  return *ended == exit_ok ? exit_code(discarded.error()) : *ended;
}

Result<int> list_processes(Session& session, const std::string& sandbox) {
  const auto answer =
      TRY(session.api.get("list the processes of " + sandbox, path_to("/v1/sandboxes", {sandbox, "processes"})));
  Table table({{"ID", 0, true}, {"PID", 0, true}, {"STATE"}, {"RAN", 0, true}, {"OUT", 0, true}, {"ERR", 0, true},
               {"COMMAND", 10}});
  for (const auto& value : array_at(answer.body, "items")) {
    const auto& process = value.as_object();
    std::string command;
    for (const auto& word : array_at(process, "argv"))
      if (word.is_string()) command += (command.empty() ? "" : " ") + std::string(word.get_string());
    const auto ran = from_seconds(number_at(process, "ran_seconds").value_or(0)).value_or(Duration::zero());
    table.add({text_at(process, "id"), text_at(process, "pid"), state_of(process), human(ran),
               bytes(number_at(process, "stdout_bytes")), bytes(number_at(process, "stderr_bytes")), command});
  }
  show_list(session, {array_at(answer.body, "items"), false}, table.render(session.out.paper()));
  return exit_ok;
}

Result<int> logs(Session& session, const LogOptions& options) {
  if (options.follow && !options.from_stderr) {
    TRY(follow_process(session, options.sandbox, options.process));
    return exit_ok;
  }
  const auto path = path_to("/v1/sandboxes", {options.sandbox, "processes", options.process, "logs"},
                            {{"stream", options.from_stderr ? "stderr" : "stdout"},
                             {"follow", options.follow ? "true" : "false"}});
  http::ClientRequest request{.path = path, .timeout = no_timeout};
  request.download = [&](std::string_view piece) { return session.out.write(piece); };
  const auto response = TRY(session.api.call("read the log of process " + options.process, request));
  const auto* dropped = http::find(response.headers, "X-Log-Dropped");
  if (dropped && *dropped != "0")
    note(session, "the first " + *dropped + " bytes are missing: only the newest MiB is kept");
  return exit_ok;
}

Result<int> kill(Session& session, const std::string& sandbox, const std::string& process, const std::string& signal) {
  auto word = signal;
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::toupper(c); });
  if (word.starts_with("SIG")) word.erase(0, 3);
  const auto path = path_to("/v1/sandboxes", {sandbox, "processes", process}, {{"signal", word}});
  const auto answer = TRY(session.api.send("signal process " + process + " of " + sandbox, "DELETE", path));
  show(session, answer, process + "  " + state_of(answer.body) + "\n");
  return exit_ok;
}

}  // namespace mayfly::cli
