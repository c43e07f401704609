// What happens inside the sandbox of a runtime: commands, and what processes wrote.

#include "api/dreadnode/inside.h"

#include <algorithm>

#include "api/dreadnode/config.h"
#include "api/dreadnode/handler.h"
#include "api/dreadnode/routes.h"
#include "json/bytes.h"

namespace mayfly::api::dreadnode {

namespace {

using boost::json::object;
using json::as_text;

const std::string base = "/api/v1/org/{org}/ws/{ws}/runtimes/{id}/";

// One answer holds so many processes, the newest, and so much of each stream.
constexpr std::size_t most_processes = 50;
constexpr std::int64_t most_bytes = 64 << 10;
constexpr std::int64_t longest_command = 3600, default_command = 30;

struct Exec {
  Command command;
  Duration wait{};
};

Result<Exec> read_exec(const std::string& text) {
  json::Reader body(TRY(body_of(text, {"command", "timeout_sec", "cwd", "env"})));
  Exec wish;
  if (const auto* given = body.raw("command"); given && given->is_array()) {
    wish.command.argv = body.optional_string_list("command", 1024, {.max = 131'072}).value_or(
        std::vector<std::string>());
    if (wish.command.argv.empty()) body.complain("command", "at least the name of a program", "an empty array");
  } else {
    wish.command.argv = {"/bin/sh", "-c", body.string("command", {.min = 1, .max = 1 << 17})};
  }
  const auto timeout =
      body.optional_integer("timeout_sec", {.min = 1, .max = longest_command}).value_or(default_command);
  wish.command.timeout = std::chrono::seconds(timeout);
  // The agent ends it at its time; the answer then needs a moment more.
  wish.wait = std::chrono::seconds(timeout + 5);
  wish.command.cwd = body.optional_string("cwd", {.min = 1, .max = 4096}).value_or("");
  wish.command.env = body.optional_string_map("env", 256, {.max = 65'536}).value_or(wish.command.env);
  for (const auto& [name, value] : wish.command.env)
    if (!is_variable_name(name) || !is_variable_value(value))
      body.complain("env", "names of variables and values without NUL", "\"" + name.substr(0, 80) + "\"");
  TRY(body.finish());
  return wish;
}

http::Response ran(const RunResult& result) {
  const auto& process = result.process;
  object body = {{"process_id", process.id},
                 {"exit_code", process.running ? boost::json::value() : boost::json::value(process.exit_code)},
                 {"stdout", as_text(result.out.bytes)},
                 {"stderr", as_text(result.err.bytes)},
                 {"timed_out", process.timed_out}};
  return ok(body, process.running ? 202 : 200);
}

/// The sandbox of a runtime that is there.
Result<Sandbox> sandbox_of(const RuntimeView& view) {
  if (view.sandbox && view.state() != RuntimeState::idle) return *view.sandbox;
  return fail(Code::conflict, "runtime " + view.runtime.resource.name + " is idle: start it", "runtime_idle");
}

void exec(Services& services, const Caller& caller, const Once& once, std::shared_ptr<const http::Request> request,
          http::Responder respond) {
  const auto begin = [&]() -> Status {
    const auto wish = TRY(read_exec(request->body));
    const auto view = TRY(services.runtimes.get(caller, request->param("id")));
    TRY(Runtimes::require_owner(caller, view.runtime));
    const auto sandbox = TRY(sandbox_of(view));
    services.execution.run(caller, sandbox.resource.id.text, wish.command, wish.wait,
                           [respond](Result<RunResult> result) {
                             respond(result ? ran(*result) : refused(result.error()));
                           },
                           once);
    return {};
  };
  if (const auto begun = begin(); !begun) respond(refused(begun.error()));
}

Result<http::Response> logs(Services& services, const Caller& caller, const http::Request& request) {
  const auto sandbox = TRY(sandbox_of(TRY(services.runtimes.get(caller, request.param("id")))));
  return ok(object{{"logs", TRY(logs_of(services, caller, sandbox.resource.id.text))}});
}

}  // namespace

Result<std::string> logs_of(Services& services, const Caller& caller, const std::string& sandbox) {
  const auto to = TRY(services.execution.look(caller, sandbox));
  auto& agent = services.execution.agent();
  auto processes = TRY(agent.processes(to));
  std::ranges::sort(processes, {}, &Process::id);
  if (processes.size() > most_processes) processes.erase(processes.begin(), processes.end() - most_processes);
  std::string text;
  for (const auto& process : processes) {
    const auto total = std::array{process.stdout_bytes, process.stderr_bytes};
    for (const auto stream : {LogStream::out, LogStream::err}) {
      const auto written = total[stream == LogStream::out ? 0 : 1];
      if (written == 0) continue;
      const auto piece = agent.log(to, process.id, stream, std::max<std::int64_t>(0, written - most_bytes), most_bytes,
                                   Duration::zero());
      // One that has been forgotten since the list was made has no more to say.
      if (!piece && piece.error().code != Code::not_found) return tl::unexpected(piece.error());
      if (piece) text += as_text(piece->bytes);
      if (!text.empty() && text.back() != '\n') text += '\n';
    }
  }
  return text;
}

void add_inside_routes(http::Router& router, Services& services) {
  router.add({"POST", base + "exec",
              waiting(services, [&services](const Caller& caller, const Once& once,
                                            std::shared_ptr<const http::Request> request, http::Responder respond) {
                exec(services, caller, once, std::move(request), std::move(respond));
              })});
  router.add({"GET", base + "logs",
              blocking(services, [&services](const Caller& caller, const Once&, const http::Request& request) {
                return logs(services, caller, request);
              })});
}

}  // namespace mayfly::api::dreadnode
