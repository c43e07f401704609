#pragma once
// A blocking HTTP client over libcurl, for the command line and for tests.

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "http/message.h"

namespace mayfly::http {

struct ClientRequest {
  std::string method = "GET";
  std::string path = {};                                       // below the base, with its query, encoded
  Headers headers = {};
  std::string body = {};
  /// Instead of body: fills the front of the span, 0 is the end. With `upload_length` known, sent as Content-Length.
  std::function<std::size_t(std::span<char>)> upload = {};
  std::optional<std::uint64_t> upload_length = {};
  /// Instead of collecting Response::body (only for 2xx answers): false stops the transfer.
  std::function<bool(std::string_view)> download = {};
  std::chrono::milliseconds timeout{60'000};                   // 0: none
};

/// One connection, kept alive between calls. Not for several threads at once.
class Client {
 public:
  /// `ca_file`: PEM certificates to believe instead of the system's.
  explicit Client(std::string base_url, Headers always = {}, std::string ca_file = {});
  ~Client();
  Client(Client&&) noexcept;

  /// Any answer is a Response, whatever its status. unavailable: could not connect (says where), timed_out.
  Result<Response> call(const ClientRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mayfly::http
