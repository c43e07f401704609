#include "cli/attached.h"

#include <cstdio>
#include <random>

#include "cli/answer.h"
#include "cli/failure.h"
#include "cli/feeder.h"
#include "json/bytes.h"

namespace mayfly::cli {

namespace {

constexpr std::chrono::milliseconds no_timeout{0};
constexpr std::chrono::seconds farewell_timeout{10};

std::string processes_path(const std::string& sandbox) { return path_to("/v1/sandboxes", {sandbox, "processes"}); }

std::string id_of_named(ApiClient& api, const std::string& sandbox, const std::string& name) {
  const auto answer = api.get("list processes", processes_path(sandbox));
  if (!answer) return {};
  for (const auto& value : array_at(answer->body, "items"))
    if (const auto* process = value.if_object();
        process && text_at(*process, "name") == name && flag_at(*process, "running"))
      return text_at(*process, "id");
  return {};
}

/// The records of a process as they come: output goes where it belongs, the rest is remembered.
class Listener {
 public:
  Listener(Session& session, std::function<void(const json::object&)> started)
      : session_(session), started_(std::move(started)) {}

  /// False: nobody reads on.
  bool take(std::string_view piece) {
    line_ += piece;
    std::size_t from = 0;
    for (auto end = line_.find('\n'); end != line_.npos; end = line_.find('\n', from)) {
      if (!take_record(std::string_view(line_).substr(from, end - from))) return false;
      from = end + 1;
    }
    line_.erase(0, from);
    return true;
  }

  bool reader_left() const { return session_.out.error() != 0 || session_.err.error() != 0; }

  /// The process as it ended, and what is missing of its output.
  Result<json::object> ended() {
    if (trouble_) return tl::unexpected(*trouble_);
    if (!exit_) return fail(Code::unavailable, "the output broke off before the end of the command", "cut_off");
    tell_dropped("stdout", dropped_[0]);
    tell_dropped("stderr", dropped_[1]);
    return std::move(*exit_);
  }

 private:
  bool take_record(std::string_view text) {
    const auto parsed = json::parse(std::string(text));
    if (!parsed || !parsed->is_object()) return true;
    const auto& record = parsed->get_object();
    const auto type = text_at(record, "type");
    if (type == "stdout") return session_.out.write(bytes_of(record));
    if (type == "stderr") return session_.err.write(bytes_of(record));
    if (type == "dropped") dropped_[text_at(record, "stream") == "stderr"] += number_at(record, "bytes").value_or(0);
    if (type == "started" && started_) started_(object_at(record, "process"));
    if (type == "exit") exit_ = record;
    if (type == "error") {
      const auto& problem = object_at(record, "problem");
      http::Response response;
      response.status = static_cast<int>(number_at(problem, "status").value_or(500));
      response.body = boost::json::serialize(problem);
      trouble_ = refusal(response);
    }
    return true;
  }

  static std::string bytes_of(const json::object& record) {
    if (record.contains("data")) return text_at(record, "data");
    return json::from_base64(text_at(record, "data_base64")).value_or("");
  }

  void tell_dropped(const char* stream, double dropped) {
    if (dropped <= 0) return;
    (*exit_)[std::string(stream) + "_dropped"] = dropped;
    note(session_, bytes(dropped) + " of " + stream + " are missing: only the newest MiB is kept for who comes late");
  }

  Session& session_;
  const std::function<void(const json::object&)> started_;
  std::string line_;
  double dropped_[2] = {0, 0};
  std::optional<json::object> exit_;
  std::optional<Error> trouble_;
};

/// Nothing to show when the reader of the output has left.
Result<json::object> listen(Session& session, const std::string& what, http::ClientRequest request,
                            Listener& listener) {
  request.headers.emplace_back("Accept", "application/x-ndjson");
  request.timeout = no_timeout;
  request.download = [&](std::string_view piece) { return listener.take(piece); };
  TRY(session.api.call(what, request));
  if (listener.reader_left()) return json::object{};
  return listener.ended().map_error([&](Error error) { return in_context("cannot " + what, std::move(error)); });
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

Result<json::object> run_attached(Session& session, const std::string& sandbox, const json::object& body) {
  Feeder feeder;
  Listener listener(session, [&](const json::object& process) {
    if (flag_at(body, "stdin_open"))
      feeder.start(session.api.target(), path_to(processes_path(sandbox), {text_at(process, "id"), "stdin"}));
  });
  http::ClientRequest request{.method = "POST", .path = path_to("/v1/sandboxes", {sandbox, "exec"})};
  request.headers = {{"Content-Type", "application/json"}};
  request.body = boost::json::serialize(body);
  auto ended = listen(session, "run a command in " + sandbox, std::move(request), listener);
  if (listener.reader_left()) signal_named(session.api.target(), sandbox, text_at(body, "name"), "TERM");
  return ended;
}

Result<json::object> follow_process(Session& session, const std::string& sandbox, const std::string& process) {
  Listener listener(session, {});
  http::ClientRequest request;
  request.path = path_to(processes_path(sandbox), {process, "logs"}, {{"follow", "true"}});
  return listen(session, "follow the log of process " + process, std::move(request), listener);
}

}  // namespace mayfly::cli
