#pragma once
// One client's connection, with or without TLS: bytes in, bytes out, each wait with an end. Only the I/O thread
// touches it.

#include <functional>
#include <memory>
#include <string>

#include "http/asio.h"
#include "http/guests.h"
#include "http/inbox.h"
#include "http/received.h"
#include "http/tls.h"

namespace mayfly::http {

class Connection final : public Guest, public Waiter {
 public:
  Connection(Guests& guests, Socket connected, std::unique_ptr<TlsSession> tls);

  void on_late() override;
  void cut() override;
  void ring() override;
  /// A reset instead of an end: who reads until the end must not take a broken stream for a whole one.
  void reset();

  /// From now on; on_late() ends the wait that is on then.
  void allow(milliseconds time);
  void allow_for_ever();
  bool late() const { return late_; }
  bool gone() const { return gone_; }

  bool take_ring() { return std::exchange(rung_, false); }
  bool rung() const { return rung_; }

  /// Whether the client has closed its side.
  bool left();
  /// Whether the last receive() failed because the client has properly ended its side.
  bool at_end() const { return at_end_; }

  /// Speaks TLS until both sides can talk, so long at most. False: the end, late, gone, or not TLS.
  awaitable<bool> greet(milliseconds patience);
  /// Into `in`. False: the end, late, gone or, with bell_ends_reads, rung.
  awaitable<bool> receive(std::size_t size);
  /// Progress of a single byte earns the next `patience`. One at a time.
  awaitable<bool> send(Parts parts, milliseconds patience);
  awaitable<void> end_sending(milliseconds patience);
  /// Returns when it is rung, late or gone; a ring that came before counts.
  awaitable<void> listen();

  Received in;
  std::string peer;
  bool bell_ends_reads = false;
  /// Told when it is late or cut, for whoever waits for something else than this connection.
  std::function<void(bool late)> on_trouble;

 private:
  void wake(bool socket_too);
  awaitable<bool> receive_sealed(std::size_t size);
  awaitable<bool> read_sealed();
  awaitable<bool> write_all(Parts parts, milliseconds patience);
  bool hindered() const { return gone_ || late_ || (rung_ && bell_ends_reads); }

  Socket socket_;
  Timer bell_;
  const std::unique_ptr<TlsSession> tls_;   // none: plain
  bool rung_ = false;
  bool late_ = false;
  bool gone_ = false;
  bool at_end_ = false;
};

}  // namespace mayfly::http
