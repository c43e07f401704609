#include "driver/agent_client/outstanding.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mayfly::agent_client {

namespace {

constexpr std::uint64_t wake_number = 0;  // calls are counted from 1
constexpr auto longest_pause = std::chrono::milliseconds(50);
// Pieces that one call may take before the others get their turn.
constexpr int pieces_per_turn = 16;

tl::unexpected<Error> server_stops() {
  return fail(Code::unavailable,
              "the server is stopping; what was begun in the sandbox goes on there, and its list of processes has it",
              "stopping");
}

/// True when nothing is left to send. A refusal shows when we read: what the agent said before it hung up is there.
bool send(const os::Fd& socket, const std::string& request, std::size_t& sent) {
  while (sent < request.size()) {
    const auto now = ::send(socket.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) return errno != EAGAIN;
    sent += static_cast<std::size_t>(now);
  }
  return true;
}

}  // namespace

struct Outstanding::Active {
  explicit Active(Added given)
      : call(std::move(given.call)), socket(std::move(given.socket)), sent(given.sent),
        reader(call.address.who, call.content_limit) {}

  Call call;
  os::Fd socket;
  std::size_t sent;
  ReplyReader reader;
  Deadline time{};  // its entry in times_
  std::chrono::milliseconds pause{1};
};

Outstanding::Outstanding() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(epoll_ && wake_);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_number;
  CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0);
  thread_ = std::thread([this] { loop(); });
}

Outstanding::~Outstanding() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

/// The agent gets the request from the caller's own thread, before ours is awake.
void Outstanding::add(Call call) {
  Added added{std::move(call), {}, 0};
  if (auto socket = dial(added.call.address); socket && *socket) {
    added.socket = std::move(**socket);
    send(added.socket, added.call.request, added.sent);
  }
  {
    const std::lock_guard lock(mutex_);
    added_.push_back(std::move(added));
  }
  ::eventfd_write(wake_.get(), 1);
}

void Outstanding::end_all() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
}

void Outstanding::loop() {
  std::array<epoll_event, 64> events;
  for (;;) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), milliseconds_to_next());
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.u64 != wake_number) proceed(event.data.u64, event.events);
    }
    take_added();
    const auto now = Clock::now();
    while (!times_.empty() && times_.begin()->first <= now) at_time(times_.begin()->second, now);
    std::unique_lock lock(mutex_);
    if (stopping_) break;
    if (!ending_) continue;
    lock.unlock();
    while (!active_.empty()) complete(active_.begin()->first, server_stops());
  }
  // A `then` may add a call again: until none does.
  for (take_added(); !active_.empty(); take_added()) complete(active_.begin()->first, server_stops());
}

void Outstanding::take_added() {
  eventfd_t times = 0;
  ::eventfd_read(wake_.get(), &times);
  std::vector<Added> added;
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    added.swap(added_);
    stopping = stopping_ || ending_;
  }
  for (auto& one : added) {
    const auto number = ++last_number_;
    auto& active = *active_.emplace(number, std::make_unique<Active>(std::move(one))).first->second;
    active.time = active.call.until;
    times_.emplace(active.time, number);
    if (stopping) continue;
    if (active.socket) watch(number);
    else connect(number);
  }
}

void Outstanding::connect(std::uint64_t number) {
  auto& active = *active_.at(number);
  auto socket = dial(active.call.address);
  if (!socket) return complete(number, tl::unexpected(socket.error()));
  if (!*socket) {
    // A full queue of callers tells nobody when it has room again.
    set_time(number, active, std::min({Clock::now() + active.pause, active.call.connect_until, active.call.until}));
    active.pause = std::min(active.pause * 2, longest_pause);
    return;
  }
  active.socket = std::move(**socket);
  set_time(number, active, active.call.until);
  watch(number);
}

void Outstanding::watch(std::uint64_t number) {
  auto& active = *active_.at(number);
  const bool all_sent = send(active.socket, active.call.request, active.sent);
  epoll_event event{};
  event.events = all_sent ? EPOLLIN : EPOLLIN | EPOLLOUT;
  event.data.u64 = number;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, active.socket.get(), &event) != 0)
    complete(number, tl::unexpected(errno_error(errno, "watch a connection to an agent")));
}

void Outstanding::proceed(std::uint64_t number, std::uint32_t events) {
  const auto found = active_.find(number);
  if (found == active_.end()) return;
  auto& active = *found->second;
  if ((events & EPOLLOUT) != 0 && send(active.socket, active.call.request, active.sent)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = number;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, active.socket.get(), &event);
  }
  if ((events & ~std::uint32_t(EPOLLOUT)) != 0) receive(active, number);
}

void Outstanding::receive(Active& active, std::uint64_t number) {
  std::array<char, 64 << 10> buffer;
  for (int turn = 0; turn < pieces_per_turn; ++turn) {
    const auto room = active.call.keeps_connection ? std::min(buffer.size(), active.reader.missing()) : buffer.size();
    const auto got = ::recv(active.socket.get(), buffer.data(), room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return complete(number, hung_up(active.call.address.who));
    const auto done = active.reader.take({buffer.data(), static_cast<std::size_t>(got)});
    if (!done) return complete(number, tl::unexpected(done.error()));
    if (*done) return complete(number, active.reader.reply());
  }
}

void Outstanding::at_time(std::uint64_t number, Deadline now) {
  auto& active = *active_.at(number);
  const bool connected = static_cast<bool>(active.socket);
  if (active.call.until <= now || (!connected && active.call.connect_until <= now))
    return complete(number, too_late(active.call.address.who));
  connect(number);
}

void Outstanding::set_time(std::uint64_t number, Active& active, Deadline time) {
  times_.erase({active.time, number});
  active.time = time;
  times_.emplace(time, number);
}

int Outstanding::milliseconds_to_next() const {
  if (times_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(times_.begin()->first - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

void Outstanding::complete(std::uint64_t number, Result<Reply> result) {
  const auto found = active_.find(number);
  const auto active = std::move(found->second);
  times_.erase({active->time, number});
  active_.erase(found);
  if (result && active->call.keeps_connection) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, active->socket.get(), nullptr);
    result->tunnel = std::move(active->socket);
  }
  // Closed before the caller hears of it, who may start the next call at once.
  active->socket.reset();
  active->call.then(std::move(result));
}

}  // namespace mayfly::agent_client
