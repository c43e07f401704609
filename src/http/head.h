#pragma once
// The head of a request from its bytes, and the head of a response to them.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "http/message.h"

namespace mayfly::http {

struct RequestHead {
  std::shared_ptr<Request> request;             // without params, body and peer
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool old = false;                             // HTTP/1.0: knows no chunks and no 100

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

struct Refused {
  int status = 400;
  std::string detail;
};

/// `bytes` is one whole head. The id is the client's, if it gave a usable one, else `made_id`.
tl::expected<RequestHead, Refused> parse_head(std::string_view bytes, const std::string& made_id);

/// As much of the request line as can be told, of a head that is incomplete or wrong: it decides who refuses it.
Request guess_request(std::string_view bytes, const std::string& made_id);

/// How the body of a response is framed, and what becomes of the connection.
struct Framing {
  std::optional<std::uint64_t> length;
  bool chunked = false;
  bool close = false;
  bool say_keep_alive = false;   // HTTP/1.0 closes otherwise
  std::string upgrade = {};      // the protocol that follows a 101
};

/// Status line and headers. What the server owns (framing, Date, X-Request-Id, Connection) is not taken from
/// `response`, and control characters in it become spaces: no value can start a header of its own.
std::string render_head(const Response& response, const Framing& framing, std::string_view request_id,
                        std::string_view date);

/// "Tue, 15 Nov 1994 08:12:31 GMT"
std::string http_date(std::int64_t unix_seconds);

}  // namespace mayfly::http
