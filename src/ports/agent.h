#pragma once
// The program inside: PID 1 of every sandbox. It starts processes, keeps their exit codes and bounded logs across
// restarts of the server, and reads and writes files below the sandbox's own root. One neutral protocol; dialects
// translate it. Nothing it says decides a delete.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "base/byte_channel.h"
#include "base/stream.h"

namespace mayfly {

struct Command {
  std::vector<std::string> argv{};             // a shell line is {"/bin/sh", "-c", LINE}
  std::map<std::string, std::string> env{};    // on top of the agent's own PATH, HOME, ...
  std::string cwd = "/";
  std::string input{};                         // given on stdin, which is then closed
  std::string name{};                          // optional label, unique among running ones (Code::conflict)
  std::optional<Duration> timeout{};           // then SIGKILL to its process group
  std::string token{};                         // optional; see Agent::run
  bool keep_awake = true;                      // see Agent::let_sleep
  bool stdin_open = false;                     // fed later by Agent::feed, instead of `input`
};

/// A process started through the agent. `id` counts from 1 within one generation and is never reused.
struct Process {
  std::int64_t id = 0;
  std::int64_t pid = 0;                        // inside its own pid namespace
  std::string name;
  std::vector<std::string> argv;
  bool running = true;
  bool timed_out = false;
  int exit_code = 0;                           // 128 + signal for a signalled one, as a shell says it
  int signal = 0;
  Duration age{};                              // since its start, by the agent's clock
  Duration ran{};                              // start to end, or to now
  std::int64_t stdout_bytes = 0;               // written in all
  std::int64_t stderr_bytes = 0;
};

enum class LogStream { out, err };

/// A piece of a log. Logs are bounded: what lies before `start` was dropped, and `dropped` says how much was.
struct LogPiece {
  std::string bytes;
  std::int64_t start = 0;      // offset of bytes[0] in the stream
  std::int64_t total = 0;      // bytes written so far
  std::int64_t dropped = 0;    // bytes between the offset asked for and `start`
  bool ended = false;          // the process is gone and everything was read
};

struct RunResult {
  Process process;             // still running when the wait ended first
  LogPiece out, err;           // up to Agent::log_limit bytes of each, the newest ones
};

/// What comes next from a process that is followed: a piece of a stream, its end, or nothing so far.
struct ProcessNews {
  enum class Kind { output, ended, silence };
  Kind kind = Kind::silence;
  LogStream stream = LogStream::out;
  std::int64_t start = 0;      // offset of bytes[0] in the stream
  std::int64_t dropped = 0;    // bytes of it before `start` that are lost
  std::string bytes;           // up to Agent::news_limit
  Process process;             // as it ended
};

/// Follows one process until its end. It holds a connection until dropped; the process goes on then.
class ProcessStream {
 public:
  virtual ~ProcessStream() = default;
  virtual const Process& process() const = 0;   // as it was at the beginning
  /// Waits up to `patience`. Not after `ended`, and not after an error.
  virtual Result<ProcessNews> next(Duration patience) = 0;
  /// Makes a `next` that waits, and those to come, answer unavailable. From any thread.
  virtual void cancel() = 0;
};

/// Where somebody begins to look on.
struct LogView {
  std::array<bool, 2> streams{true, true};     // stdout, stderr
  std::array<std::int64_t, 2> from{};          // their offsets
};

struct Fed {
  std::int64_t taken = 0;      // bytes of what was given, in the process's pipe now
  bool closed = false;         // it can be given no more
};

struct FileInfo {
  enum class Type { file, folder, link, fifo, socket, device };
  std::string name;            // last segment; in a tree, the path below its root
  Type type = Type::file;
  std::int64_t size = 0;
  std::uint32_t mode = 0;      // permission bits, with setuid, setgid and sticky
  std::uint32_t uid = 0, gid = 0;
  std::int64_t mtime_us = 0;   // wall clock, microseconds
  std::string target;          // of a link
};
std::string_view name(FileInfo::Type type);

struct FileList {
  std::vector<FileInfo> entries;  // sorted by name
  bool cut = false;               // there are more than the limit
};

struct AgentStatus {
  std::string version;
  int running = 0;                // processes started through it and not ended
  int connections = 0;
};

/// To a port of a sandbox, and what is to be kept as long as it is open.
struct PortConnection {
  ByteChannel to;
  std::shared_ptr<void> held;
};

/// Every call may answer: unavailable (no agent listens: not started, or gone), timed_out (it hangs), or what the
/// operation itself gives: not_found, conflict, denied, invalid, no_space, too_large. Paths are absolute, inside.
class Agent {
 public:
  virtual ~Agent() = default;

  static constexpr std::int64_t log_limit = 1 << 20;       // bytes kept of each stream of a process
  static constexpr std::size_t news_limit = 64 << 10;      // bytes in one piece of a stream that is followed
  static constexpr std::size_t feed_limit = 64 << 10;      // bytes given at a time
  static constexpr std::size_t list_limit = 10'000;        // entries in one answer of list or tree

  virtual Result<AgentStatus> status(const Incarnation& to) = 0;

  /// Starts it and answers when it has ended or `wait` has passed. `then` runs once, on any thread.
  /// A command with a token is started once: whoever brings the token again waits for the same process. Tokens sort by
  /// the time they were made; the agent keeps the newest, and for one older than those it starts nothing: conflict,
  /// outcome_unknown. unsupported: an agent from before there were tokens.
  virtual void run(const Incarnation& to, const Command& command, Duration wait,
                   std::function<void(Result<RunResult>)> then) = 0;
  virtual Result<Process> spawn(const Incarnation& to, const Command& command) = 0;
  virtual Result<std::vector<Process>> processes(const Incarnation& to) = 0;
  virtual Result<Process> process(const Incarnation& to, std::int64_t id) = 0;
  /// As `run`, for a process that was started before.
  virtual void wait(const Incarnation& to, std::int64_t id, Duration wait,
                    std::function<void(Result<RunResult>)> then) = 0;
  /// From now on that process does not keep its sandbox from being put to sleep.
  virtual Status let_sleep(const Incarnation& to, std::int64_t id) = 0;
  /// How many running processes do.
  virtual Result<std::int64_t> holding(const Incarnation& to) = 0;
  virtual Status signal(const Incarnation& to, std::int64_t id, int signal) = 0;  // its process group; ended: success
  /// At most `limit` bytes from `offset`; waits up to `wait` for the first new byte or the end.
  virtual Result<LogPiece> log(const Incarnation& to, std::int64_t id, LogStream stream, std::int64_t offset,
                               std::int64_t limit, Duration wait) = 0;

  /// Starts it, and the stream is all that it writes: a process whose stream is not read waits with writing. Left by
  /// its reader, it writes to its log like any other.
  virtual Result<std::unique_ptr<ProcessStream>> attach(const Incarnation& to, const Command& command) = 0;
  /// Looks on at one that was started before. It does not wait: of what the log has lost, the stream says how much.
  virtual Result<std::unique_ptr<ProcessStream>> follow(const Incarnation& to, std::int64_t id,
                                                        const LogView& view) = 0;
  /// Gives at most feed_limit bytes to the stdin of a process that was started with it open; the end of it after them,
  /// when `close`. Waits up to `wait` for a process that does not read. conflict: stdin_not_open, stdin_closed (also:
  /// it has ended), stdin_busy (another call gives it bytes).
  virtual Result<Fed> feed(const Incarnation& to, std::int64_t id, std::string_view bytes, bool close,
                           Duration wait) = 0;

  virtual Result<FileInfo> stat(const Incarnation& to, const std::string& path) = 0;     // of the link itself
  virtual Result<FileList> list(const Incarnation& to, const std::string& path) = 0;
  virtual Result<FileList> tree(const Incarnation& to, const std::string& path) = 0;     // follows no links
  /// Regular files only. `length` < 0: to the end. The Source holds a connection until dropped.
  virtual Result<std::unique_ptr<Source>> read(const Incarnation& to, const std::string& path, std::int64_t offset,
                                               std::int64_t length) = 0;
  /// Replaces the file in one step: readers see the old bytes or the new, never a mixture. Makes missing parents.
  virtual Status write(const Incarnation& to, const std::string& path, std::optional<std::uint32_t> mode,
                       Source& content) = 0;
  virtual Status mkdir(const Incarnation& to, const std::string& path, bool parents) = 0;
  virtual Status move(const Incarnation& to, const std::string& from, const std::string& path) = 0;
  virtual Status remove(const Incarnation& to, const std::string& path, bool recursive) = 0;

  /// A connection to what listens on a TCP port of the sandbox's own loopback interface. conflict, port_closed, when
  /// nothing does; exhausted when it carries as many as it can; unsupported: an agent from before there was this.
  virtual void connect(const Incarnation& to, int port, std::function<void(Result<PortConnection>)> then) = 0;
  /// Of a file or folder, not through a link. unsupported: an agent from before there was this; as for `link`.
  virtual Status set_mode(const Incarnation& to, const std::string& path, std::uint32_t mode) = 0;
  /// A symbolic link in the place of whatever is no folder there. Makes missing parents.
  virtual Status link(const Incarnation& to, const std::string& path, const std::string& target) = 0;
};

}  // namespace mayfly
