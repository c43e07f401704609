#include "agent/follower.h"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sys/eventfd.h>

namespace mayfly::agent {

namespace {

constexpr std::int64_t end_of_process = 2;  // in place of a stream
constexpr std::size_t shown_bytes = 64 << 10;

}  // namespace

Follower::~Follower() {
  const std::unique_lock lock(table_.mutex_);
  if (!record_) return;
  std::erase_if(record_->waiters, [&](const Waiter& each) { return each.event == event_.get(); });
  std::erase(record_->takers, &at_);
  table_.watch_again(*record_);
}

Result<Answer> Follower::start(const Command& command) {
  auto record = TRY(table_.launch_new(command, &at_));
  const std::unique_lock lock(table_.mutex_);
  return look_at(std::move(record));
}

Result<Answer> Follower::join(std::int64_t id, const View& view) {
  streams_ = view.streams;
  at_.taken = view.from;
  const std::unique_lock lock(table_.mutex_);
  return look_at(TRY(table_.find(id)));
}

/// With the lock held.
Result<Answer> Follower::look_at(std::shared_ptr<Record> record) {
  record_ = std::move(record);
  event_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_) return tl::unexpected(errno_error(errno, "make an eventfd"));
  record_->waiters.push_back({event_.get(), true});
  Answer answer;
  write_process(answer.fields, *record_, shown_bytes);
  return answer;
}

Result<std::string> Follower::next(int caller) {
  for (;;) {
    {
      const std::unique_lock lock(table_.mutex_);
      if (auto found = news()) return std::move(*found);
    }
    pollfd watched[] = {{event_.get(), POLLIN, 0}, {caller, POLLRDHUP, 0}};
    ::poll(watched, 2, -1);
    std::uint64_t times = 0;
    const ssize_t taken = ::read(event_.get(), &times, sizeof times);
    static_cast<void>(taken);
    if (watched[1].revents != 0) return fail(Code::unavailable, "the caller has hung up");
  }
}

std::optional<std::string> Follower::news() {
  const bool ended = record_->state == Record::State::ended;
  for (const auto stream : {turn_, 1 - turn_}) {
    const auto end = ended ? record_->at_end[stream] : record_->logs[stream].total();
    if (streams_[stream] && at_.taken[stream] < end) return piece(stream, end);
  }
  if (!ended) return std::nullopt;
  return ending();
}

std::string Follower::piece(std::size_t stream, std::int64_t end) {
  const auto& log = record_->logs[stream];
  // Others may print on through its pipes after its end, so that the log begins where it has ended, or later.
  const auto start = std::clamp(at_.taken[stream], std::min(log.start(), end), end);
  const auto bytes = log.read(start, std::min(wire::chunk_size, static_cast<std::size_t>(end - start)));
  at_.taken[stream] = start + static_cast<std::int64_t>(bytes.size());
  turn_ = 1 - stream;
  table_.watch_again(*record_);
  return wire::Writer(wire::Kind::data).integer(static_cast<std::int64_t>(stream)).integer(start).text(bytes).frame();
}

std::string Follower::ending() {
  over_ = true;
  wire::Writer frame(wire::Kind::data);
  frame.integer(end_of_process);
  write_process(frame, *record_, shown_bytes);
  return frame.frame();
}

}  // namespace mayfly::agent
