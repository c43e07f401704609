#include "driver/agent_client/agent_client.h"

#include <algorithm>

#include "driver/agent_client/connection.h"
#include "driver/agent_client/file_stream.h"
#include "driver/agent_client/messages.h"
#include "driver/agent_client/outstanding.h"
#include "driver/agent_client/process_stream.h"

namespace mayfly {

using namespace agent_client;
using wire::Kind;
using wire::Operation;
using wire::Writer;

namespace {

// Longer waits are this long: sums of instants must not overflow.
constexpr Duration longest_wait = std::chrono::hours(24 * 365);

Duration bounded(Duration wait) { return std::clamp(wait, Duration(0), longest_wait); }

Writer request(Operation operation) { return Writer(Kind::request, operation); }

Result<std::string> frame_of(Writer& request) {
  if (request.too_long())
    return fail(Code::too_large, "a request to an agent, with all its arguments and input, has at most " +
                                     std::to_string(wire::body_limit) + " bytes; this one has " +
                                     std::to_string(request.body_size()));
  return request.frame();
}

Result<std::string> command_frame(Operation operation, const Command& command, std::optional<Duration> wait) {
  if (command.argv.size() > wire::argument_limit || command.env.size() > wire::variable_limit)
    return fail(Code::too_large, "a command has at most " + std::to_string(wire::argument_limit) + " arguments and " +
                                     std::to_string(wire::variable_limit) + " variables");
  auto fields = request(operation);
  if (operation == Operation::run_once || operation == Operation::run_open) fields.text(command.token);
  write_command(fields, command);
  if (operation == Operation::attach) fields.boolean(command.stdin_open);
  if (wait) fields.integer(wait->count());
  return frame_of(fields);
}

/// A reply of the wrong form is no fault of our caller.
template <class T>
Result<T> from_agent(const Incarnation& to, Result<T> read) {
  if (!read) return nonsense(to_string(to), read.error().message);
  return read;
}

}  // namespace

AgentClient::AgentClient(SocketPath socket_path, AgentClientOptions options)
    : socket_path_(std::move(socket_path)), options_(options), outstanding_(std::make_unique<Outstanding>()) {}

AgentClient::~AgentClient() = default;

void AgentClient::end_waits() { outstanding_->end_all(); }

Result<AgentStatus> AgentClient::status(const Incarnation& to) {
  auto fields = request(Operation::status);
  return from_agent(to, read_status(TRY(call(to, frame_of(fields), std::nullopt, options_.call_timeout))));
}

void AgentClient::run(const Incarnation& to, const Command& command, Duration wait,
                      std::function<void(Result<RunResult>)> then) {
  const auto operation = command.stdin_open       ? Operation::run_open
                         : command.token.empty() ? Operation::run
                                                 : Operation::run_once;
  call_later(to, command_frame(operation, command, bounded(wait)), bounded(wait), std::move(then));
}

Result<Process> AgentClient::spawn(const Incarnation& to, const Command& command) {
  if (command.stdin_open) {
    const auto frame = command_frame(Operation::run_open, command, Duration::zero());
    auto ran = from_agent(to, read_run(TRY(call(to, frame, run_content_limit, options_.call_timeout))));
    return std::move(ran).map([](RunResult result) { return std::move(result.process); });
  }
  return from_agent(to, read_process(TRY(call(to, command_frame(Operation::spawn, command, std::nullopt), std::nullopt,
                                              options_.call_timeout))));
}

Result<std::vector<Process>> AgentClient::processes(const Incarnation& to) {
  auto fields = request(Operation::processes);
  return from_agent(to,
                    read_processes(TRY(call(to, frame_of(fields), processes_content_limit, options_.call_timeout))));
}

Result<Process> AgentClient::process(const Incarnation& to, std::int64_t id) {
  auto fields = request(Operation::process).integer(id);
  auto found = TRY(from_agent(to, read_process(TRY(call(to, frame_of(fields), std::nullopt, options_.call_timeout)))));
  if (found.id != id) return nonsense(to_string(to), "it answers about another process");
  return found;
}

void AgentClient::wait(const Incarnation& to, std::int64_t id, Duration wait,
                       std::function<void(Result<RunResult>)> then) {
  auto fields = request(Operation::wait).integer(id).integer(bounded(wait).count());
  call_later(to, frame_of(fields), bounded(wait), std::move(then));
}

Status AgentClient::let_sleep(const Incarnation& to, std::int64_t id) {
  auto fields = request(Operation::let_sleep).integer(id);
  return from_agent(to, read_nothing(TRY(call(to, frame_of(fields), std::nullopt, options_.call_timeout))));
}

Result<std::int64_t> AgentClient::holding(const Incarnation& to) {
  auto fields = request(Operation::holding);
  return from_agent(to, read_count(TRY(call(to, frame_of(fields), std::nullopt, options_.call_timeout))));
}

Status AgentClient::signal(const Incarnation& to, std::int64_t id, int signal) {
  auto fields = request(Operation::signal).integer(id).integer(signal);
  return from_agent(to, read_nothing(TRY(call(to, frame_of(fields), std::nullopt, options_.call_timeout))));
}

Result<LogPiece> AgentClient::log(const Incarnation& to, std::int64_t id, LogStream stream, std::int64_t offset,
                                  std::int64_t limit, Duration wait) {
  if (limit < 0) return fail(Code::invalid, "a log cannot be read for " + std::to_string(limit) + " bytes");
  limit = std::min(limit, log_limit);
  auto fields = request(Operation::log).integer(id).integer(static_cast<int>(stream)).integer(offset);
  fields.integer(limit).integer(bounded(wait).count());
  const auto most = static_cast<std::size_t>(limit);
  return from_agent(to, read_log(TRY(call(to, frame_of(fields), most, bounded(wait) + options_.call_timeout)), limit));
}

Result<std::unique_ptr<ProcessStream>> AgentClient::attach(const Incarnation& to, const Command& command) {
  return open_stream(to, TRY(command_frame(Operation::attach, command, std::nullopt)), {});
}

Result<std::unique_ptr<ProcessStream>> AgentClient::follow(const Incarnation& to, std::int64_t id,
                                                           const LogView& view) {
  auto fields = request(Operation::follow).integer(id);
  for (const bool shown : view.streams) fields.boolean(shown);
  for (const auto offset : view.from) fields.integer(offset);
  auto stream = TRY(open_stream(to, TRY(frame_of(fields)), view));
  if (stream->process().id != id) return nonsense(to_string(to), "it answers about another process");
  return stream;
}

Result<std::unique_ptr<ProcessStream>> AgentClient::open_stream(const Incarnation& to, const std::string& request,
                                                                const LogView& view) {
  auto connection = TRY(Connection::open(address(to), Clock::now() + options_.connect_timeout));
  return open_process_stream(std::move(connection), request, view, options_.call_timeout);
}

Result<Fed> AgentClient::feed(const Incarnation& to, std::int64_t id, std::string_view bytes, bool close,
                              Duration wait) {
  if (bytes.size() > feed_limit)
    return fail(Code::too_large, "a process is given at most " + std::to_string(feed_limit) + " bytes at a time");
  auto fields = request(Operation::feed).integer(id).integer(bounded(wait).count()).boolean(close).text(bytes);
  const auto reply = TRY(call(to, frame_of(fields), std::nullopt, bounded(wait) + options_.call_timeout));
  return from_agent(to, read_fed(reply, bytes.size()));
}

Result<FileInfo> AgentClient::stat(const Incarnation& to, const std::string& path) {
  auto fields = request(Operation::stat).text(path);
  return from_agent(to, read_stat(TRY(call(to, frame_of(fields), std::nullopt, options_.call_timeout))));
}

Result<FileList> AgentClient::list(const Incarnation& to, const std::string& path) {
  auto fields = request(Operation::list).text(path);
  return from_agent(to, read_list(TRY(call(to, frame_of(fields), list_content_limit, options_.long_call_timeout))));
}

Result<FileList> AgentClient::tree(const Incarnation& to, const std::string& path) {
  auto fields = request(Operation::tree).text(path);
  return from_agent(to, read_tree(TRY(call(to, frame_of(fields), list_content_limit, options_.long_call_timeout))));
}

Result<std::unique_ptr<Source>> AgentClient::read(const Incarnation& to, const std::string& path, std::int64_t offset,
                                                  std::int64_t length) {
  auto fields = request(Operation::read).text(path).integer(offset).integer(length);
  const auto frame = TRY(frame_of(fields));
  auto connection = TRY(Connection::open(address(to), Clock::now() + options_.connect_timeout));
  return open_file(std::move(connection), frame, length, options_.call_timeout);
}

Status AgentClient::write(const Incarnation& to, const std::string& path, std::optional<std::uint32_t> mode,
                          Source& content) {
  if (mode && *mode > 07777) return fail(Code::invalid, "a mode has no bits beyond 07777");
  auto fields = request(Operation::write).text(path).integer(mode ? std::int64_t(*mode) : -1);
  const auto frame = TRY(frame_of(fields));
  auto connection = TRY(Connection::open(address(to), Clock::now() + options_.connect_timeout));
  return replace_file(connection, frame, content, options_.call_timeout);
}

Status AgentClient::mkdir(const Incarnation& to, const std::string& path, bool parents) {
  auto fields = request(Operation::mkdir).text(path).boolean(parents);
  return from_agent(to, read_nothing(TRY(call(to, frame_of(fields), std::nullopt, options_.call_timeout))));
}

Status AgentClient::move(const Incarnation& to, const std::string& from, const std::string& path) {
  auto fields = request(Operation::move).text(from).text(path);
  return from_agent(to, read_nothing(TRY(call(to, frame_of(fields), std::nullopt, options_.long_call_timeout))));
}

Status AgentClient::remove(const Incarnation& to, const std::string& path, bool recursive) {
  auto fields = request(Operation::remove).text(path).boolean(recursive);
  return from_agent(to, read_nothing(TRY(call(to, frame_of(fields), std::nullopt, options_.long_call_timeout))));
}

void AgentClient::connect(const Incarnation& to, int port, std::function<void(Result<PortConnection>)> then) {
  auto fields = request(Operation::connect).integer(port);
  auto frame = frame_of(fields);
  if (!frame) return then(tl::unexpected(frame.error()));
  const auto now = Clock::now();
  Call call;
  call.address = address(to);
  call.request = std::move(*frame);
  call.content_limit = std::nullopt;
  call.keeps_connection = true;
  call.connect_until = now + options_.connect_timeout;
  call.until = now + options_.call_timeout;
  call.then = [then = std::move(then)](Result<Reply> reply) {
    if (!reply) return then(tl::unexpected(reply.error()));
    ByteChannel tunnel(reply->tunnel.release());
    const auto read = read_nothing(std::move(*reply));
    if (!read) return then(tl::unexpected(read.error()));
    then(PortConnection{std::move(tunnel), nullptr});
  };
  outstanding_->add(std::move(call));
}

Status AgentClient::set_mode(const Incarnation& to, const std::string& path, std::uint32_t mode) {
  if (mode > 07777) return fail(Code::invalid, "a mode has no bits beyond 07777");
  auto fields = request(Operation::mode).text(path).integer(mode);
  return from_agent(to, read_nothing(TRY(call(to, frame_of(fields), std::nullopt, options_.call_timeout))));
}

Status AgentClient::link(const Incarnation& to, const std::string& path, const std::string& target) {
  auto fields = request(Operation::link).text(path).text(target);
  return from_agent(to, read_nothing(TRY(call(to, frame_of(fields), std::nullopt, options_.call_timeout))));
}

Address AgentClient::address(const Incarnation& to) const { return {socket_path_(to), to_string(to)}; }

Result<Reply> AgentClient::call(const Incarnation& to, const Result<std::string>& request,
                                std::optional<std::size_t> content_limit, Duration timeout) {
  if (!request) return tl::unexpected(request.error());
  const auto now = Clock::now();
  auto connection = TRY(Connection::open(address(to), now + std::min(options_.connect_timeout, timeout)));
  return connection.call(*request, content_limit, now + timeout);
}

void AgentClient::call_later(const Incarnation& to, Result<std::string> request, Duration wait,
                             std::function<void(Result<RunResult>)> then) {
  if (!request) return then(tl::unexpected(request.error()));
  const auto now = Clock::now();
  Call call;
  call.address = address(to);
  call.request = std::move(*request);
  call.content_limit = run_content_limit;
  call.connect_until = now + options_.connect_timeout;
  call.until = now + wait + options_.call_timeout;
  call.then = [to, then = std::move(then)](Result<Reply> reply) {
    then(reply ? from_agent(to, read_run(std::move(*reply))) : tl::unexpected(reply.error()));
  };
  outstanding_->add(std::move(call));
}

}  // namespace mayfly
