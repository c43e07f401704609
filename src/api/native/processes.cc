#include <csignal>

#include "api/native/handler.h"
#include "api/native/process_records.h"
#include "api/native/render.h"
#include "api/native/routes.h"
#include "api/native/variables.h"
#include "json/bytes.h"

namespace mayfly::api::native {

namespace {

using json::as_text;

constexpr double longest_wait = 3600;
constexpr Duration default_wait = 60s;
constexpr std::size_t exec_body_limit = 1 << 20;

struct ExecWish {
  Command command;
  Duration wait = default_wait;
  bool waits = true;
};

/// command: a string is a shell line, an array is argv.
void read_argv(json::Reader& reader, std::vector<std::string>& argv) {
  const auto* given = reader.raw("command");
  if (!given) return reader.complain("command", "a shell line (string) or argv (array of strings)", "nothing");
  if (given->is_array()) {
    argv = reader.optional_string_list("command", 1024, {.max = 131072}).value_or(std::vector<std::string>());
    if (argv.empty()) reader.complain("command", "at least the name of a program", "an empty array");
    return;
  }
  if (const auto line = reader.optional_string("command", {.min = 1, .max = 1 << 17})) argv = {"/bin/sh", "-c", *line};
}

Result<ExecWish> read_exec(const std::string& body) {
  json::Reader reader(body);
  ExecWish wish;
  read_argv(reader, wish.command.argv);
  wish.command.env = read_variables(reader);
  wish.command.cwd = reader.optional_string("cwd", {.min = 1, .max = 4096}).value_or("");
  wish.command.input = reader.optional_string("stdin", {.max = 1 << 19}).value_or("");
  wish.command.stdin_open = reader.optional_bool("stdin_open").value_or(false);
  if (wish.command.stdin_open && !wish.command.input.empty())
    reader.complain("stdin_open", "false where stdin says all that the command will read", "both");
  wish.command.name = reader.optional_string("name", {.min = 1, .max = 128}).value_or("");
  if (const auto timeout = reader.optional_number("timeout_seconds", {.min = 0.001, .max = 31'536'000}))
    wish.command.timeout = from_seconds(*timeout);
  wish.command.keep_awake = reader.optional_bool("keep_awake").value_or(true);
  wish.waits = reader.optional_bool("wait").value_or(true);
  if (const auto wait = reader.optional_number("wait_seconds", {.min = 0, .max = longest_wait}))
    wish.wait = *from_seconds(*wait);
  TRY(reader.finish());
  if (!wish.waits) wish.wait = Duration::zero();
  return wish;
}

http::Response ran(const RunResult& result) {
  auto body = render(result.process);
  body["stdout"] = as_text(result.out.bytes);
  body["stderr"] = as_text(result.err.bytes);
  body["stdout_dropped"] = result.out.start;
  body["stderr_dropped"] = result.err.start;
  return ok(body, result.process.running ? 202 : 200);
}

void exec(Services& services, const Caller& caller, const Once& once, std::shared_ptr<const http::Request> request,
          http::Responder respond) {
  auto wish = read_exec(request->body);
  if (!wish) return respond(problem(wish.error(), request->id));
  const auto held = holding_place(services, once, respond);
  if (!held) return respond(problem(held.error(), request->id));
  const auto run = [&services, caller, once, request, tell = *held, wish = std::move(*wish)] {
    services.execution.run(caller, request->param("id"), wish.command, wish.wait,
                           [request, tell](Result<RunResult> result) {
                             tell(result ? ran(*result) : problem(result.error(), request->id));
                           },
                           once);
  };
  // With a key there is a commit before the command, which no thread of the network waits for.
  if (once) services.post(run);
  else run();
}

/// The same as a stream. Whoever repeats it would get another one: the output goes to one reader.
Result<http::Response> exec_streamed(Services& services, const Caller& caller, const Once& once,
                                     const http::Request& request) {
  if (once)
    return fail(Code::invalid,
                "a streamed exec cannot be repeated, so it takes no Idempotency-Key: send it without one, or without "
                "asking for a stream",
                "stream_not_repeatable");
  auto wish = TRY(read_exec(request.body));
  if (!wish.waits)
    return tl::unexpected(Error{Code::invalid, "a command that is not waited for has no stream", "wait_invalid",
                                {{"wait", "true where Accept asks for a stream", "false"}}});
  const auto form = *record_form_of(request);
  return records(TRY(services.execution.attach(caller, request.param("id"), std::move(wish.command))), form,
                 request.id);
}

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  const auto to = TRY(services.execution.look(caller, request.param("id")));
  boost::json::array items;
  for (const auto& process : TRY(services.execution.agent().processes(to))) items.push_back(render(process));
  return ok({{"items", std::move(items)}, {"next_cursor", nullptr}});
}

Result<http::Response> get(Services& services, const Caller& caller, const http::Request& request) {
  const auto to = TRY(services.execution.look(caller, request.param("id")));
  return ok(render(TRY(services.execution.agent().process(to, TRY(process_id(request))))));
}

Result<int> signal_of(const http::Request& request) {
  const auto* given = request.query_value("signal");
  if (!given || *given == "KILL") return SIGKILL;
  if (*given == "TERM") return SIGTERM;
  if (*given == "INT") return SIGINT;
  if (*given == "HUP") return SIGHUP;
  if (*given == "QUIT") return SIGQUIT;
  if (*given == "USR1") return SIGUSR1;
  if (*given == "USR2") return SIGUSR2;
  if (*given == "STOP") return SIGSTOP;
  if (*given == "CONT") return SIGCONT;
  return fail(Code::invalid, "signal must be KILL, TERM, INT, HUP, QUIT, USR1, USR2, STOP or CONT; got \"" +
                                 given->substr(0, 20) + "\"", "query_invalid");
}

Result<http::Response> signal(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"signal"}));
  const int number = TRY(signal_of(request));
  const auto to = TRY(services.execution.use(caller, request.param("id"), Activity::exec));
  const auto id = TRY(process_id(request));
  TRY(services.execution.agent().signal(to, id, number));
  return ok(render(TRY(services.execution.agent().process(to, id))));
}

}  // namespace

void add_process_routes(http::Router& router, Services& services) {
  const std::string base = "/v1/sandboxes/{id}/processes";
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  router.add({"POST", "/v1/sandboxes/{id}/exec",
              parked_once(services, [&services](const Caller& caller, const Once& once,
                                                std::shared_ptr<const http::Request> request,
                                                http::Responder respond) {
                exec(services, caller, once, std::move(request), std::move(respond));
              }),
              exec_body_limit, false,
              http::Route::Streamed{[](const http::Request& request) { return record_form_of(request).has_value(); },
                                    blocking_once(services, [&services](const Caller& caller, const Once& once,
                                                                        const http::Request& request) {
                                      return exec_streamed(services, caller, once, request);
                                    })}});
  router.add({"GET", base, with(list)});
  router.add({"GET", base + "/{process}", with(get)});
  router.add({"DELETE", base + "/{process}", with(signal)});
  add_process_log_route(router, services);
  add_process_input_route(router, services);
}

}  // namespace mayfly::api::native
