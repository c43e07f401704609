#include "app/awake_agent.h"

namespace mayfly {

namespace {

/// A process that keeps its sandbox awake while it is followed.
class HeldProcess : public ProcessStream {
 public:
  HeldProcess(std::unique_ptr<ProcessStream> real, std::shared_ptr<void> held)
      : held_(std::move(held)), real_(std::move(real)) {}
  const Process& process() const override { return real_->process(); }
  Result<ProcessNews> next(Duration patience) override { return real_->next(patience); }
  void cancel() override { real_->cancel(); }

 private:
  std::shared_ptr<void> held_;      // dropped after the stream
  std::unique_ptr<ProcessStream> real_;
};

/// A file that keeps its sandbox awake while it is read.
class HeldSource : public Source {
 public:
  HeldSource(std::unique_ptr<Source> real, std::shared_ptr<void> held)
      : held_(std::move(held)), real_(std::move(real)) {}
  Result<std::size_t> read(std::span<char> room) override { return real_->read(room); }

 private:
  std::shared_ptr<void> held_;      // dropped after the source
  std::unique_ptr<Source> real_;
};

}  // namespace

/// Called on threads that must not wait: only who is asleep costs another one.
void AwakeAgent::with_hold(const Incarnation& to, std::function<void(Result<std::shared_ptr<void>>)> act) {
  if (auto held = standby_.awake_already(to)) return act(std::move(held));
  post_([this, to, act = std::move(act)] { act(standby_.awake(to)); });
}

void AwakeAgent::run(const Incarnation& to, const Command& command, Duration wait, Then then) {
  with_hold(to, [this, to, command, wait, then = std::move(then)](Result<std::shared_ptr<void>> held) {
    if (!held) return then(tl::unexpected(held.error()));
    real_.run(to, command, wait, [this, to, command, then, held = std::move(*held)](Result<RunResult> result) mutable {
      if (result && result->process.running && !command.keep_awake)
        post_([this, to, id = result->process.id] { (void)let_sleep(to, id); });
      held.reset();
      then(std::move(result));
    });
  });
}

void AwakeAgent::wait(const Incarnation& to, std::int64_t id, Duration wait, Then then) {
  with_hold(to, [this, to, id, wait, then = std::move(then)](Result<std::shared_ptr<void>> held) {
    if (!held) return then(tl::unexpected(held.error()));
    real_.wait(to, id, wait, [then, held = std::move(*held)](Result<RunResult> result) mutable {
      held.reset();
      then(std::move(result));
    });
  });
}

void AwakeAgent::connect(const Incarnation& to, int port, std::function<void(Result<PortConnection>)> then) {
  with_hold(to, [this, to, port, then = std::move(then)](Result<std::shared_ptr<void>> held) {
    if (!held) return then(tl::unexpected(held.error()));
    real_.connect(to, port, [then, held = std::move(*held)](Result<PortConnection> connection) {
      if (connection) connection->held = held;
      then(std::move(connection));
    });
  });
}

Result<AgentStatus> AwakeAgent::status(const Incarnation& to) {
  const auto held = TRY(standby_.awake(to));
  return real_.status(to);
}

Result<Process> AwakeAgent::spawn(const Incarnation& to, const Command& command) {
  const auto held = TRY(standby_.awake(to));
  auto started = real_.spawn(to, command);
  if (started && !command.keep_awake) (void)real_.let_sleep(to, started->id);
  return started;
}

Result<std::vector<Process>> AwakeAgent::processes(const Incarnation& to) {
  const auto held = TRY(standby_.awake(to));
  return real_.processes(to);
}

Result<Process> AwakeAgent::process(const Incarnation& to, std::int64_t id) {
  const auto held = TRY(standby_.awake(to));
  return real_.process(to, id);
}

Status AwakeAgent::let_sleep(const Incarnation& to, std::int64_t id) {
  const auto held = TRY(standby_.awake(to));
  return real_.let_sleep(to, id);
}

Result<std::int64_t> AwakeAgent::holding(const Incarnation& to) {
  const auto held = TRY(standby_.awake(to));
  return real_.holding(to);
}

Status AwakeAgent::signal(const Incarnation& to, std::int64_t id, int signal) {
  const auto held = TRY(standby_.awake(to));
  return real_.signal(to, id, signal);
}

Result<LogPiece> AwakeAgent::log(const Incarnation& to, std::int64_t id, LogStream stream, std::int64_t offset,
                                 std::int64_t limit, Duration wait) {
  const auto held = TRY(standby_.awake(to));
  return real_.log(to, id, stream, offset, limit, wait);
}

Result<std::unique_ptr<ProcessStream>> AwakeAgent::attach(const Incarnation& to, const Command& command) {
  auto held = TRY(standby_.awake(to));
  auto stream = TRY(real_.attach(to, command));
  if (!command.keep_awake) (void)real_.let_sleep(to, stream->process().id);
  return std::make_unique<HeldProcess>(std::move(stream), std::move(held));
}

Result<std::unique_ptr<ProcessStream>> AwakeAgent::follow(const Incarnation& to, std::int64_t id,
                                                          const LogView& view) {
  auto held = TRY(standby_.awake(to));
  return std::make_unique<HeldProcess>(TRY(real_.follow(to, id, view)), std::move(held));
}

Result<Fed> AwakeAgent::feed(const Incarnation& to, std::int64_t id, std::string_view bytes, bool close,
                             Duration patience) {
  const auto held = TRY(standby_.awake(to));
  return real_.feed(to, id, bytes, close, patience);
}

Result<FileInfo> AwakeAgent::stat(const Incarnation& to, const std::string& path) {
  const auto held = TRY(standby_.awake(to));
  return real_.stat(to, path);
}

Result<FileList> AwakeAgent::list(const Incarnation& to, const std::string& path) {
  const auto held = TRY(standby_.awake(to));
  return real_.list(to, path);
}

Result<FileList> AwakeAgent::tree(const Incarnation& to, const std::string& path) {
  const auto held = TRY(standby_.awake(to));
  return real_.tree(to, path);
}

Result<std::unique_ptr<Source>> AwakeAgent::read(const Incarnation& to, const std::string& path, std::int64_t offset,
                                                 std::int64_t length) {
  auto held = TRY(standby_.awake(to));
  return std::make_unique<HeldSource>(TRY(real_.read(to, path, offset, length)), std::move(held));
}

Status AwakeAgent::write(const Incarnation& to, const std::string& path, std::optional<std::uint32_t> mode,
                         Source& content) {
  const auto held = TRY(standby_.awake(to));
  return real_.write(to, path, mode, content);
}

Status AwakeAgent::mkdir(const Incarnation& to, const std::string& path, bool parents) {
  const auto held = TRY(standby_.awake(to));
  return real_.mkdir(to, path, parents);
}

Status AwakeAgent::move(const Incarnation& to, const std::string& from, const std::string& path) {
  const auto held = TRY(standby_.awake(to));
  return real_.move(to, from, path);
}

Status AwakeAgent::set_mode(const Incarnation& to, const std::string& path, std::uint32_t mode) {
  const auto held = TRY(standby_.awake(to));
  return real_.set_mode(to, path, mode);
}

Status AwakeAgent::link(const Incarnation& to, const std::string& path, const std::string& target) {
  const auto held = TRY(standby_.awake(to));
  return real_.link(to, path, target);
}

Status AwakeAgent::remove(const Incarnation& to, const std::string& path, bool recursive) {
  const auto held = TRY(standby_.awake(to));
  return real_.remove(to, path, recursive);
}

}  // namespace mayfly
