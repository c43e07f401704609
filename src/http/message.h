#pragma once
// HTTP as plain values. Nothing here knows Beast, and nothing that handles a request needs to.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_channel.h"
#include "base/result.h"

namespace mayfly::http {

using Header = std::pair<std::string, std::string>;
using Headers = std::vector<Header>;

/// The first header of that name, any case; nullptr without one.
const std::string* find(const Headers& headers, std::string_view name);

/// A request body that is pulled while it arrives. Blocks; only for routes that asked for it.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  /// Fills the front of `room`; 0 is the end. timed_out: the client stalled. unavailable: it went away.
  virtual Result<std::size_t> read(std::span<char> room) = 0;
  virtual std::optional<std::uint64_t> length() const = 0;  // of the whole body, when the client said it
};

struct Request {
  std::string id;                                             // X-Request-Id as given, or one we made
  std::string method;                                         // upper-case
  std::string target;                                         // as sent, percent-encoded, with the query
  std::string path;                                           // as sent, percent-encoded, without the query
  std::vector<std::pair<std::string, std::string>> params;    // of the route, decoded: {"id", "sbx_1"}
  std::vector<std::pair<std::string, std::string>> query;     // decoded, in order
  Headers headers;
  std::string body;                                           // whole; empty on streaming routes
  std::string peer;                                           // "127.0.0.1:51234"

  const std::string& param(std::string_view name) const;      // CHECKs that the route has it
  const std::string* query_value(std::string_view name) const;
  const std::string* header(std::string_view name) const { return find(headers, name); }
};

/// A response body that is pulled while it is sent, on a pool thread; may block.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual Result<std::size_t> read(std::span<char> room) = 0;  // 0 is the end; an error cuts the connection
  /// Nobody will use what a waiting read() brings: it should return soon. From another thread, perhaps after the end.
  virtual void cancel() {}
};

struct Relay;

/// An error status with neither headers nor a body is given its shape by Router::refusal.
struct Response {
  int status = 200;
  Headers headers = {};
  std::string body = {};
  std::shared_ptr<BodySource> stream = {};           // instead of body
  std::optional<std::uint64_t> stream_length = {};   // known: Content-Length, else chunked
  std::shared_ptr<Relay> relay = {};                 // instead of all of the above; only on routes that relay
};

/// Another server, which is to answer the request in our place. What it says goes to the client as it comes, and the
/// request's body to it, neither faster than the other side reads and without a thread that waits.
struct Relay {
  ByteChannel to;
  /// Request line and headers for it, each with its CR LF, without an empty line at the end and without Connection,
  /// Upgrade and what frames the body. Empty: no HTTP is spoken to it. The client gets a 101 with the response's own
  /// headers, and all that follows is bytes, each way ended on its own.
  std::string head = {};
  std::string upgrade = {};                          // the protocol that the client asks to change to
  std::function<void(Response&)> shape = {};         // may change status and headers of its answer
  std::chrono::milliseconds idle{600'000};           // without a byte either way
  std::shared_ptr<void> held = {};                   // dropped when all is over
};

/// Whether a header belongs to one connection and not to the message (RFC 9110, 7.6.1): the known ones, and those that
/// Connection names.
bool is_hop_by_hop(const Headers& of, std::string_view name);
/// Whether the comma-separated values of that header hold the word, any case.
bool holds_word(const Headers& headers, std::string_view name, std::string_view word);

/// Answers one request, from any thread, exactly once; the first answer counts. When the last copy is dropped
/// unanswered, the client gets a 500, so that no connection waits for ever.
class Responder {
 public:
  explicit Responder(std::function<void(Response)> send);
  void operator()(Response response) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Percent-decoding; nothing on a broken escape. `plus_is_space` for query strings.
std::optional<std::string> decode(std::string_view text, bool plus_is_space = false);
std::string encode(std::string_view text);  // everything but unreserved characters

}  // namespace mayfly::http
