#include "http/serving.h"

#include <array>
#include <cstdio>

#include "http/relay.h"

namespace mayfly::http {

namespace {

constexpr std::size_t unasked_body = 64 * 1024;  // read and dropped to keep the connection for the next request
constexpr milliseconds farewell{2'000};          // for a client to read our last words before it gets a reset
constexpr milliseconds glance{1'000};            // between looks whether a stream still has a client
constexpr const char* stopped_reading = "the client stopped reading";
constexpr const char* went_away = "the client went away";
constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

std::string chunk_line(std::size_t size) {
  std::array<char, 32> text{};
  const int length = std::snprintf(text.data(), text.size(), "%zx\r\n", size);
  return {text.data(), static_cast<std::size_t>(length)};
}

BodyDecoder decoder_of(const RequestHead& head) {
  return head.chunked ? BodyDecoder::chunked() : BodyDecoder::of_length(head.content_length.value_or(0));
}

}  // namespace

awaitable<void> Serving::run() {
  bool again = co_await client_.greet(common_.options.header_timeout);
  while (again && !client_.gone()) again = co_await serve_one();
}

// True, here and below: the connection is good for another request.
awaitable<bool> Serving::serve_one() {
  Exchange x(common_.inbox, client_);
  bool good = co_await read_head(x);
  if (!good) co_return false;
  x.head.request->peer = client_.peer;
  x.body_is_unread = x.head.has_body();
  common_.dispatch.find_route(x);
  if (common_.stopping) {
    good = co_await refuse(x, 503, "the server is stopping");
    co_return good;
  }
  auto body = Body::whole;
  const bool later = common_.dispatch.wants_stream(x) || (x.route && x.route->relays);
  if (!later) body = co_await read_body(x, x.route ? x.route->body_limit : unasked_body);
  if (body == Body::gone) co_return false;

  if (!x.route && x.allowed.empty()) {
    good = co_await refuse(x, 404, "no such path");
  } else if (!x.route) {
    good = co_await refuse(x, 405, "the path does not serve this method");
  } else if (body == Body::too_large) {
    good = co_await refuse(x, 413, "the body is larger than " + std::to_string(x.route->body_limit) + " bytes");
  } else if (body == Body::late) {
    good = co_await refuse(x, 408, "the body did not arrive in time");
  } else if (body == Body::malformed) {
    good = co_await refuse(x, 400, "the chunks of the body are malformed");
  } else {
    good = co_await handle(x);
  }
  co_return good;
}

// False: there is no request to serve, and what had to be said about it was said.
awaitable<bool> Serving::read_head(Exchange& x) {
  HeadScanner scanner;
  int status = co_await collect_head(x, scanner);
  client_.allow_for_ever();
  if (status < 0) co_return false;

  const auto bytes = client_.in.view();
  std::string detail = status == 408   ? "the head of the request did not arrive in time"
                       : status == 431 ? "the head of the request is too large"
                                       : "a line of the head does not end with CR LF, or continues the line before";
  if (status == 0) {
    auto head = parse_head(bytes.substr(0, scanner.size()), common_.made_id());
    if (head) {
      x.head = std::move(*head);
      client_.in.consume(scanner.size());
      co_return true;
    }
    status = head.error().status;
    detail = head.error().detail;
  }
  x.head.request = std::make_shared<Request>(guess_request(bytes, common_.made_id()));
  x.head.request->peer = client_.peer;
  x.body_is_unread = true;
  co_await refuse(x, status, std::move(detail));
  co_return false;
}

// 0: a whole head is there. Less: nobody is. More: the status to refuse with.
awaitable<int> Serving::collect_head(Exchange& x, HeadScanner& scanner) {
  const auto skip_empty_lines = [&] {
    while (client_.in.view().starts_with("\r\n")) client_.in.consume(2);
  };
  skip_empty_lines();
  if (client_.in.view().empty()) {
    if (common_.stopping) co_return -1;
    client_.set_idle(true);
    client_.allow(common_.options.idle_timeout);
    const bool more = co_await client_.receive(small_read);
    client_.set_idle(false);
    if (!more) co_return -1;
    x.started = Clock::now();
  }
  client_.allow(common_.options.header_timeout);
  while (true) {
    skip_empty_lines();
    const auto state = scanner.scan(client_.in.view());
    const bool complete = state == HeadScanner::State::complete;
    if (state == HeadScanner::State::malformed) co_return 400;
    if ((complete ? scanner.size() : client_.in.view().size()) > common_.options.header_limit) co_return 431;
    if (complete) co_return 0;
    const bool more = co_await client_.receive(small_read);
    if (!more) co_return client_.late() ? 408 : -1;
  }
}

awaitable<Serving::Body> Serving::read_body(Exchange& x, std::size_t limit) {
  if (!x.head.has_body()) co_return Body::whole;
  auto& body = x.head.request->body;
  if (x.head.content_length.value_or(0) > limit) co_return Body::too_large;
  if (x.head.expects_continue && client_.in.view().empty()) {
    const bool sent = co_await client_.send(parts_of(go_on), common_.options.body_timeout);
    if (!sent) co_return Body::gone;
  }
  auto decoder = decoder_of(x.head);
  while (true) {
    client_.in.consume(decoder.feed(client_.in.view(), body));
    if (decoder.broken()) co_return Body::malformed;
    if (body.size() > limit) co_return Body::too_large;
    if (decoder.done()) break;
    client_.allow(common_.options.body_timeout);
    const bool more = co_await client_.receive(large_read);
    if (!more) co_return client_.late() ? Body::late : Body::gone;
  }
  client_.allow_for_ever();
  x.body_is_unread = false;
  co_return Body::whole;
}

awaitable<bool> Serving::handle(Exchange& x) {
  std::shared_ptr<BodyPipe> pipe;
  if (common_.dispatch.wants_stream(x)) {
    const auto length = x.head.chunked ? std::nullopt : std::optional(x.head.content_length.value_or(0));
    pipe = std::make_shared<BodyPipe>(length, [mailbox = x.mailbox] { mailbox->send_ring(); });
  }
  bool good = false;
  if (!common_.dispatch.start(x, pipe)) {
    good = co_await refuse(x, 503, "all threads are busy");
    co_return good;
  }
  if (pipe) {
    good = co_await pump_body(x, *pipe);
    pipe->fail({Code::unavailable, good ? "the request has been answered" : "the client is gone", {}, {}});
  } else {
    good = co_await wait_for_answer(x);
  }
  if (!good) co_return false;
  auto answer = common_.dispatch.shaped(x, std::move(*x.mailbox->answer));
  if (answer.response.relay) {
    CHECK(x.route->relays);
    good = co_await relay(x, std::move(answer.response));
  } else {
    good = co_await respond(x, std::move(answer));
  }
  co_return good;
}

/// Another server answers; how, is told like any other answer.
awaitable<bool> Serving::relay(Exchange& x, Response response) {
  if (common_.relays >= common_.options.relay_limit) {
    const bool good = co_await refuse(x, 503, "too many connections are forwarded");
    co_return good;
  }
  ++common_.relays;
  Relayed outcome;
  {
    Relaying relaying(client_, x, std::move(response), common_.date(), common_.stopping, common_.io);
    outcome = co_await relaying.run();
  }
  --common_.relays;
  if (!outcome.answered && !client_.gone()) {
    const bool good = co_await refuse(x, outcome.status, std::move(outcome.trouble));
    co_return good;
  }
  common_.dispatch.report(x, outcome.status, outcome.trouble);
  if (outcome.answered && outcome.trouble.empty() && x.body_is_unread) co_await part_gently();
  co_return outcome.good;
}

awaitable<bool> Serving::wait_for_answer(Exchange& x) {
  client_.allow_for_ever();
  while (!x.mailbox->answer && !client_.gone()) co_await client_.listen();
  co_return x.mailbox->answer.has_value() && !client_.gone();
}

// Brings the body to the handler as fast as that reads, until it answers.
awaitable<bool> Serving::pump_body(Exchange& x, BodyPipe& pipe) {
  bool must_ask = x.head.expects_continue;
  auto decoder = decoder_of(x.head);
  client_.bell_ends_reads = true;
  while (!x.mailbox->answer && !client_.gone() && !decoder.done()) {
    client_.take_ring();
    if (!pipe.wants()) {
      client_.allow_for_ever();
      co_await client_.listen();
      continue;
    }
    if (std::exchange(must_ask, false)) {
      const bool sent = co_await client_.send(parts_of(go_on), common_.options.body_timeout);
      if (!sent) break;
    }
    if (client_.in.view().empty()) {
      client_.allow(common_.options.body_timeout);
      const bool more = co_await client_.receive(large_read);
      if (!more && client_.late()) pipe.fail({Code::timed_out, "the client stopped sending the body", {}, {}});
      if (!more && (client_.late() || !client_.rung())) break;
    }
    std::string piece;
    client_.in.consume(decoder.feed(client_.in.view(), piece));
    pipe.push(std::move(piece));
    if (decoder.broken()) pipe.fail({Code::invalid, "the chunks of the body are malformed", {}, {}});
    if (decoder.broken()) break;
  }
  client_.bell_ends_reads = false;
  x.body_is_unread = !decoder.done();
  if (decoder.done()) {
    pipe.finish();
  } else if (!x.mailbox->answer) {
    pipe.fail({Code::unavailable, "the client went away before the end of the body", {}, {}});
  }
  const bool answered = co_await wait_for_answer(x);
  co_return answered;
}

awaitable<bool> Serving::refuse(Exchange& x, int status, std::string detail) {
  auto answer = common_.dispatch.refusal(x, status, detail);
  const bool good = co_await respond(x, std::move(answer));
  co_return good;
}

awaitable<bool> Serving::respond(Exchange& x, Answer answer) {
  const bool silent = goes_without_body(x, answer.response);
  if (answer.response.stream && !silent && !common_.dispatch.take_seat(x)) {
    answer.response.stream->cancel();
    answer = common_.dispatch.refusal(x, 503, "too many streams are open");
  }
  auto& response = answer.response;
  const bool streams = response.stream && !silent;
  const auto framing = framing_of(x, response, common_.stopping);
  const auto head = render_head(response, framing, x.request().id, common_.date());
  const std::string_view body = silent || streams ? std::string_view() : response.body;
  bool sent = co_await client_.send(parts_of(head, body), common_.options.body_timeout);
  if (!sent) answer.trouble = client_.late() ? stopped_reading : went_away;
  if (response.stream && !(streams && sent)) response.stream->cancel();
  if (streams && sent) {
    std::string trouble = co_await send_stream(x, std::move(response.stream), framing);
    if (!trouble.empty()) client_.reset();
    sent = trouble.empty();
    answer.trouble = std::move(trouble);
  }
  common_.dispatch.report(x, response.status, answer.trouble);
  if (sent && framing.close && x.body_is_unread) co_await part_gently();
  co_return sent && !framing.close;
}

// The next piece is fetched while one is sent. Empty when all went out, else why not.
awaitable<std::string> Serving::send_stream(Exchange& x, std::shared_ptr<BodySource> source,
                                                 Framing framing) {
  BodyPull pull(std::move(source), common_.dispatch.stream_pool(), x.seat, x.mailbox);
  auto left = framing.length.value_or(0);
  bool more = pull.fetch();
  while (more) {
    const bool here = co_await wait_for_piece(pull);
    if (!here) co_return client_.gone() ? "the server is stopping" : went_away;
    const auto piece = pull.take();
    if (!piece) co_return piece.error().message;
    if (framing.length && piece->size() > left) co_return "the stream is longer than its announced length";
    if (framing.length && piece->empty() && left > 0) co_return "the stream is shorter than its announced length";
    left -= framing.length ? piece->size() : 0;

    const bool last = piece->empty();
    more = !last && pull.fetch();
    const auto chunk = framing.chunked ? chunk_line(piece->size()) : std::string();
    const std::string_view chunk_end = framing.chunked ? "\r\n" : "";
    const bool sent = co_await client_.send(parts_of(chunk, *piece, chunk_end), common_.options.body_timeout);
    if (!sent) co_return client_.late() ? stopped_reading : went_away;
    if (last) co_return "";
  }
  co_return "the server is stopping";
}

awaitable<bool> Serving::wait_for_piece(const BodyPull& pull) {
  while (!pull.here() && !client_.gone()) {
    client_.allow(glance);
    co_await client_.listen();
    // A source may have nothing to say for hours; without a look now and then a client that left would hold its
    // thread until the next word. A client that only closed its sending side is taken for gone too.
    if (!pull.here() && client_.late() && client_.left()) co_return false;
  }
  client_.allow_for_ever();
  co_return pull.here() && !client_.gone();
}

// Closing with bytes unread would reset the connection, and the client might never see our answer.
awaitable<void> Serving::part_gently() {
  co_await client_.end_sending(farewell);
  client_.allow(farewell);
  bool more = true;
  while (more) {
    client_.in.consume(client_.in.view().size());
    more = co_await client_.receive(large_read);
  }
}

std::string Common::made_id() {
  constexpr char digits[] = "0123456789abcdef";
  std::string id(16, '0');
  auto bits = random();
  for (auto& c : id) {
    c = digits[bits & 15];
    bits >>= 4;
  }
  return id;
}

const std::string& Common::date() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  if (now != date_second) {
    date_second = now;
    date_text = http_date(now);
  }
  return date_text;
}

}  // namespace mayfly::http
