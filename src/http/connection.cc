#include "http/connection.h"

#include <sys/socket.h>

#include <cerrno>

namespace mayfly::http {

namespace {

constexpr std::size_t sealed_at_once = 64 * 1024;

}  // namespace

Connection::Connection(Guests& guests, Socket connected, std::unique_ptr<TlsSession> tls)
    : Guest(guests), socket_(std::move(connected)), bell_(socket_.get_executor()), tls_(std::move(tls)) {
  bell_.expires_at(Clock::time_point::max());
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  if (tls_) socket_.non_blocking(true, ignored);
  const auto from = socket_.remote_endpoint(ignored);
  const auto host = from.address().to_string();
  peer = (from.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(from.port());
}

void Connection::on_late() {
  late_ = true;
  wake(true);
  if (on_trouble) on_trouble(true);
}

void Connection::cut() {
  gone_ = true;
  error_code ignored;
  socket_.close(ignored);
  bell_.cancel();
  if (on_trouble) on_trouble(false);
}

void Connection::ring() {
  rung_ = true;
  wake(bell_ends_reads);
}

void Connection::reset() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  cut();
}

void Connection::allow(milliseconds time) {
  late_ = false;
  wait_until(Clock::now() + time);
}

void Connection::allow_for_ever() {
  late_ = false;
  wait_for_ever();
}

bool Connection::left() {
  char byte = 0;
  const auto size = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
}

awaitable<bool> Connection::greet(milliseconds patience) {
  const auto end = Clock::now() + patience;
  while (tls_ && !tls_->established()) {
    const bool well = tls_->handshake();
    const auto words = tls_->drain();
    const bool sent = co_await write_all(parts_of(words), patience);
    if (!sent || !well) co_return false;
    if (tls_->established()) break;
    wait_until(end);
    const bool more = co_await read_sealed();
    if (!more) co_return false;
  }
  co_return true;
}

awaitable<bool> Connection::receive(std::size_t size) {
  at_end_ = false;
  if (hindered()) co_return false;
  if (tls_) {
    const bool more = co_await receive_sealed(size);
    co_return more;
  }
  const auto room = in.prepare(size);
  auto [error, count] = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), as_tuple);
  at_end_ = error == asio::error::eof;
  if (error) co_return false;
  in.commit(count);
  co_return true;
}

awaitable<bool> Connection::receive_sealed(std::size_t size) {
  while (true) {
    const auto room = in.prepare(size);
    const auto count = tls_->take(room);
    in.commit(count);
    if (count > 0) co_return true;
    at_end_ = tls_->ended();
    if (at_end_ || tls_->broken()) co_return false;
    const bool more = co_await read_sealed();
    if (!more) co_return false;
  }
}

// Waits without room of its own: ten thousand idle connections keep none.
awaitable<bool> Connection::read_sealed() {
  auto [error] = co_await socket_.async_wait(Socket::wait_read, as_tuple);
  if (error || hindered()) co_return false;
  static thread_local std::array<char, 16 * 1024> room;
  error_code trouble;
  const auto count = socket_.read_some(asio::buffer(room), trouble);
  if (trouble == asio::error::would_block) co_return true;
  // Many say no goodbye; where one is missed, lengths and chunks tell.
  at_end_ = trouble == asio::error::eof;
  if (trouble) co_return false;
  tls_->feed({room.data(), count});
  co_return true;
}

awaitable<bool> Connection::send(Parts parts, milliseconds patience) {
  if (!tls_) {
    const bool sent = co_await write_all(parts, patience);
    co_return sent;
  }
  while (asio::buffer_size(parts) > 0) {
    std::size_t sealed = 0;
    for (const auto& part : parts) {
      const std::string_view text(static_cast<const char*>(part.data()), part.size());
      const auto piece = text.substr(0, sealed_at_once - sealed);
      if (!piece.empty() && !tls_->put(piece)) co_return false;
      sealed += piece.size();
    }
    consume(parts, sealed);
    const auto words = tls_->drain();
    const bool sent = co_await write_all(parts_of(words), patience);
    if (!sent) co_return false;
  }
  co_return !gone_;
}

awaitable<bool> Connection::write_all(Parts parts, milliseconds patience) {
  while (asio::buffer_size(parts) > 0) {
    if (gone_) co_return false;
    allow(patience);
    auto [error, count] = co_await socket_.async_write_some(parts, as_tuple);
    if (error) co_return false;
    consume(parts, count);
  }
  allow_for_ever();
  co_return !gone_;
}

awaitable<void> Connection::end_sending(milliseconds patience) {
  if (tls_) {
    tls_->end();
    const auto words = tls_->drain();
    co_await write_all(parts_of(words), patience);
  }
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

awaitable<void> Connection::listen() {
  while (!rung_ && !late_ && !gone_) {
    auto [cancelled] = co_await bell_.async_wait(as_tuple);
    static_cast<void>(cancelled);
  }
  rung_ = false;
}

void Connection::wake(bool socket_too) {
  error_code ignored;
  if (socket_too) socket_.cancel(ignored);
  bell_.cancel();
}

}  // namespace mayfly::http
