// How what processes print gets into their logs, and waits where somebody is still to take what came before.

#include <algorithm>
#include <cerrno>
#include <limits>

#include <fcntl.h>
#include <sys/epoll.h>

#include "agent/process_table.h"

namespace mayfly::agent {

namespace {

// Beyond this sum of all logs a log grows only to the smaller size: a thousand floods must not fill the sandbox.
constexpr std::size_t log_memory_budget = 128 << 20;
constexpr std::size_t small_log = 64 << 10;

}  // namespace

/// The end to write to. The other is the main thread's from here on, also when nothing is started after all.
Result<Fd> ProcessTable::output_pipe(const std::shared_ptr<Record>& record, int stream) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return tl::unexpected(errno_error(errno, "make a pipe"));
  Fd reading(ends[0]), writing(ends[1]);
  ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  auto pipe = std::make_unique<Pipe>();
  pipe->fd = std::move(reading);
  pipe->stream = stream;
  pipe->record = record;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = pipe.get();
  const std::unique_lock lock(mutex_);
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, pipe->fd.get(), &event) != 0)
    return tl::unexpected(errno_error(errno, "watch a pipe"));
  record->pipes[static_cast<std::size_t>(stream)] = pipe.release();
  return writing;
}

void ProcessTable::pump(Pipe* pipe) {
  auto most = buffer_.size();
  {
    const std::unique_lock lock(mutex_);
    if (const auto record = pipe->record.lock()) most = std::min(most, room_for(*record, pipe->stream));
    if (most == 0) {
      // Its end would be told of without a pause as long as the epoll knows it at all.
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, pipe->fd.get(), nullptr);
      pipe->watched = false;
      return;
    }
  }
  const auto got = ::read(pipe->fd.get(), buffer_.data(), most);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return close(pipe);
  const std::unique_lock lock(mutex_);
  const auto record = pipe->record.lock();
  if (!record || !records_.contains(record->id)) return;  // forgotten: what it prints is taken and dropped
  append(*record, pipe->stream, {buffer_.data(), static_cast<std::size_t>(got)});
  wake(*record, false);
  if (record->state == Record::State::ended) forget_old();
}

void ProcessTable::append(Record& record, int stream, std::string_view bytes) {
  auto& log = record.logs[static_cast<std::size_t>(stream)];
  const auto before = log.memory();
  auto most = log_memory_ < log_memory_budget ? wire::log_limit : std::max(before, small_log);
  // What somebody is still to take is kept in any case.
  for (const auto* taker : record.takers)
    most = std::max(most, static_cast<std::size_t>(log.total() - taker->taken[static_cast<std::size_t>(stream)]) +
                              bytes.size());
  log.append(bytes, most);
  log_memory_ += log.memory() - before;
}

/// How much more of a stream may be read from its pipe now.
std::size_t ProcessTable::room_for(const Record& record, int stream) const {
  auto room = std::numeric_limits<std::size_t>::max();
  const auto& log = record.logs[static_cast<std::size_t>(stream)];
  const auto window = std::max(small_log, log.memory() / 2);
  for (const auto* taker : record.takers) {
    const auto waiting = static_cast<std::size_t>(log.total() - taker->taken[static_cast<std::size_t>(stream)]);
    room = std::min(room, window - std::min(window, waiting));
  }
  return room;
}

/// Pipes that were left alone and have room again. Not for each few bytes: a turn costs more than they do.
void ProcessTable::watch_again(Record& record) {
  for (auto* pipe : record.pipes) {
    if (!pipe || pipe->watched || room_for(record, pipe->stream) < small_log / 2) continue;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = pipe;
    pipe->watched = ::epoll_ctl(epoll_, EPOLL_CTL_ADD, pipe->fd.get(), &event) == 0;
  }
}

void ProcessTable::close(Pipe* pipe) {
  const std::unique_lock lock(mutex_);
  if (const auto record = pipe->record.lock()) record->pipes[static_cast<std::size_t>(pipe->stream)] = nullptr;
  // A child between clone and execve still holds a copy of it, which would keep it in the epoll after our close.
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, pipe->fd.get(), nullptr);
  delete pipe;
}

}  // namespace mayfly::agent
