#pragma once
// A request of a client, answered by a program that listens on a port of a sandbox. Dialects say which one and what of
// the path is theirs; all else is done here.

#include <functional>
#include <memory>
#include <string>

#include "api/services.h"
#include "http/message.h"

namespace mayfly::api {

struct PortRequest {
  std::shared_ptr<const http::Request> request;
  std::string sandbox;                          // id or name
  int port = 0;
  std::string prefix;                           // of the path as sent; the rest, query included, is the program's
  /// On an origin that people trust: what the program says must not come alive in a browser.
  bool inert = true;
  std::function<http::Response(const Error&)> refuse;
};

/// A port in a path; invalid, port_invalid, unless it is a number from 1 to 65535.
Result<int> parse_port(std::string_view text);

/// Answers with what the program answers. The request's route must be one that relays.
void forward_request(Services& services, const Caller& caller, PortRequest wish, http::Responder respond);

/// Answers with 101; from then on the connection is one to the port, whatever is spoken there.
void forward_bytes(Services& services, const Caller& caller, PortRequest wish, http::Responder respond);

}  // namespace mayfly::api
