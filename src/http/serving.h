#pragma once
// What is done with one connection: request after request is read, handed to its handler, and answered.

#include <memory>
#include <random>
#include <string>

#include "http/asio.h"
#include "http/connection.h"
#include "http/dispatch.h"
#include "http/framing.h"

namespace mayfly::http {

/// What the connections of a server share. Of the I/O thread, once it runs.
struct Common {
  Common(const ServerOptions& given, const Router& router, std::function<void(const Finished&)> finished)
      : options(given), dispatch(given, router, std::move(finished)) {}

  std::string made_id();
  const std::string& date();

  const ServerOptions& options;
  asio::io_context io{1};
  std::shared_ptr<Inbox> inbox;
  Dispatch dispatch;
  bool stopping = false;      // no new requests
  std::size_t relays = 0;     // open now
  std::mt19937_64 random{std::random_device{}()};
  std::int64_t date_second = -1;
  std::string date_text;
};

class Serving {
 public:
  Serving(Common& common, Connection& client) : common_(common), client_(client) {}

  /// Until the connection is of no more use.
  awaitable<void> run();

 private:
  // How reading a body ended, when the client is still there.
  enum class Body { whole, gone, late, malformed, too_large };

  awaitable<bool> serve_one();
  awaitable<bool> read_head(Exchange& x);
  awaitable<int> collect_head(Exchange& x, HeadScanner& scanner);
  awaitable<Body> read_body(Exchange& x, std::size_t limit);
  awaitable<bool> handle(Exchange& x);
  awaitable<bool> wait_for_answer(Exchange& x);
  awaitable<bool> pump_body(Exchange& x, BodyPipe& pipe);
  awaitable<bool> refuse(Exchange& x, int status, std::string detail);
  awaitable<bool> respond(Exchange& x, Answer answer);
  awaitable<bool> relay(Exchange& x, Response response);
  awaitable<std::string> send_stream(Exchange& x, std::shared_ptr<BodySource> source, Framing framing);
  awaitable<bool> wait_for_piece(const BodyPull& pull);
  awaitable<void> part_gently();

  Common& common_;
  Connection& client_;
};

}  // namespace mayfly::http
