#include "driver/agent_client/messages.h"

#include <limits>

namespace mayfly::agent_client {

namespace {

using wire::Reader;

static_assert(Agent::news_limit == wire::chunk_size);
static_assert(Agent::log_limit == wire::log_limit && Agent::list_limit == wire::list_limit);

constexpr std::int64_t longest_us = 200LL * 366 * 86400 * 1'000'000;
constexpr int largest_signal = 64;

Process process_from(Reader& from) {
  Process process;
  process.id = from.integer(1);
  process.pid = from.integer(0);
  process.name = from.text(256);
  for (auto left = from.count(wire::argument_limit); left > 0; --left)
    process.argv.push_back(from.text(wire::body_limit));
  process.running = from.boolean();
  process.timed_out = from.boolean();
  process.exit_code = static_cast<int>(from.integer(0, 255));
  process.signal = static_cast<int>(from.integer(0, largest_signal));
  process.age = Duration(from.integer(0, longest_us));
  process.ran = Duration(from.integer(0, longest_us));
  process.stdout_bytes = from.integer(0);
  process.stderr_bytes = from.integer(0);
  return process;
}

struct PieceFields {
  LogPiece piece;
  std::size_t size = 0;
};

PieceFields piece_from(Reader& from, std::int64_t limit) {
  PieceFields fields;
  fields.piece.start = from.integer(0);
  fields.piece.total = from.integer(fields.piece.start);
  fields.piece.dropped = from.integer(0, fields.piece.start);
  fields.piece.ended = from.boolean();
  fields.size = static_cast<std::size_t>(from.integer(0, std::min(limit, fields.piece.total - fields.piece.start)));
  return fields;
}

/// A name that leads nowhere else: one segment, or for a tree a path that stays below its root.
bool harmless(const std::string& name, bool is_path) {
  if (name.empty() || name.find('\0') != name.npos || name.front() == '/' || name.back() == '/') return false;
  for (std::size_t at = 0; at <= name.size();) {
    const auto slash = std::min(name.find('/', at), name.size());
    const auto segment = std::string_view(name).substr(at, slash - at);
    if (segment.empty() || segment == "." || segment == ".." || (!is_path && slash < name.size())) return false;
    at = slash + 1;
  }
  return true;
}

FileInfo info_from(Reader& from) {
  FileInfo info;
  info.name = from.text(wire::path_limit);
  info.type = static_cast<FileInfo::Type>(from.integer(0, static_cast<int>(FileInfo::Type::device)));
  info.size = from.integer(0);
  info.mode = static_cast<std::uint32_t>(from.integer(0, 07777));
  info.uid = static_cast<std::uint32_t>(from.integer(0, std::numeric_limits<std::uint32_t>::max()));
  info.gid = static_cast<std::uint32_t>(from.integer(0, std::numeric_limits<std::uint32_t>::max()));
  info.mtime_us = from.integer();
  info.target = from.text(wire::path_limit);
  return info;
}

Result<FileList> entries_from(const Reply& reply, bool names_are_paths) {
  Reader fields(reply.fields);
  const auto count = fields.integer(0, wire::list_limit);
  FileList list;
  list.cut = fields.boolean();
  TRY(fields.end("the list"));
  Reader from(reply.content);
  for (std::int64_t left = count; left > 0 && from.good(); --left) {
    list.entries.push_back(info_from(from));
    if (from.good() && !harmless(list.entries.back().name, names_are_paths))
      return fail(Code::invalid, "the list has an entry with a name that none can have");
  }
  TRY(from.end("the list"));
  return list;
}

}  // namespace

void write_command(wire::Writer& to, const Command& command) {
  to.count(command.argv.size());
  for (const auto& argument : command.argv) to.text(argument);
  to.count(command.env.size());
  for (const auto& [name, value] : command.env) to.text(name).text(value);
  to.text(command.cwd).text(command.input).text(command.name);
  // A timeout that has passed already is the shortest one, not none.
  to.integer(command.timeout ? std::max<std::int64_t>(0, command.timeout->count()) : -1);
}

Result<AgentStatus> read_status(const Reply& reply) {
  Reader from(reply.fields);
  AgentStatus status;
  status.version = from.text(64);
  status.running = static_cast<int>(from.integer(0, std::numeric_limits<int>::max()));
  status.connections = static_cast<int>(from.integer(0, std::numeric_limits<int>::max()));
  TRY(from.end("the status"));
  return status;
}

Result<Process> read_process(const Reply& reply) {
  Reader from(reply.fields);
  auto process = process_from(from);
  TRY(from.end("the process"));
  return process;
}

Result<std::vector<Process>> read_processes(const Reply& reply) {
  Reader fields(reply.fields);
  const auto count = fields.integer(0, wire::process_limit + wire::ended_limit + 1);
  TRY(fields.end("the list of processes"));
  Reader from(reply.content);
  std::vector<Process> processes;
  for (std::int64_t left = count; left > 0 && from.good(); --left) processes.push_back(process_from(from));
  TRY(from.end("the list of processes"));
  return processes;
}

Result<RunResult> read_run(Reply reply) {
  Reader from(reply.fields);
  RunResult result;
  result.process = process_from(from);
  auto out = piece_from(from, wire::log_limit);
  auto err = piece_from(from, wire::log_limit);
  TRY(from.end("the result"));
  if (reply.content.size() != out.size + err.size) return fail(Code::invalid, "the result has logs of another size");
  result.out = std::move(out.piece);
  result.err = std::move(err.piece);
  result.err.bytes = reply.content.substr(out.size);
  reply.content.resize(out.size);
  result.out.bytes = std::move(reply.content);
  return result;
}

Result<LogPiece> read_log(Reply reply, std::int64_t limit) {
  Reader from(reply.fields);
  auto fields = piece_from(from, limit);
  TRY(from.end("the log"));
  if (reply.content.size() != fields.size) return fail(Code::invalid, "the log is of another size than it says");
  fields.piece.bytes = std::move(reply.content);
  return fields.piece;
}

Result<FileInfo> read_stat(const Reply& reply) {
  Reader from(reply.fields);
  auto info = info_from(from);
  TRY(from.end("the entry"));
  if (info.name != "/" && !harmless(info.name, false))
    return fail(Code::invalid, "the entry has a name that none can have");
  return info;
}

Result<FileList> read_list(const Reply& reply) { return entries_from(reply, false); }

Result<FileList> read_tree(const Reply& reply) { return entries_from(reply, true); }

Result<std::int64_t> read_count(const Reply& reply) {
  Reader fields(reply.fields);
  const auto count = fields.integer(0);
  TRY(fields.end("the answer"));
  return count;
}

Result<Fed> read_fed(const Reply& reply, std::size_t given) {
  Reader from(reply.fields);
  Fed fed;
  fed.taken = from.integer(0, static_cast<std::int64_t>(given));
  fed.closed = from.boolean();
  TRY(from.end("the answer"));
  return fed;
}

Result<ProcessNews> read_news(std::string_view frame) {
  Reader from(frame);
  ProcessNews news;
  const auto what = from.integer(0, 2);
  if (what == 2) {
    news.kind = ProcessNews::Kind::ended;
    news.process = process_from(from);
  } else {
    news.kind = ProcessNews::Kind::output;
    news.stream = what == 0 ? LogStream::out : LogStream::err;
    news.start = from.integer(0);
    news.bytes = from.text(Agent::news_limit);
  }
  TRY(from.end("the news"));
  if (news.kind == ProcessNews::Kind::ended && news.process.running)
    return fail(Code::invalid, "the news holds a process that has ended and runs");
  return news;
}

Status read_nothing(const Reply& reply) { return Reader(reply.fields).end("the answer"); }

}  // namespace mayfly::agent_client
