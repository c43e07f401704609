#include "http/relay.h"

#include <array>
#include <cstdio>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "http/framing.h"

namespace mayfly::http {

namespace {

constexpr std::size_t head_limit = 64 * 1024;
constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr const char* went_away = "the client went away";

std::string chunk_line(std::size_t size) {
  std::array<char, 32> text{};
  const int length = std::snprintf(text.data(), text.size(), "%zx\r\n", size);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string request_framing(const RequestHead& head, bool upgrades) {
  std::string lines = upgrades ? "Connection: Upgrade\r\n" : "Connection: close\r\n";
  if (head.chunked) return lines + "Transfer-Encoding: chunked\r\n";
  if (head.content_length) return lines + "Content-Length: " + std::to_string(*head.content_length) + "\r\n";
  return lines;
}

}  // namespace

Relaying::Relaying(Connection& client, Exchange& x, Response response, std::string date, bool last,
                   asio::io_context& io)
    : client_(client), x_(x), response_(std::move(response)), relay_(response_.relay), date_(std::move(date)),
      last_(last), io_(io), server_(io), up_ended_(io) {
  up_ended_.expires_at(Clock::time_point::max());
}

awaitable<Relayed> Relaying::run() {
  error_code error;
  const int socket = relay_->to.release();
  server_.assign(asio::local::stream_protocol(), socket, error);
  if (error) {
    ByteChannel closes(socket);
    co_return refused(500, "the connection to the other server cannot be used: " + error.message());
  }
  client_.on_trouble = [this](bool late) {
    late_ = late_ || late;
    client_gone_ = client_gone_ || !late;
    close_server();
  };
  touch();
  Relayed outcome;
  if (relay_->head.empty()) {
    outcome = co_await tunnel(101, std::move(response_.headers), relay_->upgrade);
  } else {
    outcome = co_await exchange();
  }
  client_.on_trouble = {};
  client_.allow_for_ever();
  co_return outcome;
}

awaitable<Relayed> Relaying::exchange() {
  if (x_.head.has_body() && x_.head.expects_continue && client_.in.view().empty()) {
    const bool sent = co_await to_client(parts_of(go_on));
    if (!sent) co_return refused(400, went_away);
  }
  client_.take_ring();  // of the handler's answer
  client_.bell_ends_reads = true;
  begin(&Relaying::bring_request);
  Relayed outcome = co_await bring_answer();
  // What still waits for the client's bytes, or to be rid of them, need not any more.
  close_server();
  if (up_runs_) client_.ring();
  co_await up_is_over();
  client_.take_ring();
  client_.bell_ends_reads = false;
  outcome.good = outcome.good && !client_gone_ && !x_.body_is_unread;
  co_return outcome;
}

awaitable<Relayed> Relaying::bring_answer() {
  AnswerHead head;
  Relayed outcome = co_await await_head(head);
  if (outcome.status != 0) co_return outcome;
  if (head.status != 101) {
    outcome = co_await pass_answer(std::move(head));
    co_return outcome;
  }
  const auto* protocol = find(head.headers, "Upgrade");
  if (relay_->upgrade.empty() || !protocol) {
    co_return refused(502, "it changes to another protocol, which nobody asked for");
  }
  co_await up_is_over();
  client_.bell_ends_reads = false;
  Response response;
  response.status = 101;
  for (auto& header : head.headers) {
    if (!is_hop_by_hop(head.headers, header.first)) response.headers.push_back(header);
  }
  if (relay_->shape) relay_->shape(response);
  outcome = co_await tunnel(101, std::move(response.headers), *protocol);
  co_return outcome;
}

// A status of 0: the head is there.
awaitable<Relayed> Relaying::await_head(AnswerHead& head) {
  HeadScanner scanner;
  while (true) {
    const auto state = scanner.scan(in_.view());
    if (state == HeadScanner::State::malformed) {
      co_return refused(502, "what it answers is no HTTP/1: a line of its head does not end with CR LF");
    }
    if (state == HeadScanner::State::complete) {
      auto parsed = parse_answer_head(in_.view().substr(0, scanner.size()));
      if (!parsed) co_return refused(502, parsed.error().message);
      in_.consume(scanner.size());
      scanner = HeadScanner();
      if (parsed->status >= 200 || parsed->status == 101) {
        head = std::move(*parsed);
        co_return Relayed{};
      }
      continue;  // a 100 or 103, which the client can do without
    }
    if (in_.view().size() > head_limit) co_return refused(502, "the head of its answer is larger than 65536 bytes");
    const bool more = co_await receive();
    if (more) continue;
    if (malformed_) co_return refused(400, "the chunks of the body are malformed");
    if (late_) co_return refused(504, "it did not answer in time");
    if (client_gone_) co_return refused(400, went_away);
    co_return refused(502, "it closed the connection before its answer");
  }
}

Framing Relaying::framing_of_answer(const AnswerHead& head, const Response& response) const {
  Framing framing;
  const bool silent = goes_without_body(x_, response);
  framing.length = head.content_length;
  if (response.status == 204) framing.length = std::nullopt;
  framing.chunked = !silent && !framing.length && !x_.head.old;
  const bool ends_with_connection = !silent && !framing.length && x_.head.old;
  framing.close = last_ || !x_.head.keep_alive || ends_with_connection || x_.body_is_unread;
  framing.say_keep_alive = x_.head.old;
  return framing;
}

awaitable<Relayed> Relaying::pass_answer(AnswerHead head) {
  Response response;
  response.status = head.status;
  for (auto& header : head.headers) {
    if (!is_hop_by_hop(head.headers, header.first)) response.headers.push_back(header);
  }
  if (relay_->shape) relay_->shape(response);
  const auto framing = framing_of_answer(head, response);
  const auto text = render_head(response, framing, x_.request().id, date_);
  Relayed outcome{true, response.status, {}, false};
  bool sent = co_await to_client(parts_of(text));
  if (sent && !goes_without_body(x_, response)) sent = co_await pass_body(head, framing);
  if (!sent) {
    outcome.trouble = late_ ? "nothing came or went in time" : client_gone_ ? went_away : "the answer broke off";
    client_.reset();
  }
  outcome.good = sent && !framing.close;
  co_return outcome;
}

awaitable<bool> Relaying::pass_body(const AnswerHead& head, Framing framing) {
  auto decoder = head.chunked ? BodyDecoder::chunked() : BodyDecoder::of_length(head.content_length.value_or(0));
  const bool until_end = !head.chunked && !head.content_length;
  bool ended = !until_end && decoder.done();
  std::string piece;
  while (!ended) {
    piece.clear();
    if (until_end) {
      piece = in_.view();
      in_.consume(piece.size());
    } else {
      in_.consume(decoder.feed(in_.view(), piece));
      if (decoder.broken()) co_return false;
    }
    if (!piece.empty()) {
      const auto chunk = framing.chunked ? chunk_line(piece.size()) : std::string();
      const bool sent = co_await to_client(parts_of(chunk, piece, framing.chunked ? "\r\n" : ""));
      if (!sent) co_return false;
    }
    ended = !until_end && decoder.done();
    if (ended) break;
    const bool more = co_await receive();
    if (!more && !(until_end && server_ended_)) co_return false;
    ended = !more;
  }
  if (!framing.chunked) co_return true;
  const bool sent = co_await to_client(parts_of("0\r\n\r\n"));
  co_return sent;
}

awaitable<void> Relaying::bring_request() {
  const bool upgrades = !relay_->upgrade.empty() && !x_.head.has_body();
  auto head = relay_->head + request_framing(x_.head, upgrades);
  if (upgrades) head += "Upgrade: " + relay_->upgrade + "\r\n";
  head += "\r\n";
  const bool sent = co_await send(parts_of(head));
  if (sent && x_.head.has_body()) x_.body_is_unread = !(co_await pass_request_body());
  if (upgrades || x_.body_is_unread || !client_.in.view().empty()) co_return;
  // Until the answer is through: a client that leaves, also one that closes its sending side alone, wants none.
  const bool more = co_await client_.receive(small_read);
  if (more || client_.rung()) co_return;
  client_gone_ = true;
  close_server();
}

// True when the client has sent all of it.
awaitable<bool> Relaying::pass_request_body() {
  auto decoder = x_.head.chunked ? BodyDecoder::chunked() : BodyDecoder::of_length(*x_.head.content_length);
  std::string piece;
  std::size_t size = large_read;
  while (true) {
    piece.clear();
    client_.in.consume(decoder.feed(client_.in.view(), piece));
    malformed_ = decoder.broken();
    if (malformed_) {
      close_server();
      co_return false;
    }
    if (!piece.empty()) {
      const auto chunk = x_.head.chunked ? chunk_line(piece.size()) : std::string();
      const bool sent = co_await send(parts_of(chunk, piece, x_.head.chunked ? "\r\n" : ""));
      // It may have answered all the same, and that it reads no more is then no trouble.
      if (!sent) co_return decoder.done();
    }
    if (decoder.done()) break;
    const bool more = co_await client_.receive(size);
    if (more) {
      touch();
      continue;
    }
    if (!client_.rung()) {
      client_gone_ = !late_;
      close_server();
    }
    co_return false;
  }
  if (x_.head.chunked) co_await send(parts_of("0\r\n\r\n"));
  co_return true;
}

awaitable<Relayed> Relaying::tunnel(int status, Headers headers, std::string protocol) {
  Response response;
  response.status = status;
  response.headers = std::move(headers);
  Framing framing;
  framing.upgrade = std::move(protocol);
  const auto head = render_head(response, framing, x_.request().id, date_);
  Relayed outcome{true, status, {}, false};
  const bool sent = co_await to_client(parts_of(head));
  if (!sent) {
    outcome.trouble = went_away;
    co_return outcome;
  }
  begin(&Relaying::bytes_up);
  const bool well = co_await bytes_down();
  if (!well) {
    close_server();
    client_.cut();
  }
  co_await up_is_over();
  if (late_) outcome.trouble = "nothing came or went in time";
  co_return outcome;
}

awaitable<void> Relaying::bytes_up() {
  std::size_t size = small_read;
  while (true) {
    const auto piece = client_.in.view();
    if (!piece.empty()) {
      const bool sent = co_await send(parts_of(piece));
      if (!sent) break;
      size = piece.size() >= size ? large_read : small_read;
      client_.in.consume(piece.size());
    }
    const bool more = co_await client_.receive(size);
    if (more) {
      touch();
      continue;
    }
    if (!client_.at_end()) break;
    error_code ignored;
    server_.shutdown(asio::socket_base::shutdown_send, ignored);
    co_return;
  }
  close_server();
  client_.cut();
}

// True when the server has ended its way properly.
awaitable<bool> Relaying::bytes_down() {
  while (true) {
    const auto piece = in_.view();
    if (!piece.empty()) {
      const bool sent = co_await to_client(parts_of(piece));
      if (!sent) co_return false;
      in_.consume(piece.size());
    }
    const bool more = co_await receive();
    if (more) continue;
    if (!server_ended_) co_return false;
    co_await client_.end_sending(relay_->idle);
    touch();
    co_return true;
  }
}

void Relaying::begin(Way up) {
  up_runs_ = true;
  asio::co_spawn(io_, run_up(up), asio::detached);
}

awaitable<void> Relaying::run_up(Way up) {
  try {
    co_await (this->*up)();
  } catch (const std::exception&) {
    client_gone_ = true;  // no memory for it
    close_server();
  }
  up_runs_ = false;
  up_ended_.cancel();
}

awaitable<void> Relaying::up_is_over() {
  while (up_runs_) {
    auto [cancelled] = co_await up_ended_.async_wait(as_tuple);
    static_cast<void>(cancelled);
  }
}

awaitable<bool> Relaying::receive() {
  if (!server_.is_open()) co_return false;
  const auto room = in_.prepare(next_read_);
  auto [error, count] = co_await server_.async_read_some(asio::buffer(room.data(), room.size()), as_tuple);
  server_ended_ = error == asio::error::eof;
  if (error) co_return false;
  in_.commit(count);
  // Whoever fills its room gets more of it; an idle tunnel keeps little.
  next_read_ = count >= next_read_ ? large_read : count < small_read ? small_read : next_read_;
  touch();
  co_return true;
}

awaitable<bool> Relaying::send(Parts parts) {
  while (asio::buffer_size(parts) > 0) {
    if (!server_.is_open()) co_return false;
    auto [error, count] = co_await server_.async_write_some(parts, as_tuple);
    if (error) co_return false;
    consume(parts, count);
    touch();
  }
  co_return true;
}

awaitable<bool> Relaying::to_client(Parts parts) {
  const bool sent = co_await client_.send(parts, relay_->idle);
  if (!sent) client_gone_ = client_gone_ || !late_;
  if (sent) touch();
  co_return sent;
}

void Relaying::close_server() {
  error_code ignored;
  server_.close(ignored);
}

Relayed Relaying::refused(int status, std::string detail) { return {false, status, std::move(detail), false}; }

}  // namespace mayfly::http
