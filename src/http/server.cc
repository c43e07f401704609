#include "http/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <random>
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "http/dispatch.h"
#include "http/framing.h"
#include "http/guests.h"
#include "http/received.h"

namespace mayfly::http {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// The one executor there is, by its own type: the general one costs a virtual call at every step.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
template <class T>
using awaitable = asio::awaitable<T, Executor>;

// Every co_await stands in a statement of its own: g++ 12 does not survive all that do not.
constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable_t<Executor>());

constexpr std::size_t small_read = 2 * 1024;     // nearly every request; what an idle connection keeps
constexpr std::size_t large_read = 64 * 1024;    // while a body is on its way
constexpr std::size_t unasked_body = 64 * 1024;  // read and dropped to keep the connection for the next request
constexpr milliseconds farewell{2'000};          // for a client to read our last words before it gets a reset
constexpr milliseconds glance{1'000};            // between looks whether a stream still has a client
constexpr milliseconds breather{50};             // before the next accept when no descriptor is free
constexpr const char* stopped_reading = "the client stopped reading";
constexpr const char* went_away = "the client went away";
constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

using Parts = std::array<asio::const_buffer, 3>;

asio::const_buffer as_buffer(std::string_view text) { return {text.data(), text.size()}; }

Parts parts_of(std::string_view one, std::string_view two = {}, std::string_view three = {}) {
  return {as_buffer(one), as_buffer(two), as_buffer(three)};
}

// One client. Only the I/O thread touches it.
class Connection final : public Guest, public Waiter {
 public:
  Connection(Guests& guests, Socket connected)
      : Guest(guests), socket_(std::move(connected)), bell_(socket_.get_executor()) {
    bell_.expires_at(Clock::time_point::max());
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    const auto from = socket_.remote_endpoint(ignored);
    const auto host = from.address().to_string();
    peer = (from.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(from.port());
  }

  void on_late() override {
    late_ = true;
    wake(true);
  }

  void cut() override {
    gone_ = true;
    error_code ignored;
    socket_.close(ignored);
    bell_.cancel();
  }

  void ring() override {
    rung_ = true;
    wake(bell_ends_reads);
  }

  // A reset instead of an end: who reads until the end must not take a broken stream for a whole one.
  void reset() {
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    cut();
  }

  void end_sending() {
    error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }

  // From now on; on_late() ends the wait that is on then.
  void allow(milliseconds time) {
    late_ = false;
    wait_until(Clock::now() + time);
  }
  void allow_for_ever() {
    late_ = false;
    wait_for_ever();
  }
  bool late() const { return late_; }
  bool gone() const { return gone_; }

  bool take_ring() { return std::exchange(rung_, false); }
  bool rung() const { return rung_; }

  // Whether the client has closed its side.
  bool left() {
    char byte = 0;
    const auto size = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
  }

  // False: the end, late, gone or, with bell_ends_reads, rung.
  awaitable<bool> receive(std::size_t size) {
    if (gone_ || late_ || (rung_ && bell_ends_reads)) co_return false;
    const auto room = in.prepare(size);
    auto [error, count] = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), as_tuple);
    if (error) co_return false;
    in.commit(count);
    co_return true;
  }

  // Progress of a single byte earns the next `patience`.
  awaitable<bool> send(Parts parts, milliseconds patience) {
    while (asio::buffer_size(parts) > 0) {
      if (gone_) co_return false;
      allow(patience);
      auto [error, count] = co_await socket_.async_write_some(parts, as_tuple);
      if (error) co_return false;
      for (auto& part : parts) {
        const auto used = std::min(count, part.size());
        part += used;
        count -= used;
      }
    }
    allow_for_ever();
    co_return !gone_;
  }

  // Returns when it is rung, late or gone; a ring that came before counts.
  awaitable<void> listen() {
    while (!rung_ && !late_ && !gone_) {
      auto [cancelled] = co_await bell_.async_wait(as_tuple);
      static_cast<void>(cancelled);
    }
    rung_ = false;
  }

  Received in;
  std::string peer;
  bool bell_ends_reads = false;

 private:
  void wake(bool socket_too) {
    error_code ignored;
    if (socket_too) socket_.cancel(ignored);
    bell_.cancel();
  }

  Socket socket_;
  Timer bell_;
  bool rung_ = false;
  bool late_ = false;
  bool gone_ = false;
};

// How reading a body ended, when the client is still there.
enum class Body { whole, gone, late, malformed, too_large };

std::string chunk_line(std::size_t size) {
  std::array<char, 32> text{};
  const int length = std::snprintf(text.data(), text.size(), "%zx\r\n", size);
  return {text.data(), static_cast<std::size_t>(length)};
}

BodyDecoder decoder_of(const RequestHead& head) {
  return head.chunked ? BodyDecoder::chunked() : BodyDecoder::of_length(head.content_length.value_or(0));
}

}  // namespace

struct Server::Impl {
  Impl(ServerOptions given, const Router& router, std::function<void(const Finished&)> finished)
      : options(std::move(given)), dispatch(options, router, std::move(finished)) {}

  Status start();
  void stop(milliseconds grace);

  awaitable<void> accept_all();
  awaitable<void> watch_deadlines();
  void welcome(Socket socket);

  awaitable<void> serve(std::shared_ptr<Connection> client);
  awaitable<bool> serve_one(Connection& client);
  awaitable<bool> read_head(Connection& client, Exchange& x);
  awaitable<int> collect_head(Connection& client, Exchange& x, HeadScanner& scanner);
  awaitable<Body> read_body(Connection& client, Exchange& x, std::size_t limit);
  awaitable<bool> handle(Connection& client, Exchange& x);
  awaitable<bool> wait_for_answer(Connection& client, Exchange& x);
  awaitable<bool> pump_body(Connection& client, Exchange& x, BodyPipe& pipe);
  awaitable<bool> refuse(Connection& client, Exchange& x, int status, std::string detail);
  awaitable<bool> respond(Connection& client, Exchange& x, Answer answer);
  awaitable<std::string> send_stream(Connection& client, Exchange& x, std::shared_ptr<BodySource> source,
                                     Framing framing);
  awaitable<bool> wait_for_piece(Connection& client, const BodyPull& pull);
  awaitable<void> part_gently(Connection& client);

  std::string made_id();
  const std::string& date();

  const ServerOptions options;

  // Of the I/O thread, once it runs.
  asio::io_context io{1};
  std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>([this] { asio::post(io, [this] { inbox->read(); }); });
  Acceptor acceptor{io};
  Timer watch{io};
  Guests guests;
  bool stopping = false;   // no new requests
  bool closing = false;    // the grace is over
  std::mt19937_64 random{std::random_device{}()};
  std::int64_t date_second = -1;
  std::string date_text;

  Dispatch dispatch;
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
  return {impl_->live, impl_->dispatch.requests(), impl_->dispatch.refused(), impl_->dispatch.waiting()};
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

  asio::co_spawn(io, accept_all(), asio::detached);
  asio::co_spawn(io, watch_deadlines(), asio::detached);
  thread = std::thread([this] {
    inbox->open_here();
    io.run();
  });
  return {};
}

void Server::Impl::stop(milliseconds grace) {
  const std::lock_guard once(stop_mutex);
  if (stopped) return;
  stopped = true;
  if (thread.joinable()) {
    inbox->post([this] {
      stopping = true;
      error_code ignored;
      acceptor.close(ignored);
      guests.cut_idle();
    });
    {
      std::unique_lock lock(live_mutex);
      live_changed.wait_for(lock, grace, [&] { return live == 0; });
    }
    inbox->post([this] {
      closing = true;
      guests.cut_all();
      watch.cancel();
    });
    thread.join();
  }
  inbox->close();
  dispatch.stop();
}

awaitable<void> Server::Impl::accept_all() {
  while (!stopping) {
    auto [error, socket] = co_await acceptor.async_accept(as_tuple);
    if (stopping) co_return;
    if (error) {
      // Most likely no descriptor is free, and trying again at once would only burn the processor.
      guests.cut_oldest_idle();
      Timer pause(io, breather);
      auto [ignored] = co_await pause.async_wait(as_tuple);
      static_cast<void>(ignored);
    } else if (guests.size() < options.connection_limit || guests.cut_oldest_idle()) {
      welcome(std::move(socket));
    } else {
      dispatch.count_refused();
    }
  }
}

void Server::Impl::welcome(Socket socket) {
  try {
    auto client = std::make_shared<Connection>(guests, std::move(socket));
    asio::co_spawn(io, serve(std::move(client)), asio::detached);
  } catch (const std::exception&) {
    dispatch.count_refused();  // no memory for this one
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
    bool again = true;
    while (again && !client->gone()) again = co_await serve_one(*client);
  } catch (const std::exception&) {
    // No memory for this one; the others go on.
  }
  client.reset();
  const std::lock_guard lock(live_mutex);
  --live;
  live_changed.notify_all();
}

// True, here and below: the connection is good for another request.
awaitable<bool> Server::Impl::serve_one(Connection& client) {
  Exchange x(inbox, client);
  bool good = co_await read_head(client, x);
  if (!good) co_return false;
  x.head.request->peer = client.peer;
  x.body_is_unread = x.head.has_body();
  dispatch.find_route(x);
  if (stopping) {
    good = co_await refuse(client, x, 503, "the server is stopping");
    co_return good;
  }
  auto body = Body::whole;
  if (!dispatch.wants_stream(x)) body = co_await read_body(client, x, x.route ? x.route->body_limit : unasked_body);
  if (body == Body::gone) co_return false;

  if (!x.route && x.allowed.empty()) {
    good = co_await refuse(client, x, 404, "no such path");
  } else if (!x.route) {
    good = co_await refuse(client, x, 405, "the path does not serve this method");
  } else if (body == Body::too_large) {
    good = co_await refuse(client, x, 413, "the body is larger than " + std::to_string(x.route->body_limit) + " bytes");
  } else if (body == Body::late) {
    good = co_await refuse(client, x, 408, "the body did not arrive in time");
  } else if (body == Body::malformed) {
    good = co_await refuse(client, x, 400, "the chunks of the body are malformed");
  } else {
    good = co_await handle(client, x);
  }
  co_return good;
}

// False: there is no request to serve, and what had to be said about it was said.
awaitable<bool> Server::Impl::read_head(Connection& client, Exchange& x) {
  HeadScanner scanner;
  int status = co_await collect_head(client, x, scanner);
  client.allow_for_ever();
  if (status < 0) co_return false;

  const auto bytes = client.in.view();
  std::string detail = status == 408   ? "the head of the request did not arrive in time"
                       : status == 431 ? "the head of the request is too large"
                                       : "a line of the head does not end with CR LF, or continues the line before";
  if (status == 0) {
    auto head = parse_head(bytes.substr(0, scanner.size()), made_id());
    if (head) {
      x.head = std::move(*head);
      client.in.consume(scanner.size());
      co_return true;
    }
    status = head.error().status;
    detail = head.error().detail;
  }
  x.head.request = std::make_shared<Request>(guess_request(bytes, made_id()));
  x.head.request->peer = client.peer;
  x.body_is_unread = true;
  co_await refuse(client, x, status, std::move(detail));
  co_return false;
}

// 0: a whole head is there. Less: nobody is. More: the status to refuse with.
awaitable<int> Server::Impl::collect_head(Connection& client, Exchange& x, HeadScanner& scanner) {
  const auto skip_empty_lines = [&] {
    while (client.in.view().starts_with("\r\n")) client.in.consume(2);
  };
  skip_empty_lines();
  if (client.in.view().empty()) {
    if (stopping) co_return -1;
    client.set_idle(true);
    client.allow(options.idle_timeout);
    const bool more = co_await client.receive(small_read);
    client.set_idle(false);
    if (!more) co_return -1;
    x.started = Clock::now();
  }
  client.allow(options.header_timeout);
  while (true) {
    skip_empty_lines();
    const auto state = scanner.scan(client.in.view());
    const bool complete = state == HeadScanner::State::complete;
    if (state == HeadScanner::State::malformed) co_return 400;
    if ((complete ? scanner.size() : client.in.view().size()) > options.header_limit) co_return 431;
    if (complete) co_return 0;
    const bool more = co_await client.receive(small_read);
    if (!more) co_return client.late() ? 408 : -1;
  }
}

awaitable<Body> Server::Impl::read_body(Connection& client, Exchange& x, std::size_t limit) {
  if (!x.head.has_body()) co_return Body::whole;
  auto& body = x.head.request->body;
  if (x.head.content_length.value_or(0) > limit) co_return Body::too_large;
  if (x.head.expects_continue && client.in.view().empty()) {
    const bool sent = co_await client.send(parts_of(go_on), options.body_timeout);
    if (!sent) co_return Body::gone;
  }
  auto decoder = decoder_of(x.head);
  while (true) {
    client.in.consume(decoder.feed(client.in.view(), body));
    if (decoder.broken()) co_return Body::malformed;
    if (body.size() > limit) co_return Body::too_large;
    if (decoder.done()) break;
    client.allow(options.body_timeout);
    const bool more = co_await client.receive(large_read);
    if (!more) co_return client.late() ? Body::late : Body::gone;
  }
  client.allow_for_ever();
  x.body_is_unread = false;
  co_return Body::whole;
}

awaitable<bool> Server::Impl::handle(Connection& client, Exchange& x) {
  std::shared_ptr<BodyPipe> pipe;
  if (dispatch.wants_stream(x)) {
    const auto length = x.head.chunked ? std::nullopt : std::optional(x.head.content_length.value_or(0));
    pipe = std::make_shared<BodyPipe>(length, [mailbox = x.mailbox] { mailbox->send_ring(); });
  }
  bool good = false;
  if (!dispatch.start(x, pipe)) {
    good = co_await refuse(client, x, 503, "all threads are busy");
    co_return good;
  }
  if (pipe) {
    good = co_await pump_body(client, x, *pipe);
    pipe->fail({Code::unavailable, good ? "the request has been answered" : "the client is gone", {}, {}});
  } else {
    good = co_await wait_for_answer(client, x);
  }
  if (good) good = co_await respond(client, x, dispatch.shaped(x, std::move(*x.mailbox->answer)));
  co_return good;
}

awaitable<bool> Server::Impl::wait_for_answer(Connection& client, Exchange& x) {
  client.allow_for_ever();
  while (!x.mailbox->answer && !client.gone()) co_await client.listen();
  co_return x.mailbox->answer.has_value() && !client.gone();
}

// Brings the body to the handler as fast as that reads, until it answers.
awaitable<bool> Server::Impl::pump_body(Connection& client, Exchange& x, BodyPipe& pipe) {
  bool must_ask = x.head.expects_continue;
  auto decoder = decoder_of(x.head);
  client.bell_ends_reads = true;
  while (!x.mailbox->answer && !client.gone() && !decoder.done()) {
    client.take_ring();
    if (!pipe.wants()) {
      client.allow_for_ever();
      co_await client.listen();
      continue;
    }
    if (std::exchange(must_ask, false)) {
      const bool sent = co_await client.send(parts_of(go_on), options.body_timeout);
      if (!sent) break;
    }
    if (client.in.view().empty()) {
      client.allow(options.body_timeout);
      const bool more = co_await client.receive(large_read);
      if (!more && client.late()) pipe.fail({Code::timed_out, "the client stopped sending the body", {}, {}});
      if (!more && (client.late() || !client.rung())) break;
    }
    std::string piece;
    client.in.consume(decoder.feed(client.in.view(), piece));
    pipe.push(std::move(piece));
    if (decoder.broken()) pipe.fail({Code::invalid, "the chunks of the body are malformed", {}, {}});
    if (decoder.broken()) break;
  }
  client.bell_ends_reads = false;
  x.body_is_unread = !decoder.done();
  if (decoder.done()) {
    pipe.finish();
  } else if (!x.mailbox->answer) {
    pipe.fail({Code::unavailable, "the client went away before the end of the body", {}, {}});
  }
  const bool answered = co_await wait_for_answer(client, x);
  co_return answered;
}

awaitable<bool> Server::Impl::refuse(Connection& client, Exchange& x, int status, std::string detail) {
  auto answer = dispatch.refusal(x, status, detail);
  const bool good = co_await respond(client, x, std::move(answer));
  co_return good;
}

awaitable<bool> Server::Impl::respond(Connection& client, Exchange& x, Answer answer) {
  const bool silent = goes_without_body(x, answer.response);
  if (answer.response.stream && !silent && !dispatch.take_seat(x)) {
    answer.response.stream->cancel();
    answer = dispatch.refusal(x, 503, "too many streams are open");
  }
  auto& response = answer.response;
  const bool streams = response.stream && !silent;
  const auto framing = framing_of(x, response, stopping);
  const auto head = render_head(response, framing, x.request().id, date());
  const std::string_view body = silent || streams ? std::string_view() : response.body;
  bool sent = co_await client.send(parts_of(head, body), options.body_timeout);
  if (!sent) answer.trouble = client.late() ? stopped_reading : went_away;
  if (response.stream && !(streams && sent)) response.stream->cancel();
  if (streams && sent) {
    std::string trouble = co_await send_stream(client, x, std::move(response.stream), framing);
    if (!trouble.empty()) client.reset();
    sent = trouble.empty();
    answer.trouble = std::move(trouble);
  }
  dispatch.report(x, response.status, answer.trouble);
  if (sent && framing.close && x.body_is_unread) co_await part_gently(client);
  co_return sent && !framing.close;
}

// The next piece is fetched while one is sent. Empty when all went out, else why not.
awaitable<std::string> Server::Impl::send_stream(Connection& client, Exchange& x, std::shared_ptr<BodySource> source,
                                                 Framing framing) {
  BodyPull pull(std::move(source), dispatch.stream_pool(), x.seat, x.mailbox);
  auto left = framing.length.value_or(0);
  bool more = pull.fetch();
  while (more) {
    const bool here = co_await wait_for_piece(client, pull);
    if (!here) co_return client.gone() ? "the server is stopping" : went_away;
    const auto piece = pull.take();
    if (!piece) co_return piece.error().message;
    if (framing.length && piece->size() > left) co_return "the stream is longer than its announced length";
    if (framing.length && piece->empty() && left > 0) co_return "the stream is shorter than its announced length";
    left -= framing.length ? piece->size() : 0;

    const bool last = piece->empty();
    more = !last && pull.fetch();
    const auto chunk = framing.chunked ? chunk_line(piece->size()) : std::string();
    const std::string_view chunk_end = framing.chunked ? "\r\n" : "";
    const bool sent = co_await client.send(parts_of(chunk, *piece, chunk_end), options.body_timeout);
    if (!sent) co_return client.late() ? stopped_reading : went_away;
    if (last) co_return "";
  }
  co_return "the server is stopping";
}

awaitable<bool> Server::Impl::wait_for_piece(Connection& client, const BodyPull& pull) {
  while (!pull.here() && !client.gone()) {
    client.allow(glance);
    co_await client.listen();
    // A source may have nothing to say for hours; without a look now and then a client that left would hold its
    // thread until the next word. A client that only closed its sending side is taken for gone too.
    if (!pull.here() && client.late() && client.left()) co_return false;
  }
  client.allow_for_ever();
  co_return pull.here() && !client.gone();
}

// Closing with bytes unread would reset the connection, and the client might never see our answer.
awaitable<void> Server::Impl::part_gently(Connection& client) {
  client.end_sending();
  client.allow(farewell);
  bool more = true;
  while (more) {
    client.in.consume(client.in.view().size());
    more = co_await client.receive(large_read);
  }
}

std::string Server::Impl::made_id() {
  constexpr char digits[] = "0123456789abcdef";
  std::string id(16, '0');
  auto bits = random();
  for (auto& c : id) {
    c = digits[bits & 15];
    bits >>= 4;
  }
  return id;
}

const std::string& Server::Impl::date() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  if (now != date_second) {
    date_second = now;
    date_text = http_date(now);
  }
  return date_text;
}

}  // namespace mayfly::http
