#include <csignal>

#include "api/native/handler.h"
#include "api/native/render.h"
#include "api/native/routes.h"
#include "api/native/variables.h"
#include "json/bytes.h"

namespace mayfly::api::native {

namespace {

using json::as_text;

constexpr double longest_wait = 3600;
constexpr Duration default_wait = 60s;

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

/// What a process wrote, and what the agent says of it, are bytes: the agent belongs to whoever is root in there.
boost::json::object render(const Process& process) {
  boost::json::array argv;
  for (const auto& word : process.argv) argv.emplace_back(as_text(word));
  boost::json::object object = {{"id", process.id},
                                {"pid", process.pid},
                                {"name", text_or_null(as_text(process.name))},
                                {"argv", std::move(argv)},
                                {"running", process.running},
                                {"timed_out", process.timed_out},
                                {"exit_code", nullptr},
                                {"signal", nullptr},
                                {"age_seconds", seconds(process.age)},
                                {"ran_seconds", seconds(process.ran)},
                                {"stdout_bytes", process.stdout_bytes},
                                {"stderr_bytes", process.stderr_bytes}};
  if (!process.running) object["exit_code"] = process.exit_code;
  if (process.signal != 0) object["signal"] = process.signal;
  return object;
}

http::Response render(const RunResult& result) {
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
                             tell(result ? render(*result) : problem(result.error(), request->id));
                           },
                           once);
  };
  // With a key there is a commit before the command, which no thread of the network waits for.
  if (once) services.post(run);
  else run();
}

Result<std::int64_t> process_id(const http::Request& request) {
  const auto& text = request.param("process");
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error == std::errc() && end == text.data() + text.size() && id > 0) return id;
  return fail(Code::not_found, "no process \"" + text.substr(0, 40) + "\"", "process_not_found");
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

/// A log as it grows, until the process ends or the reader leaves.
class FollowedLog : public http::BodySource {
 public:
  FollowedLog(Agent& agent, Incarnation to, std::int64_t process, LogStream stream, std::int64_t offset)
      : agent_(agent), to_(std::move(to)), process_(process), stream_(stream), offset_(offset) {}

  Result<std::size_t> read(std::span<char> room) override {
    while (!ended_) {
      const auto piece = TRY(agent_.log(to_, process_, stream_, offset_, static_cast<std::int64_t>(room.size()), 5s));
      offset_ = piece.start + static_cast<std::int64_t>(piece.bytes.size());
      ended_ = piece.ended;
      std::copy(piece.bytes.begin(), piece.bytes.end(), room.begin());
      if (!piece.bytes.empty()) return piece.bytes.size();
    }
    return 0;
  }

 private:
  Agent& agent_;
  Incarnation to_;
  std::int64_t process_;
  LogStream stream_;
  std::int64_t offset_;
  bool ended_ = false;
};

/// The bytes as they are; where they begin and how much was written in all stand in the header.
Result<http::Response> logs(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"stream", "offset", "follow"}));
  const auto* word = request.query_value("stream");
  if (word && *word != "stdout" && *word != "stderr")
    return fail(Code::invalid, "stream must be stdout or stderr; got \"" + word->substr(0, 20) + "\"", "query_invalid");
  const auto stream = word && *word == "stderr" ? LogStream::err : LogStream::out;
  const auto offset = TRY(query_integer(request, "offset", 0, 0, std::int64_t{1} << 62));
  const bool follow = TRY(query_flag(request, "follow", false));
  const auto id = TRY(process_id(request));
  const auto to = TRY(services.execution.look(caller, request.param("id")));
  auto& agent = services.execution.agent();
  const auto piece = TRY(agent.log(to, id, stream, offset, Agent::log_limit, Duration::zero()));

  http::Response response;
  response.headers = {{"Content-Type", "application/octet-stream"},
                      {"X-Log-Start", std::to_string(piece.start)},
                      {"X-Log-Total", std::to_string(piece.total)},
                      {"X-Log-Dropped", std::to_string(piece.dropped)}};
  if (follow) response.stream = std::make_shared<FollowedLog>(agent, to, id, stream, offset);
  else response.body = piece.bytes;
  return response;
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
              })});
  router.add({"GET", base, with(list)});
  router.add({"GET", base + "/{process}", with(get)});
  router.add({"DELETE", base + "/{process}", with(signal)});
  router.add({"GET", base + "/{process}/logs", with(logs), 1 << 20, true});
}

}  // namespace mayfly::api::native
