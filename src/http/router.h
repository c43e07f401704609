#pragma once
// Which handler a request belongs to. Patterns are segments: literals, "{name}" for one segment, and a last
// "{name...}" for the rest (still percent-encoded). A literal beats a parameter, segment by segment.
// Matching works on the encoded path, so an encoded slash never splits a segment.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/message.h"

namespace mayfly::http {

/// Runs on a thread of the bounded pool and may block for a transaction.
using BlockingHandler = std::function<Response(const Request&)>;
/// Runs on the I/O thread and must not block: it passes the Responder on and returns.
using AsyncHandler = std::function<void(std::shared_ptr<const Request>, Responder)>;
/// Runs on a thread of the streaming pool while the body arrives.
using StreamingHandler = std::function<Response(const Request&, BodyReader&)>;
using Handler = std::variant<BlockingHandler, AsyncHandler, StreamingHandler>;

struct Route {
  std::string method;                 // "*": every one that no other route of the pattern serves
  std::string pattern;
  Handler handler;
  std::size_t body_limit = 1 << 20;   // bytes; past it 413. Streaming routes have no limit of their own.
  bool long_running = false;          // a blocking handler whose response streams: uses the streaming pool
  /// Requests that ask for a stream go to this one instead, on the streaming pool; it may block as that may.
  struct Streamed {
    std::function<bool(const Request&)> asked_for;
    BlockingHandler handler;
  };
  std::optional<Streamed> streamed = {};
  bool relays = false;                // an async handler that gets no body: that goes where Response::relay leads
};

class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;

  void add(Route route);  // CHECKs against a second route of the same method and shape

  /// Who speaks for paths below `prefix` that no route serves, and for what the server itself refuses there
  /// (400, 404, 405, 408, 413, 414, 431, 500, 503). The longest prefix wins; "" is the default.
  using Refusal = std::function<Response(int status, std::string_view detail, const Request&)>;
  void refuse(std::string prefix, Refusal refusal);

  struct Match {
    const Route* route = nullptr;
    std::vector<std::pair<std::string, std::string>> params;
    std::vector<std::string> allowed;  // methods served on this path, when the method is the trouble
  };
  Match match(std::string_view method, std::string_view path) const;
  Response refusal(int status, std::string_view detail, const Request& request) const;

  /// Every route as "GET /v1/sandboxes/{id}", sorted.
  std::vector<std::string> list() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mayfly::http
