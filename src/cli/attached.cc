#include "cli/attached.h"

#include <cstdio>
#include <future>
#include <random>
#include <thread>

#include "cli/answer.h"

namespace mayfly::cli {

namespace {

// What ends sooner is answered by one call, output and all; what runs on is followed.
constexpr std::chrono::milliseconds quick{300};
constexpr std::chrono::milliseconds between_looks{100};
constexpr int longest_wait = 3600;                              // seconds, the most the server grants
constexpr std::chrono::milliseconds no_timeout{0};
constexpr std::chrono::seconds farewell_timeout{10};
constexpr std::string_view replacement = "\xef\xbf\xbd";

std::string processes_path(const std::string& sandbox) { return path_to("/v1/sandboxes", {sandbox, "processes"}); }

std::string log_path(const std::string& sandbox, const std::string& process, bool from_stderr, bool follow) {
  return path_to(processes_path(sandbox), {process, "logs"},
                 {{"stream", from_stderr ? "stderr" : "stdout"}, {"follow", follow ? "true" : "false"}});
}

/// The call that waits for the end. Its thread is let go rather than joined: when the reader of the output leaves,
/// nobody waits for a command that may take an hour to die.
std::shared_future<Result<Answer>> begin(const Target& target, const std::string& sandbox, const json::object& body) {
  std::packaged_task<Result<Answer>()> task([target, sandbox, body] {
    return ApiClient(target).send("run a command in " + sandbox, "POST", path_to("/v1/sandboxes", {sandbox, "exec"}),
                                  body, no_timeout);
  });
  auto answer = task.get_future().share();
  std::thread(std::move(task)).detach();
  return answer;
}

std::string id_of_named(ApiClient& api, const std::string& sandbox, const std::string& name) {
  const auto answer = api.get("list processes", processes_path(sandbox));
  if (!answer) return {};
  for (const auto& value : array_at(answer->body, "items"))
    if (const auto* process = value.if_object();
        process && text_at(*process, "name") == name && flag_at(*process, "running"))
      return text_at(*process, "id");
  return {};
}

struct Followed {
  Status status;
  std::uint64_t bytes = 0;
};

Followed follow(const Target& target, const std::string& sandbox, const std::string& process, bool from_stderr,
                Output& to) {
  Followed followed;
  http::ClientRequest request{.path = log_path(sandbox, process, from_stderr, true), .timeout = no_timeout};
  request.download = [&](std::string_view piece) {
    followed.bytes += piece.size();
    return to.write(piece);
  };
  const auto response = ApiClient(target).call("follow the output", request);
  if (!response) followed.status = tl::unexpected(response.error());
  return followed;
}

void tell_dropped(Session& session, json::object& process, const char* stream, double dropped) {
  if (dropped <= 0) return;
  process[std::string(stream) + "_dropped"] = dropped;
  note(session, bytes(dropped) + " of " + stream +
                    " are missing: only the newest MiB is kept. Write so much to a file, and fetch it with mayfly cp");
}

/// The whole answer is here; only what JSON could not carry is asked for again.
json::object finish(Session& session, const std::string& sandbox, Answer answer) {
  for (const bool from_stderr : {false, true}) {
    const char* stream = from_stderr ? "stderr" : "stdout";
    auto& to = from_stderr ? session.err : session.out;
    auto text = text_at(answer.body, stream);
    if (text.find(replacement) != std::string::npos) {
      const auto path = log_path(sandbox, text_at(answer.body, "id"), from_stderr, false);
      if (const auto raw = session.api.call("read the output", {.path = path})) text = raw->body;
    }
    to.write(text);
    tell_dropped(session, answer.body, stream, number_at(answer.body, std::string(stream) + "_dropped").value_or(0));
  }
  return answer.body;
}

}  // namespace

std::string unique_name(const std::string& prefix) {
  std::random_device random;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%08x%08x", random(), random());
  return prefix + digits;
}

void signal_named(const Target& target, const std::string& sandbox, const std::string& name,
                  const std::string& signal) {
  ApiClient api(target);
  const auto id = id_of_named(api, sandbox, name);
  if (id.empty()) return;
  const auto path = path_to(processes_path(sandbox), {id}, {{"signal", signal}});
  (void)api.send("signal it", "DELETE", path, {}, farewell_timeout);
}

Result<json::object> run_attached(Session& session, const std::string& sandbox, json::object body) {
  const auto name = text_at(body, "name");
  body["wait"] = true;
  body["wait_seconds"] = longest_wait;
  const auto& target = session.api.target();
  const auto answer = begin(target, sandbox, body);
  const auto is_here = [&](std::chrono::milliseconds patience) {
    return answer.wait_for(patience) == std::future_status::ready;
  };

  std::string id;
  for (auto patience = quick; id.empty() && !is_here(patience); patience = between_looks)
    id = id_of_named(session.api, sandbox, name);
  if (id.empty()) return finish(session, sandbox, TRY(answer.get()));

  Followed err;
  std::thread other([&] { err = follow(target, sandbox, id, true, session.err); });
  const auto out = follow(target, sandbox, id, false, session.out);
  const bool reader_left = session.out.error() != 0 || session.err.error() != 0;
  if (reader_left) signal_named(target, sandbox, name, "TERM");
  other.join();
  if (reader_left) return json::object{};
  // A log that breaks off has the same reason as the call that waits, which tells it better.
  if (!out.status || !err.status) TRY(answer.get());
  TRY(out.status);
  TRY(err.status);

  auto ended = TRY(session.api.get("get process " + id, path_to(processes_path(sandbox), {id})));
  tell_dropped(session, ended.body, "stdout", number_at(ended.body, "stdout_bytes").value_or(0) - double(out.bytes));
  tell_dropped(session, ended.body, "stderr", number_at(ended.body, "stderr_bytes").value_or(0) - double(err.bytes));
  return ended.body;
}

}  // namespace mayfly::cli
