#include "agent/process_table.h"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "agent/clock.h"
#include "agent/launch.h"

namespace mayfly::agent {

namespace {

using State = Record::State;

constexpr std::size_t shown_bytes = 64 << 10;         // of a command line
constexpr std::size_t shown_in_list_bytes = 1 << 10;  // so that a list of all fits into one answer
constexpr std::size_t ended_memory_limit = 32 << 20;  // of what is remembered of ended processes

Error no_process(std::int64_t id) { return {Code::not_found, "no process " + std::to_string(id), {}, {}}; }

Error system_error(const char* what) { return errno_error(errno, what); }

/// The pid of a running record was not reaped yet: neither it nor the group of that number can be anybody else's.
void send(const Record& record, int signal) {
  const bool sent = ::kill(-record.pid, signal) == 0;
  // It may have left the group that it was started as.
  if (!sent || signal == SIGKILL) ::kill(record.pid, signal);
}

std::size_t memory_of(const Record& record) {
  auto bytes = record.log_memory() + sizeof record;
  for (const auto& argument : record.argv) bytes += argument.size() + sizeof argument;
  return bytes;
}

}  // namespace

ProcessTable::ProcessTable(int epoll, Fd no_input, rlimit open_files)
    : epoll_(epoll),
      no_input_(std::move(no_input)),
      open_files_(open_files),
      timer_(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)),
      buffer_(64 << 10, '\0') {}

Result<std::int64_t> ProcessTable::start(const Command& command) { return TRY(launch_new(command, nullptr))->id; }

Result<std::shared_ptr<Record>> ProcessTable::launch_new(const Command& command, const Taker* taker) {
  auto record = TRY(enter(command, taker));
  const auto started = run(record, command);
  const std::unique_lock lock(mutex_);
  if (!started) {
    forget(record->id);
    return tl::unexpected(started.error());
  }
  if (record->state == State::ended) return record;
  record->state = State::running;
  if (command.timeout_us >= 0) record->overdue_us = record->started_us + command.timeout_us;
  set_timer();
  return record;
}

Result<std::int64_t> ProcessTable::start_once(const std::string& token, const Command& command) {
  {
    const std::unique_lock lock(mutex_);
    if (const auto first = TRY(tokens_.find(token))) return *first;
    tokens_.put(token, Tokens::being_started);
  }
  const auto id = start(command);
  const std::unique_lock lock(mutex_);
  if (id) tokens_.put(token, *id);
  else tokens_.drop(token);
  return id;
}

int ProcessTable::running() {
  const std::unique_lock lock(mutex_);
  return static_cast<int>(std::count_if(records_.begin(), records_.end(),
                                        [](const auto& entry) { return entry.second->state == State::running; }));
}

int ProcessTable::holding() {
  const std::unique_lock lock(mutex_);
  return static_cast<int>(std::count_if(records_.begin(), records_.end(), [](const auto& entry) {
    return entry.second->state == State::running && entry.second->holds_awake;
  }));
}

Status ProcessTable::let_sleep(std::int64_t id) {
  const std::unique_lock lock(mutex_);
  TRY(find(id))->holds_awake = false;
  return {};
}

Result<Answer> ProcessTable::describe(std::int64_t id) {
  const std::unique_lock lock(mutex_);
  Answer answer;
  write_process(answer.fields, *TRY(find(id)), shown_bytes);
  return answer;
}

Answer ProcessTable::describe_all() {
  const std::unique_lock lock(mutex_);
  Answer answer{.fields = wire::Writer(wire::Kind::answer), .content = std::string()};
  std::int64_t count = 0;
  for (const auto& [id, record] : records_) {
    if (record->state == State::starting) continue;
    wire::Writer entry(wire::Kind::data);
    write_process(entry, *record, shown_in_list_bytes);
    *answer.content += entry.body();
    ++count;
  }
  answer.fields.integer(count);
  return answer;
}

Result<Answer> ProcessTable::wait(std::int64_t id, Patience patience) {
  std::unique_lock lock(mutex_);
  const auto record = TRY(find(id));
  TRY(await(record, -1, 0, patience, lock));
  Answer answer{.fields = wire::Writer(wire::Kind::answer), .content = std::string()};
  write_process(answer.fields, *record, shown_bytes);
  for (int stream : {0, 1}) write_piece(answer.fields, *answer.content, *record, stream, 0, wire::log_limit);
  return answer;
}

Result<Answer> ProcessTable::log(std::int64_t id, int stream, std::int64_t offset, std::size_t limit,
                                 Patience patience) {
  std::unique_lock lock(mutex_);
  const auto record = TRY(find(id));
  TRY(await(record, stream, offset, patience, lock));
  Answer answer{.fields = wire::Writer(wire::Kind::answer), .content = std::string()};
  write_piece(answer.fields, *answer.content, *record, stream, offset, limit);
  return answer;
}

Status ProcessTable::signal(std::int64_t id, int signal) {
  const std::unique_lock lock(mutex_);
  const auto record = TRY(find(id));
  if (record->state == State::running) send(*record, signal);
  return {};
}

void ProcessTable::kill_overdue() {
  std::uint64_t ticks = 0;
  const ssize_t taken = ::read(timer_.get(), &ticks, sizeof ticks);
  static_cast<void>(taken);
  const std::unique_lock lock(mutex_);
  const auto now = now_us();
  for (const auto& [id, record] : records_) {
    if (record->state != State::running || record->overdue_us < 0 || record->overdue_us > now) continue;
    record->timed_out = true;
    record->overdue_us = -1;
    send(*record, SIGKILL);
  }
  set_timer();
}

void ProcessTable::reap() {
  for (;;) {
    siginfo_t dead{};
    if (::waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 || dead.si_pid == 0) return;
    const std::unique_lock lock(mutex_);
    for (const auto& [id, record] : records_)
      if (record->state != State::ended && record->pid == dead.si_pid) {
        end(*record, dead.si_code, dead.si_status);
        break;
      }
    // Only now may its number be given to another process.
    ::waitpid(dead.si_pid, nullptr, __WALL);
    forget_old();
  }
}

void ProcessTable::kill_all() {
  if (::getpid() == 1) {
    ::kill(-1, SIGKILL);
    return;
  }
  const std::unique_lock lock(mutex_);
  for (const auto& [id, record] : records_)
    if (record->state == State::running) send(*record, SIGKILL);
}

/// Takes an id and, until it ends, the name.
Result<std::shared_ptr<Record>> ProcessTable::enter(const Command& command, const Taker* taker) {
  const std::unique_lock lock(mutex_);
  std::size_t alive = 0;
  for (const auto& [id, record] : records_) {
    if (record->state == State::ended) continue;
    ++alive;
    if (!command.name.empty() && record->name == command.name)
      return fail(Code::conflict, "process " + std::to_string(id) + " is named " + command.name + " and runs");
  }
  if (alive >= wire::process_limit) return fail(Code::exhausted, std::to_string(alive) + " processes run already");
  auto record = std::make_shared<Record>();
  record->id = ++last_id_;
  record->name = command.name;
  record->argv = shortened(command.argv, shown_bytes);
  record->started_us = now_us();
  if (taker) record->takers.push_back(taker);
  records_.emplace(record->id, record);
  return record;
}

Status ProcessTable::run(const std::shared_ptr<Record>& record, const Command& command) {
  const auto input = TRY(input_for(record, command));
  const auto out = TRY(output_pipe(record, 0));
  const auto err = TRY(output_pipe(record, 1));
  Launch plan;
  plan.argv = command.argv;
  plan.env = command.env;
  plan.cwd = command.cwd;
  plan.in = input ? input.get() : no_input_.get();
  plan.out = out.get();
  plan.err = err.get();
  plan.open_files = open_files_;
  return launch(plan, record->pid);
}

Result<std::shared_ptr<Record>> ProcessTable::find(std::int64_t id) {
  const auto found = records_.find(id);
  if (found == records_.end()) return tl::unexpected(no_process(id));
  return found->second;
}

/// Waits for the end, or for a byte of `stream` after `offset`; a negative stream is none.
Status ProcessTable::await(const std::shared_ptr<Record>& record, int stream, std::int64_t offset, Patience patience,
                           std::unique_lock<std::mutex>& lock) {
  Fd event;
  for (;;) {
    if (record->state == State::ended) return {};
    if (stream >= 0 && record->logs[static_cast<std::size_t>(stream)].total() > offset) return {};
    const auto left_us = patience.until_us - now_us();
    if (left_us <= 0) return {};
    if (!event) event = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) return tl::unexpected(system_error("make an eventfd"));

    record->waiters.push_back({event.get(), stream >= 0});
    lock.unlock();
    pollfd watched[] = {{event.get(), POLLIN, 0}, {patience.caller, POLLRDHUP, 0}};
    constexpr std::int64_t longest_ms = 3'600'000;
    ::poll(watched, 2, static_cast<int>(std::min((left_us + 999) / 1000, longest_ms)));
    std::uint64_t times = 0;
    const ssize_t taken = ::read(event.get(), &times, sizeof times);
    static_cast<void>(taken);
    lock.lock();
    std::erase_if(record->waiters, [&](const Waiter& each) { return each.event == event.get(); });
    if (watched[1].revents != 0) return fail(Code::unavailable, "the caller has hung up");
  }
}

void ProcessTable::end(Record& record, int how, int status) {
  // What it printed before its end belongs to it; what others print through its pipes may never stop.
  for (auto* pipe : record.pipes) {
    int waiting = 0;
    if (!pipe || ::ioctl(pipe->fd.get(), FIONREAD, &waiting) != 0) continue;
    while (waiting > 0) {
      const auto most = std::min(buffer_.size(), static_cast<std::size_t>(waiting));
      const auto got = ::read(pipe->fd.get(), buffer_.data(), most);
      if (got <= 0) break;
      append(record, pipe->stream, {buffer_.data(), static_cast<std::size_t>(got)});
      waiting -= static_cast<int>(got);
    }
  }
  record.at_end = {record.logs[0].total(), record.logs[1].total()};
  record.input.reset();
  record.signal = how == CLD_EXITED ? 0 : status;
  record.exit_code = how == CLD_EXITED ? status : 128 + status;
  record.ended_us = now_us();
  record.state = State::ended;
  log_memory_ -= record.log_memory();
  for (auto& log : record.logs) log.shrink();
  log_memory_ += record.log_memory();
  ended_.push_back(record.id);
  wake(record, true);
}

void ProcessTable::forget(std::int64_t id) {
  const auto found = records_.find(id);
  if (found == records_.end()) return;
  log_memory_ -= found->second->log_memory();
  records_.erase(found);
  std::erase(ended_, id);
}

void ProcessTable::forget_old() {
  std::size_t memory = 0;
  for (const auto id : ended_) memory += memory_of(*records_.at(id));
  while (ended_.size() > wire::ended_limit || (memory > ended_memory_limit && ended_.size() > 1)) {
    memory -= memory_of(*records_.at(ended_.front()));
    forget(ended_.front());
  }
}

void ProcessTable::set_timer() {
  std::int64_t next = 0;
  for (const auto& [id, record] : records_)
    if (record->state == State::running && record->overdue_us >= 0 && (next == 0 || record->overdue_us < next))
      next = std::max<std::int64_t>(record->overdue_us, 1);
  itimerspec setting{};
  setting.it_value.tv_sec = next / 1'000'000;
  setting.it_value.tv_nsec = next % 1'000'000 * 1000;
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
}

}  // namespace mayfly::agent
