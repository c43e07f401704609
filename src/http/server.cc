#include "http/server.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "http/serving.h"

namespace mayfly::http {

namespace {

constexpr milliseconds breather{50};   // before the next accept when no descriptor is free
constexpr milliseconds glance{1'000};  // the shortest wait that anybody has

}  // namespace

struct Server::Impl {
  Impl(ServerOptions given, const Router& router, std::function<void(const Finished&)> finished)
      : options(std::move(given)), common(options, router, std::move(finished)) {
    common.inbox = std::make_shared<Inbox>([this] { asio::post(common.io, [this] { common.inbox->read(); }); });
  }

  Status start();
  void stop(milliseconds grace);

  awaitable<void> accept_all();
  awaitable<void> watch_deadlines();
  void welcome(Socket socket);
  awaitable<void> serve(std::shared_ptr<Connection> client);

  const ServerOptions options;

  // Of the I/O thread, once it runs.
  Guests guests;
  Common common;
  Acceptor acceptor{common.io};
  Timer watch{common.io};
  bool closing = false;    // the grace is over

  std::uint16_t port = 0;
  std::thread thread;

  std::mutex stop_mutex;
  bool stopped = false;
  std::mutex live_mutex;
  std::condition_variable live_changed;
  std::uint64_t live = 0;   // connections
};

Server::Server(ServerOptions options, const Router& router, std::function<void(const Finished&)> finished)
    : impl_(std::make_unique<Impl>(std::move(options), router, std::move(finished))) {}
Server::~Server() { stop(milliseconds(0)); }
Status Server::start() { return impl_->start(); }
std::uint16_t Server::port() const { return impl_->port; }
void Server::stop(milliseconds grace) { impl_->stop(grace); }

Server::Counters Server::counters() const {
  const std::lock_guard lock(impl_->live_mutex);
  const auto& dispatch = impl_->common.dispatch;
  return {impl_->live, dispatch.requests(), dispatch.refused(), dispatch.waiting()};
}

Status Server::Impl::start() {
  const auto where = options.address + ":" + std::to_string(options.port);
  error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) return fail(Code::invalid, "cannot listen on " + where + ": " + options.address + " is not an IP address");
  const tcp::endpoint endpoint(address, options.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return tl::unexpected<Error>(errno_error(error.value(), "cannot listen on " + where));
  port = acceptor.local_endpoint(error).port();

  asio::co_spawn(common.io, accept_all(), asio::detached);
  asio::co_spawn(common.io, watch_deadlines(), asio::detached);
  thread = std::thread([this] {
    common.inbox->open_here();
    common.io.run();
  });
  return {};
}

void Server::Impl::stop(milliseconds grace) {
  const std::lock_guard once(stop_mutex);
  if (stopped) return;
  stopped = true;
  if (thread.joinable()) {
    common.inbox->post([this] {
      common.stopping = true;
      error_code ignored;
      acceptor.close(ignored);
      guests.cut_idle();
    });
    {
      std::unique_lock lock(live_mutex);
      live_changed.wait_for(lock, grace, [&] { return live == 0; });
    }
    common.inbox->post([this] {
      closing = true;
      guests.cut_all();
      watch.cancel();
    });
    thread.join();
  }
  common.inbox->close();
  common.dispatch.stop();
}

awaitable<void> Server::Impl::accept_all() {
  while (!common.stopping) {
    auto [error, socket] = co_await acceptor.async_accept(as_tuple);
    if (common.stopping) co_return;
    if (error) {
      // Most likely no descriptor is free, and trying again at once would only burn the processor.
      guests.cut_oldest_idle();
      Timer pause(common.io, breather);
      auto [ignored] = co_await pause.async_wait(as_tuple);
      static_cast<void>(ignored);
    } else if (guests.size() < options.connection_limit || guests.cut_oldest_idle()) {
      welcome(std::move(socket));
    } else {
      common.dispatch.count_refused();
    }
  }
}

void Server::Impl::welcome(Socket socket) {
  try {
    auto tls = options.tls ? options.tls->session() : nullptr;
    if (options.tls && !tls) return common.dispatch.count_refused();
    auto client = std::make_shared<Connection>(guests, std::move(socket), std::move(tls));
    asio::co_spawn(common.io, serve(std::move(client)), asio::detached);
  } catch (const std::exception&) {
    common.dispatch.count_refused();  // no memory for this one
  }
}

awaitable<void> Server::Impl::watch_deadlines() {
  // One timer for all: arming one for each wait would cost more than the requests themselves.
  const auto shortest = std::min({options.header_timeout, options.body_timeout, options.idle_timeout, glance});
  const auto step = std::clamp(shortest / 10, milliseconds(5), milliseconds(250));
  while (!closing) {
    watch.expires_after(step);
    auto [cancelled] = co_await watch.async_wait(as_tuple);
    if (!cancelled) guests.tell_late(Clock::now());
  }
}

awaitable<void> Server::Impl::serve(std::shared_ptr<Connection> client) {
  {
    const std::lock_guard lock(live_mutex);
    ++live;
  }
  try {
    Serving serving(common, *client);
    co_await serving.run();
  } catch (const std::exception&) {
    // No memory for this one; the others go on.
  }
  client.reset();
  const std::lock_guard lock(live_mutex);
  --live;
  live_changed.notify_all();
}

}  // namespace mayfly::http
