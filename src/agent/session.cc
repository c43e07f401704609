#include "agent/session.h"

#include <algorithm>
#include <optional>

#include "agent/clock.h"
#include "agent/content.h"
#include "agent/files.h"
#include "agent/follower.h"

namespace mayfly::agent {

namespace {

using wire::Kind;
using wire::Operation;
using wire::Reader;

constexpr std::int64_t longest_us = 100LL * 366 * 86400 * 1'000'000;
constexpr std::size_t name_limit = 256;

bool holds_nul(const std::string& text) { return text.find('\0') != text.npos; }

Result<Command> read_command(Reader& from) {
  Command command;
  for (auto left = from.count(wire::argument_limit); left > 0; --left)
    command.argv.push_back(from.text(wire::body_limit));
  for (auto left = from.count(wire::variable_limit); left > 0; --left) {
    auto name = from.text(wire::body_limit);
    auto value = from.text(wire::body_limit);
    if (name.empty() || name.find('=') != name.npos || holds_nul(name + value))
      return fail(Code::invalid, "no process can have an environment variable named \"" + name.substr(0, 64) + "\"");
    command.env.insert_or_assign(std::move(name), std::move(value));
  }
  command.cwd = from.text(wire::path_limit);
  command.input = from.text(wire::body_limit);
  command.name = from.text(name_limit);
  command.timeout_us = from.integer(-1, longest_us);
  if (!from.good()) return tl::unexpected(from.end("the command").error());
  if (command.argv.empty()) return fail(Code::invalid, "a command needs the name of a program");
  if (std::any_of(command.argv.begin(), command.argv.end(), holds_nul))
    return fail(Code::invalid, "an argument of " + command.argv[0].substr(0, 64) + " holds a NUL byte");
  if (command.cwd.empty() || command.cwd.front() != '/' || holds_nul(command.cwd))
    return fail(Code::invalid, "the working folder \"" + command.cwd.substr(0, 200) + "\" is not an absolute path");
  return command;
}

/// A place among those who wait. Who only asks needs none.
class WaitingPlace {
 public:
  WaitingPlace(std::atomic<int>& taken, bool needed) : taken_(taken), needed_(needed) {
    if (needed_) free_ = ++taken_ <= waiting_limit;
  }
  WaitingPlace(std::atomic<int>& taken, Patience patience) : WaitingPlace(taken, patience.until_us > now_us()) {}
  ~WaitingPlace() {
    if (needed_) --taken_;
  }
  WaitingPlace(const WaitingPlace&) = delete;
  WaitingPlace& operator=(const WaitingPlace&) = delete;

  Status check() const {
    if (free_) return {};
    return fail(Code::exhausted, std::to_string(waiting_limit) + " calls wait for processes already");
  }

 private:
  std::atomic<int>& taken_;
  const bool needed_;
  bool free_ = true;
};

class Session {
 public:
  Session(Channel channel, Shared& shared) : channel_(std::move(channel)), shared_(shared) {}

  void run() {
    for (;;) {
      auto frame = channel_.receive();
      if (!frame) {
        if (frame.error().code != Code::unavailable) static_cast<void>(channel_.send_error(frame.error()));
        return;
      }
      if (!answer(*frame)) return;
    }
  }

 private:
  /// False when nothing more can be said on this connection.
  bool answer(const Frame& frame) {
    if (frame.header.kind != Kind::request) {
      static_cast<void>(channel_.send_error({Code::invalid, "a request was expected", {}, {}}));
      return false;
    }
    Reader fields(frame.body);
    if (frame.header.operation == Operation::read) return read(fields);
    if (frame.header.operation == Operation::write) return write(fields);
    if (frame.header.operation == Operation::attach) return attach(fields);
    if (frame.header.operation == Operation::follow) return follow(fields);
    if (frame.header.operation == Operation::connect) return connect(fields);
    auto answer = perform(frame.header.operation, fields);
    return (answer ? channel_.send(std::move(*answer)) : channel_.send_error(answer.error())).has_value();
  }

  Result<Answer> perform(Operation operation, Reader& fields) {
    switch (operation) {
      case Operation::status: return status(fields);
      case Operation::spawn: return spawn(fields);
      case Operation::run: return run_command(fields);
      case Operation::processes: return processes(fields);
      case Operation::process: return process(fields);
      case Operation::wait: return wait(fields);
      case Operation::signal: return signal(fields);
      case Operation::log: return log(fields);
      case Operation::run_once: return run_once(fields);
      case Operation::run_open: return run_open(fields);
      case Operation::feed: return feed(fields);
      case Operation::stat: return stat_entry(TRY(path_only(fields)));
      case Operation::list: return list_folder(TRY(path_only(fields)));
      case Operation::tree: return list_tree(TRY(path_only(fields)));
      case Operation::mkdir: return mkdir(fields);
      case Operation::move: return move(fields);
      case Operation::remove: return remove(fields);
      case Operation::let_sleep: return let_sleep(fields);
      case Operation::holding: return holding(fields);
      case Operation::mode: return mode(fields);
      case Operation::link: return link(fields);
      case Operation::none:
      case Operation::attach:
      case Operation::follow:
      case Operation::read:
      case Operation::write:
      case Operation::connect: break;
    }
    return fail(Code::unsupported, "this agent knows no operation " + std::to_string(static_cast<int>(operation)));
  }

  Result<Answer> status(Reader& fields) {
    TRY(fields.end("status"));
    Answer answer;
    answer.fields.text(MAYFLY_VERSION).integer(shared_.processes.running()).integer(shared_.connections);
    return answer;
  }

  Result<Answer> spawn(Reader& fields) {
    const auto command = TRY(read_command(fields));
    TRY(fields.end("spawn"));
    return shared_.processes.describe(TRY(shared_.processes.start(command)));
  }

  Result<Answer> run_command(Reader& fields) {
    const auto command = TRY(read_command(fields));
    const auto patience = patience_of(fields);
    TRY(fields.end("run"));
    const WaitingPlace place(shared_.waiting, patience);
    TRY(place.check());
    return shared_.processes.wait(TRY(shared_.processes.start(command)), patience);
  }

  Result<Answer> run_once(Reader& fields) {
    const auto token = fields.text(name_limit);
    const auto command = TRY(read_command(fields));
    const auto patience = patience_of(fields);
    TRY(fields.end("run_once"));
    if (token.empty()) return fail(Code::invalid, "a command that is to run once needs a token");
    const WaitingPlace place(shared_.waiting, patience);
    TRY(place.check());
    return shared_.processes.wait(TRY(shared_.processes.start_once(token, command)), patience);
  }

  Result<Answer> run_open(Reader& fields) {
    const auto token = fields.text(name_limit);
    auto command = TRY(read_command(fields));
    const auto patience = patience_of(fields);
    TRY(fields.end("run_open"));
    command.stdin_open = true;
    const WaitingPlace place(shared_.waiting, patience);
    TRY(place.check());
    auto& table = shared_.processes;
    return table.wait(token.empty() ? TRY(table.start(command)) : TRY(table.start_once(token, command)), patience);
  }

  Result<Answer> feed(Reader& fields) {
    const auto id = fields.integer();
    const auto patience = patience_of(fields);
    const auto close = fields.boolean();
    const auto bytes = fields.text(wire::body_limit);
    TRY(fields.end("feed"));
    const WaitingPlace place(shared_.waiting, patience);
    TRY(place.check());
    return shared_.processes.feed(id, bytes, close, patience);
  }

  Result<Answer> processes(Reader& fields) {
    TRY(fields.end("processes"));
    return shared_.processes.describe_all();
  }

  Result<Answer> process(Reader& fields) {
    const auto id = fields.integer();
    TRY(fields.end("process"));
    return shared_.processes.describe(id);
  }

  Result<Answer> wait(Reader& fields) {
    const auto id = fields.integer();
    const auto patience = patience_of(fields);
    TRY(fields.end("wait"));
    const WaitingPlace place(shared_.waiting, patience);
    TRY(place.check());
    return shared_.processes.wait(id, patience);
  }

  Result<Answer> signal(Reader& fields) {
    const auto id = fields.integer();
    const auto number = fields.integer(1, 64);
    TRY(fields.end("signal"));
    TRY(shared_.processes.signal(id, static_cast<int>(number)));
    return Answer();
  }

  Result<Answer> let_sleep(Reader& fields) {
    const auto id = fields.integer();
    TRY(fields.end("let_sleep"));
    TRY(shared_.processes.let_sleep(id));
    return Answer();
  }

  Result<Answer> holding(Reader& fields) {
    TRY(fields.end("holding"));
    Answer answer;
    answer.fields.integer(shared_.processes.holding());
    return answer;
  }

  Result<Answer> log(Reader& fields) {
    const auto id = fields.integer();
    const auto stream = fields.integer(0, 1);
    const auto offset = fields.integer(0);
    const auto limit = fields.integer(0, wire::log_limit);
    const auto patience = patience_of(fields);
    TRY(fields.end("log"));
    const WaitingPlace place(shared_.waiting, patience);
    TRY(place.check());
    return shared_.processes.log(id, static_cast<int>(stream), offset, static_cast<std::size_t>(limit), patience);
  }

  Result<Answer> mkdir(Reader& fields) {
    const auto path = fields.text(wire::body_limit);
    const auto parents = fields.boolean();
    TRY(fields.end("mkdir"));
    TRY(make_folder(path, parents));
    return Answer();
  }

  Result<Answer> move(Reader& fields) {
    const auto from = fields.text(wire::body_limit);
    const auto path = fields.text(wire::body_limit);
    TRY(fields.end("move"));
    TRY(move_entry(from, path));
    return Answer();
  }

  Result<Answer> remove(Reader& fields) {
    const auto path = fields.text(wire::body_limit);
    const auto recursive = fields.boolean();
    TRY(fields.end("remove"));
    TRY(remove_entry(path, recursive));
    return Answer();
  }

  bool attach(Reader& fields) {
    auto command = read_command(fields);
    if (command) command->stdin_open = fields.boolean();
    Follower follower(shared_.processes);
    return pass_on(follower, [&]() -> Result<Answer> {
      if (!command) return tl::unexpected(command.error());
      TRY(fields.end("attach"));
      return follower.start(*command);
    });
  }

  bool follow(Reader& fields) {
    const auto id = fields.integer();
    Follower::View view;
    for (auto& shown : view.streams) shown = fields.boolean();
    for (auto& offset : view.from) offset = fields.integer(0);
    Follower follower(shared_.processes);
    return pass_on(follower, [&]() -> Result<Answer> {
      TRY(fields.end("follow"));
      return follower.join(id, view);
    });
  }

  /// The news of a process to its end. Our caller reads as fast as it likes.
  template <class Begin>
  bool pass_on(Follower& follower, Begin begin) {
    const WaitingPlace place(shared_.waiting, true);
    const auto free = place.check();
    auto process = free ? begin() : tl::unexpected(free.error());
    if (!process) return channel_.send_error(process.error()).has_value();
    if (!channel_.send(std::move(*process))) return false;
    while (!follower.over()) {
      const auto news = follower.next(channel_.socket());
      if (!news || !channel_.send_frame(*news)) return false;
    }
    return channel_.send_end().has_value();
  }

  Result<Answer> mode(Reader& fields) {
    const auto path = fields.text(wire::body_limit);
    const auto mode = fields.integer(0, 07777);
    TRY(fields.end("mode"));
    TRY(set_mode(path, static_cast<unsigned>(mode)));
    return Answer();
  }

  Result<Answer> link(Reader& fields) {
    const auto path = fields.text(wire::body_limit);
    const auto target = fields.text(wire::path_limit);
    TRY(fields.end("link"));
    TRY(make_link(path, target));
    return Answer();
  }

  bool read(Reader& fields) {
    const auto path = fields.text(wire::body_limit);
    const auto offset = fields.integer();
    const auto length = fields.integer();
    auto well = fields.end("read");
    auto file = well ? FileReader::open(path, offset, length) : tl::unexpected(well.error());
    if (!file) return channel_.send_error(file.error()).has_value();
    Answer announced;
    announced.fields.integer(file->announced());
    if (!channel_.send(std::move(announced))) return false;
    for (;;) {
      const auto bytes = file->next();
      if (!bytes) return channel_.send_error(bytes.error()).has_value();
      if (bytes->empty()) return channel_.send_end().has_value();
      if (!channel_.send_data(*bytes)) return false;
    }
  }

  /// After trouble with content on its way the connection ends: nobody wants the rest of it.
  bool write(Reader& fields) {
    const auto path = fields.text(wire::body_limit);
    const auto mode = fields.integer(-1, 07777);
    auto well = fields.end("write");
    auto file = well ? FileWriter::open(path, mode < 0 ? std::nullopt : std::optional(std::uint32_t(mode)))
                     : tl::unexpected(well.error());
    if (!file) return channel_.send_error(file.error()).has_value();
    if (!channel_.send(Answer())) return false;
    for (;;) {
      const auto frame = channel_.receive();
      if (!frame) return false;
      Status done;
      if (frame->header.kind == Kind::data) {
        done = file->write(frame->body);
        if (done) continue;
      } else if (frame->header.kind == Kind::end) {
        done = file->commit();
        if (done) return channel_.send(Answer()).has_value();
      } else {
        done = fail(Code::invalid, "content was expected");
      }
      // First the draft goes, then the caller hears of it and finds nothing left.
      file = tl::unexpected(done.error());
      static_cast<void>(channel_.send_error(done.error()));
      return false;
    }
  }

  /// After the answer the connection is a tunnel, of which the forwarder takes care.
  bool connect(Reader& fields) {
    auto guest = open_port(fields);
    if (!guest) return channel_.send_error(guest.error()).has_value();
    if (channel_.send(Answer())) shared_.forwarder.carry(channel_.release(), std::move(*guest));
    else shared_.forwarder.give_back();
    return false;
  }

  Result<Fd> open_port(Reader& fields) {
    const auto port = fields.integer(1, 65'535);
    TRY(fields.end("connect"));
    const WaitingPlace place(shared_.waiting, {std::numeric_limits<std::int64_t>::max(), channel_.socket()});
    TRY(place.check());
    TRY(shared_.forwarder.reserve());
    auto guest = dial_port(static_cast<int>(port));
    if (!guest) shared_.forwarder.give_back();
    return guest;
  }

  Result<std::string> path_only(Reader& fields) {
    auto path = fields.text(wire::body_limit);
    TRY(fields.end("the request"));
    return path;
  }

  Patience patience_of(Reader& fields) const { return {now_us() + fields.integer(0, longest_us), channel_.socket()}; }

  Channel channel_;
  Shared& shared_;
};

}  // namespace

void serve(Channel channel, Shared& shared) { Session(std::move(channel), shared).run(); }

}  // namespace mayfly::agent
