#include "api/port_forward.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace mayfly::api {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::ranges::any_of(names, [&](auto one) { return same_word(one, name); });
}

// Ours, and nothing that a program in a sandbox may learn.
constexpr std::array<std::string_view, 4> credentials = {"X-API-Key", "X-Blaxel-Authorization", "Proxy-Authorization",
                                                         "X-Mayfly-Workspace"};
// Written anew, by us or by the server.
constexpr std::array<std::string_view, 8> rewritten = {
    "Host",           "Content-Length",   "Expect",           "Forwarded",
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix"};
// What a browser would keep for, or do to, the whole origin or host.
constexpr std::array<std::string_view, 12> lasting = {
    "Set-Cookie",      "Clear-Site-Data", "Strict-Transport-Security",    "Alt-Svc",
    "NEL",             "Report-To",       "Reporting-Endpoints",          "Service-Worker-Allowed",
    "Content-Security-Policy", "X-Content-Type-Options", "Cross-Origin-Resource-Policy", "SourceMap"};

bool is_bearer(std::string_view value) { return value.size() >= 7 && same_word(value.substr(0, 7), "bearer "); }

bool is_for_us(const http::Header& header) {
  return is_one_of(header.first, credentials) ||
         (same_word(header.first, "Authorization") && is_bearer(header.second));
}

std::string host_of_peer(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

std::string scheme_of(const Front& front) {
  if (!front.public_url.empty()) return front.public_url.substr(0, front.public_url.find(':'));
  return front.https ? "https" : "http";
}

/// The target as the program shall see it, encoded as it was sent.
std::string target_of(const PortRequest& wish) {
  const auto& request = *wish.request;
  auto rest = request.path.substr(std::min(request.path.size(), wish.prefix.size()));
  if (!rest.starts_with('/')) rest.insert(0, "/");
  const auto question = request.target.find('?');
  return question == std::string::npos ? rest : rest + request.target.substr(question);
}

std::string head_of(const PortRequest& wish, const Front& front) {
  const auto& request = *wish.request;
  const auto* host = request.header("Host");
  const auto* before = request.header("X-Forwarded-For");
  std::string head = request.method + " " + target_of(wish) + " HTTP/1.1\r\n";
  const auto add = [&](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  add("Host", host && !host->empty() ? *host : "localhost:" + std::to_string(wish.port));
  for (const auto& header : request.headers) {
    if (is_for_us(header) || is_one_of(header.first, rewritten) || http::is_hop_by_hop(request.headers, header.first))
      continue;
    // Cookies of this origin are not the program's.
    if (wish.inert && same_word(header.first, "Cookie")) continue;
    add(header.first, header.second);
  }
  add("X-Forwarded-For", (before ? *before + ", " : "") + host_of_peer(request.peer));
  add("X-Forwarded-Proto", scheme_of(front));
  if (host) add("X-Forwarded-Host", *host);
  add("X-Forwarded-Prefix", wish.prefix);
  return head;
}

void make_inert(http::Response& response) {
  std::erase_if(response.headers, [](const http::Header& header) {
    return is_one_of(header.first, lasting) || same_word(header.first.substr(0, 15), "Access-Control-");
  });
  response.headers.emplace_back("Content-Security-Policy", "sandbox");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
}

std::string wanted_protocol(const http::Request& request) {
  const auto* protocol = request.header("Upgrade");
  return protocol && http::holds_word(request.headers, "Connection", "upgrade") ? *protocol : std::string();
}

/// What holds the connection: both ends of its story, and the counts.
std::shared_ptr<http::Relay> relay_to(PortConnection& connection, const Front& front) {
  auto relay = std::make_shared<http::Relay>();
  relay->to = std::move(connection.to);
  relay->idle = front.port_idle;
  relay->held = std::move(connection.held);
  return relay;
}

}  // namespace

Result<int> parse_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65'535 && text[0] != '0')
    return port;
  return fail(Code::invalid, "a port is a number from 1 to 65535; got \"" + std::string(text.substr(0, 40)) + "\"",
              "port_invalid");
}

void forward_request(Services& services, const Caller& caller, PortRequest wish, http::Responder respond) {
  const auto sandbox = wish.sandbox;
  const auto port = wish.port;
  services.execution.connect(
      caller, sandbox, port, [&services, wish = std::move(wish), respond](Result<PortConnection> connection) {
        if (!connection) return respond(wish.refuse(connection.error()));
        auto relay = relay_to(*connection, services.front);
        relay->head = head_of(wish, services.front);
        relay->upgrade = wanted_protocol(*wish.request);
        if (wish.inert) relay->shape = make_inert;
        http::Response response;
        response.relay = std::move(relay);
        respond(std::move(response));
      });
}

void forward_bytes(Services& services, const Caller& caller, PortRequest wish, http::Responder respond) {
  const auto sandbox = wish.sandbox;
  const auto port = wish.port;
  services.execution.connect(
      caller, sandbox, port, [&services, wish = std::move(wish), respond](Result<PortConnection> connection) {
        if (!connection) return respond(wish.refuse(connection.error()));
        auto relay = relay_to(*connection, services.front);
        relay->upgrade = wanted_protocol(*wish.request);
        http::Response response;
        response.status = 101;
        response.relay = std::move(relay);
        respond(std::move(response));
      });
}

}  // namespace mayfly::api
