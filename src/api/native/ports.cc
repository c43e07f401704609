#include "api/authenticate.h"
#include "api/native/routes.h"
#include "api/port_forward.h"
#include "api/problem.h"

namespace mayfly::api::native {

namespace {

/// Tokens open ports and nothing else: everywhere else they are no key.
std::optional<std::string> sandbox_token(const http::Request& request) {
  constexpr std::string_view bearer = "Bearer ";
  for (const auto* name : {"Authorization", "X-API-Key"}) {
    const auto* header = request.header(name);
    if (!header) continue;
    auto value = std::string_view(*header);
    if (value.starts_with(bearer)) value.remove_prefix(bearer.size());
    if (DataTokens::is_one(value)) return std::string(value);
  }
  return std::nullopt;
}

/// The query is the program's: a ?workspace= in it is none of ours.
Result<Caller> caller_of(Services& services, const http::Request& request) {
  if (const auto token = sandbox_token(request))
    return services.tokens.caller_of(*token, request.param("id"), request.id);
  http::Request without_query;
  without_query.id = request.id;
  without_query.headers = request.headers;
  return authenticate(services.access, without_query);
}

PortRequest wish_of(const std::shared_ptr<const http::Request>& request, int port) {
  PortRequest wish;
  wish.request = request;
  wish.sandbox = request->param("id");
  wish.port = port;
  wish.refuse = [request](const Error& error) { return problem(error, request->id); };
  return wish;
}

/// The path up to the port: its five segments as they were sent.
std::string prefix_of(const std::string& path) {
  std::size_t end = 0;
  for (int segment = 0; segment < 5; ++segment) end = std::min(path.find('/', end + 1), path.size());
  return path.substr(0, end);
}

void forward(Services& services, bool inert, std::shared_ptr<const http::Request> request, http::Responder respond) {
  const auto caller = caller_of(services, *request);
  if (!caller) return respond(problem(caller.error(), request->id));
  const auto port = parse_port(request->param("port"));
  if (!port) return respond(problem(port.error(), request->id));
  auto wish = wish_of(request, *port);
  wish.prefix = prefix_of(request->path);
  wish.inert = inert;
  forward_request(services, *caller, std::move(wish), std::move(respond));
}

void tunnel(Services& services, std::shared_ptr<const http::Request> request, http::Responder respond) {
  const auto caller = caller_of(services, *request);
  if (!caller) return respond(problem(caller.error(), request->id));
  const auto port = parse_port(request->param("port"));
  if (!port) return respond(problem(port.error(), request->id));
  const auto sandbox = services.sandboxes.get(*caller, request->param("id"));
  if (!sandbox) return respond(problem(sandbox.error(), request->id));
  const auto* protocol = request->header("Upgrade");
  if (!protocol || *protocol != "tcp" || !http::holds_word(request->headers, "Connection", "upgrade")) {
    auto refusal = problem(426, "a tunnel needs the headers \"Connection: Upgrade\" and \"Upgrade: tcp\"", *request);
    refusal.headers.emplace_back("Upgrade", "tcp");
    return respond(std::move(refusal));
  }
  forward_bytes(services, *caller, wish_of(request, *port), std::move(respond));
}

http::Response elsewhere(const Services& services, const http::Request& request) {
  return problem(421, "ports are served at " + services.front.data_url + ", and not here", request);
}

http::Route any(std::string pattern, http::AsyncHandler handler) {
  http::Route route{"*", std::move(pattern), std::move(handler)};
  route.relays = true;
  return route;
}

const std::string port_pattern = "/v1/sandboxes/{id}/ports/{port}/{path...}";

}  // namespace

void add_port_routes(http::Router& router, Services& services) {
  router.add(any(port_pattern, [&services](std::shared_ptr<const http::Request> request, http::Responder respond) {
    if (!services.front.data_url.empty()) return respond(elsewhere(services, *request));
    forward(services, true, std::move(request), std::move(respond));
  }));
  http::Route bytes{"GET", "/v1/sandboxes/{id}/tunnels/{port}",
                    http::AsyncHandler([&services](std::shared_ptr<const http::Request> request,
                                                   http::Responder respond) {
                      tunnel(services, std::move(request), std::move(respond));
                    })};
  bytes.relays = true;
  router.add(std::move(bytes));
}

void add_data_routes(http::Router& router, Services& services) {
  router.refuse("", [](int status, std::string_view detail, const http::Request& request) {
    return problem(status, detail, request);
  });
  router.add(any(port_pattern, [&services](std::shared_ptr<const http::Request> request, http::Responder respond) {
    forward(services, false, std::move(request), std::move(respond));
  }));
}

}  // namespace mayfly::api::native
