#include "api/native/handler.h"
#include "api/native/render.h"
#include "api/native/roles.h"
#include "api/native/routes.h"

namespace mayfly::api::native {

namespace {

constexpr std::size_t most_workspaces = 50;
constexpr double longest_ttl_seconds = 3660.0 * 86400;

boost::json::value render(const std::optional<RateLimit>& rate) {
  if (!rate) return nullptr;
  return {{"requests_per_second", rate->per_second}, {"burst", rate->burst}};
}

boost::json::object render(const ApiKey& key) {
  boost::json::array workspaces, scopes;
  for (const auto& id : key.workspaces) workspaces.emplace_back(id.text);
  for (const auto scope : key.scopes) scopes.emplace_back(name(scope));
  return {{"id", key.id.text},
          {"name", text_or_null(key.name)},
          {"user_id", key.user.text},
          {"hint", key.hint},
          {"workspace_id", key.workspace.text},
          {"role", key.role ? boost::json::value(name(*key.role)) : boost::json::value()},
          {"workspaces", std::move(workspaces)},
          {"scopes", std::move(scopes)},
          {"created_at", format(key.created_at)},
          {"expires_at", time_or_null(key.expires_at)},
          {"last_used_at", time_or_null(key.last_used_at)},
          {"rate_limit", render(key.rate)},
          {"revoked", key.revoked}};
}

/// Nothing where the member is absent or null: no limit of its own.
std::optional<RateLimit> read_rate(json::Reader& reader) {
  if (!reader.has("rate_limit") || reader.is_null("rate_limit")) return std::nullopt;
  auto limit = reader.nested("rate_limit");
  RateLimit rate;
  if (!limit.has("requests_per_second")) limit.complain("requests_per_second", "a number; 0 is no limit", "nothing");
  rate.per_second = limit.optional_number("requests_per_second", {.min = 0, .max = 1e6}).value_or(0);
  rate.burst = limit.optional_number("burst", {.min = 1, .max = 1e6}).value_or(std::max(rate.per_second, 1.0));
  return rate;
}

Result<NewKey> read_wish(const std::string& body) {
  json::Reader reader(body);
  NewKey wish;
  wish.name = reader.string("name", {.min = 1, .max = 100});
  wish.user = reader.optional_string("user", {.min = 1, .max = 80}).value_or("");
  wish.role = read_role(reader, "role");
  wish.home = reader.optional_string("workspace", {.min = 1, .max = 80}).value_or("");
  const json::TextLimits short_text{.min = 1, .max = 80};
  wish.workspaces = reader.optional_string_list("workspaces", most_workspaces, short_text).value_or(wish.workspaces);
  for (const auto& word : reader.optional_string_list("scopes", 3, short_text).value_or(std::vector<std::string>())) {
    if (const auto scope = parse_scope(word)) wish.scopes.push_back(*scope);
    else reader.complain("scopes", "read, sandboxes and admin", "\"" + word + "\"");
  }
  if (const auto ttl = reader.optional_number("ttl_seconds", {.min = 0.001, .max = longest_ttl_seconds}))
    wish.ttl = from_seconds(*ttl);
  if (const auto text = reader.optional_string("expires_at", {.max = 64})) {
    if (const auto at = parse_wall_time(*text)) wish.expires_at = *at;
    else reader.complain("expires_at", "a time as in RFC 3339, with an offset", "\"" + *text + "\"");
  }
  wish.rate = read_rate(reader);
  TRY(reader.finish());
  return wish;
}

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"limit", "cursor", "user"}));
  const auto page = TRY(page_of(services, caller, request));
  const auto* user = request.query_value("user");
  const auto rows = TRY(services.keys.list(caller, user ? *user : "", page));
  return list_of(services, rows, page, [](const ApiKey& k) { return render(k); },
                 [](const ApiKey& k) { return k.id.text; });
}

Result<http::Response> create(Services& services, const Caller& caller, const http::Request& request) {
  const auto made = TRY(services.keys.create(caller, TRY(read_wish(request.body))));
  auto body = render(made.key);
  body["secret"] = made.secret;
  auto response = ok(body, 201);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

Result<http::Response> get(Services& services, const Caller& caller, const http::Request& request) {
  return ok(render(TRY(services.keys.get(caller, {request.param("id")}))));
}

Result<http::Response> change(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  if (!reader.has("rate_limit")) reader.complain("rate_limit", "an object or null", "nothing");
  const auto rate = read_rate(reader);
  TRY(reader.finish());
  return ok(render(TRY(services.keys.set_rate(caller, {request.param("id")}, rate))));
}

Result<http::Response> revoke(Services& services, const Caller& caller, const http::Request& request) {
  return ok(render(TRY(services.keys.revoke(caller, {request.param("id")}))));
}

}  // namespace

void add_key_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  router.add({"GET", "/v1/keys", with(list)});
  router.add({"POST", "/v1/keys", with(create)});
  router.add({"GET", "/v1/keys/{id}", with(get)});
  router.add({"PATCH", "/v1/keys/{id}", with(change)});
  router.add({"DELETE", "/v1/keys/{id}", with(revoke)});
}

}  // namespace mayfly::api::native
