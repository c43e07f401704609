#include "agent/forward.h"

#include <array>
#include <cerrno>
#include <new>
#include <string>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace mayfly::agent {

namespace {

constexpr int connect_patience_ms = 9'000;         // less than the caller's, who then hears the reason from us
constexpr std::size_t piece_size = 32 << 10;       // what one tunnel may hold back each way
constexpr int pieces_per_turn = 16;                // then the others get theirs
constexpr std::size_t thread_stack = 64 << 10;
constexpr std::size_t caller = 0, guest = 1;       // the two ends of a tunnel
constexpr std::uint64_t wake_number = 0;           // tunnels are counted from 1

/// 0, or the number of the error.
int try_connect(int family, int port, Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = 0;
  if (family == AF_INET) {
    auto& in = reinterpret_cast<sockaddr_in&>(address);
    in.sin_family = AF_INET;
    in.sin_port = htons(static_cast<std::uint16_t>(port));
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    size = sizeof in;
  } else {
    auto& in6 = reinterpret_cast<sockaddr_in6&>(address);
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(static_cast<std::uint16_t>(port));
    in6.sin6_addr = in6addr_loopback;
    size = sizeof in6;
  }
  socket = Fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd ready{socket.get(), POLLOUT, 0};
  if (::poll(&ready, 1, connect_patience_ms) <= 0) return ETIMEDOUT;
  int number = 0;
  socklen_t length = sizeof number;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &number, &length);
  return number;
}

struct End {
  Fd socket;
  std::string unsent;       // bytes for it that it has not taken yet
  bool ended = false;       // it will send no more
  bool watched = false;
  std::uint32_t events = 0;
};

}  // namespace

Result<Fd> dial_port(int port) {
  Fd socket;
  int number = try_connect(AF_INET, port, socket);
  if (number != 0 && number != ETIMEDOUT && try_connect(AF_INET6, port, socket) == 0) number = 0;
  const auto name = "port " + std::to_string(port);
  if (number == ETIMEDOUT) return fail(Code::busy, name + " has a listener that accepts nobody", "port_timeout");
  if (number == EMFILE || number == ENFILE || number == ENOMEM || number == ENOBUFS)
    return fail(Code::exhausted, "the agent has no room for a connection to " + name);
  if (number != 0) return fail(Code::conflict, "nothing listens on " + name, "port_closed");
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

struct Forwarder::Tunnel {
  std::array<End, 2> ends;
};

Forwarder::Forwarder() = default;
Forwarder::~Forwarder() = default;

Status Forwarder::reserve() {
  if (++taken_ <= tunnel_limit && begin()) return {};
  --taken_;
  return fail(Code::exhausted, "the agent has no room for another connection to a port; it carries at most " +
                                   std::to_string(tunnel_limit));
}

/// The thread comes with the first tunnel: most sandboxes never have one.
bool Forwarder::begin() {
  const std::lock_guard lock(mutex_);
  if (begun_) return true;
  if (!epoll_) epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!wake_) wake_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !wake_) return false;
  room_.resize(piece_size);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_number;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&attributes, thread_stack);
  pthread_t thread;
  begun_ = ::pthread_create(&thread, &attributes, run, this) == 0;
  ::pthread_attr_destroy(&attributes);
  return begun_;
}

void Forwarder::carry(Fd from, Fd to) {
  auto tunnel = std::make_unique<Tunnel>();
  tunnel->ends[caller].socket = std::move(from);
  tunnel->ends[guest].socket = std::move(to);
  for (auto& end : tunnel->ends)
    ::fcntl(end.socket.get(), F_SETFL, ::fcntl(end.socket.get(), F_GETFL) | O_NONBLOCK);
  const std::lock_guard lock(mutex_);
  added_.push_back(std::move(tunnel));
  ::eventfd_write(wake_.get(), 1);
}

void* Forwarder::run(void* self) {
  static_cast<Forwarder*>(self)->loop();
  return nullptr;
}

void Forwarder::loop() {
  std::array<epoll_event, 64> events;
  for (;;) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      const auto number = event.data.u64 >> 1;
      try {
        if (number == wake_number) take_added();
        else proceed(number, event.data.u64 & 1, event.events);
      } catch (const std::bad_alloc&) {
        if (tunnels_.contains(number)) drop(number);
      }
    }
  }
}

void Forwarder::proceed(std::uint64_t number, std::size_t side, std::uint32_t events) {
  const auto found = tunnels_.find(number);
  if (found == tunnels_.end()) return;
  auto& tunnel = *found->second;
  // A caller that only ended its side has not hung up; one that has, takes the tunnel with it.
  bool goes_on = side == guest || (events & (EPOLLHUP | EPOLLERR)) == 0;
  if (goes_on && (events & EPOLLOUT) != 0) goes_on = flush(tunnel, side);
  if (goes_on && (events & ~std::uint32_t(EPOLLOUT)) != 0) goes_on = move(tunnel, side);
  const auto over = [](const auto& end) { return end.ended && end.unsent.empty(); };
  if (!goes_on || (over(tunnel.ends[caller]) && over(tunnel.ends[guest]))) drop(number);
  else watch(number, tunnel);
}

void Forwarder::take_added() {
  eventfd_t times = 0;
  ::eventfd_read(wake_.get(), &times);
  std::vector<std::unique_ptr<Tunnel>> added;
  {
    const std::lock_guard lock(mutex_);
    added.swap(added_);
  }
  for (auto& tunnel : added) {
    const auto number = ++last_number_;
    watch(number, *tunnel);
    tunnels_.emplace(number, std::move(tunnel));
  }
}

/// False when the tunnel is at its end.
bool Forwarder::move(Tunnel& tunnel, std::size_t side) {
  auto& from = tunnel.ends[side];
  auto& to = tunnel.ends[1 - side];
  for (int turn = 0; turn < pieces_per_turn && !from.ended && to.unsent.empty(); ++turn) {
    const auto got = ::recv(from.socket.get(), room_.data(), room_.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) {
      from.ended = true;
      ::shutdown(to.socket.get(), SHUT_WR);
      return true;
    }
    to.unsent.assign(room_.data(), static_cast<std::size_t>(got));
    if (!flush(tunnel, 1 - side)) return false;
  }
  return true;
}

bool Forwarder::flush(Tunnel& tunnel, std::size_t side) {
  auto& to = tunnel.ends[side];
  if (to.unsent.empty()) return true;
  const auto sent = ::send(to.socket.get(), to.unsent.data(), to.unsent.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  to.unsent.erase(0, static_cast<std::size_t>(sent));
  if (to.unsent.empty()) std::string().swap(to.unsent);
  return true;
}

/// Waits for what can be used now: bytes from an end while the other one has taken all before.
void Forwarder::watch(std::uint64_t number, Tunnel& tunnel) {
  for (const std::size_t side : {caller, guest}) {
    auto& end = tunnel.ends[side];
    std::uint32_t wanted = 0;
    if (!end.ended && tunnel.ends[1 - side].unsent.empty()) wanted |= EPOLLIN;
    if (!end.unsent.empty()) wanted |= EPOLLOUT;
    // An end that has hung up says so again and again, whatever is asked: a guest is not watched for nothing.
    const bool watches = side == caller || wanted != 0;
    if (watches == end.watched && wanted == end.events) continue;
    epoll_event event{};
    event.events = wanted;
    event.data.u64 = number << 1 | side;
    const int operation = !watches ? EPOLL_CTL_DEL : end.watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    ::epoll_ctl(epoll_.get(), operation, end.socket.get(), &event);
    end.watched = watches;
    end.events = wanted;
  }
}

void Forwarder::drop(std::uint64_t number) {
  tunnels_.erase(number);
  --taken_;
}

}  // namespace mayfly::agent
