#pragma once
// One request that another server answers: bytes to it and from it on the I/O thread, no more of them in memory than
// one piece each way.

#include <memory>
#include <string>

#include "http/asio.h"
#include "http/answer_head.h"
#include "http/connection.h"
#include "http/dispatch.h"

namespace mayfly::http {

/// How it ended. Without an answer the client has been sent nothing yet.
struct Relayed {
  bool answered = false;
  int status = 0;           // of the answer; without one, of the refusal that fits
  std::string trouble = {}; // empty: all went well
  bool good = false;        // the connection can take another request
};

class Relaying {
 public:
  /// `response` is what the handler answered: its headers go with a 101 for bytes. `last`: the connection ends then.
  Relaying(Connection& client, Exchange& x, Response response, std::string date, bool last, asio::io_context& io);
  awaitable<Relayed> run();

 private:
  // Requests and answers.
  awaitable<Relayed> exchange();
  awaitable<Relayed> bring_answer();
  awaitable<Relayed> await_head(AnswerHead& head);
  awaitable<Relayed> pass_answer(AnswerHead head);
  awaitable<bool> pass_body(const AnswerHead& head, Framing framing);
  awaitable<void> bring_request();
  awaitable<bool> pass_request_body();
  Framing framing_of_answer(const AnswerHead& head, const Response& response) const;

  // Bytes.
  awaitable<Relayed> tunnel(int status, Headers headers, std::string protocol);
  awaitable<void> bytes_up();
  awaitable<bool> bytes_down();

  using Way = awaitable<void> (Relaying::*)();
  void begin(Way up);
  awaitable<void> run_up(Way up);
  awaitable<void> up_is_over();

  awaitable<bool> receive();
  awaitable<bool> send(Parts parts);
  awaitable<bool> to_client(Parts parts);
  void touch() { client_.allow(relay_->idle); }
  void close_server();
  Relayed refused(int status, std::string detail);

  Connection& client_;
  Exchange& x_;
  Response response_;
  const std::shared_ptr<Relay> relay_;
  const std::string date_;
  const bool last_;
  asio::io_context& io_;
  LocalSocket server_;
  Received in_;                        // from the server
  std::size_t next_read_ = small_read;
  Timer up_ended_;
  bool up_runs_ = false;
  bool server_ended_ = false;          // properly, and not by a reset
  bool late_ = false;
  bool client_gone_ = false;
  bool malformed_ = false;             // the request's body
};

}  // namespace mayfly::http
