#pragma once
// One I/O thread with coroutines, a bounded pool for handlers that block, and a second one for streams.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/router.h"
#include "http/tls.h"

namespace mayfly::http {

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                                // 0: any free one
  int pool_threads = 16;
  int stream_threads = 64;
  std::size_t queue_limit = 1024;                        // waiting for the pool; past it 503 with Retry-After
  std::size_t connection_limit = 12'000;                 // past it the oldest idle one is closed
  std::size_t header_limit = 32 * 1024;                  // bytes; past it 431
  std::chrono::milliseconds header_timeout{10'000};      // to send a whole header; past it 408 and close
  std::chrono::milliseconds body_timeout{30'000};        // without a byte of progress, either way
  std::chrono::milliseconds idle_timeout{75'000};        // between requests on one connection
  std::size_t relay_limit = 10'000;                      // so that the rest of connection_limit is left for calls
  std::shared_ptr<TlsFiles> tls = {};                    // https instead of http
};

/// Called once per finished request, on any thread: for logs and metrics.
struct Finished {
  const Request& request;
  std::string_view route;   // its pattern; empty when none matched
  int status;
  std::chrono::microseconds took;
  std::string_view trouble; // what a handler threw, or why its stream was cut; empty when all went well
};

class Server {
 public:
  Server(ServerOptions options, const Router& router, std::function<void(const Finished&)> finished);
  ~Server();  // stops

  Status start();                      // binds and serves; the error names address and port
  std::uint16_t port() const;          // the real one
  /// No new requests; those running may end within `grace`, then connections are cut. Returns when no thread of the
  /// server is left, so a handler that blocks must come to an end by itself. Not to be called by a handler.
  void stop(std::chrono::milliseconds grace);

  struct Counters {
    std::uint64_t connections = 0;  // open now
    std::uint64_t requests = 0;     // answered so far, the refused included
    std::uint64_t refused = 0;      // by the server itself, connections it had no room for included
    std::uint64_t queued = 0;       // waiting for the pool now
  };
  Counters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mayfly::http
