#include "api/aeontel/page.h"

#include <algorithm>

#include "api/authenticate.h"
#include "api/native/once.h"
#include "base/nearest.h"
#include "json/reader.h"

namespace mayfly::api::aeontel {

namespace {

std::string member_of(const http::Response& response, std::string_view name) {
  const auto body = json::parse(response.body);
  if (!body || !body->is_object()) return {};
  const auto* value = body->get_object().if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

http::Response again(const Outcome& outcome) {
  boost::json::object body = {{"id", outcome.resource.text}, {"repeated", true}};
  if (outcome.task) body["cleanupTaskId"] = outcome.task.text;
  auto response = ok(body, outcome.status);
  if (outcome.task) response.headers.emplace_back("Location", "/api/cleanup-tasks/" + outcome.task.text);
  return response;
}

}  // namespace

/// The workspace that the list is narrowed to is the one it is looked at in, as far as the caller may.
Result<Caller> caller_of(Services& services, const http::Request& request, const ListMembers& members) {
  for (const auto& [name, given] : members) {
    const auto* id = given.as<std::string>();
    if (name != "workspace_id" || !id || id->empty()) continue;
    auto there = authenticate(services.access, request, *id);
    if (there || there.error().reason != "workspace_not_found") return there;
    // There, or not there, or not for this caller: it is another workspace than theirs, and so the list is empty. But
    // to an admin one that nobody can act in any more still shows its deletes.
    const auto caller = TRY(authenticate(services.access, request));
    if (const auto looking = TRY(services.cleanups.looking_at_closed(caller, *id))) return *looking;
    return caller;
  }
  return authenticate(services.access, request);
}

tl::expected<Asked, http::Response> asked(Services& services, const http::Request& request,
                                          const query::Read<ListMembers>& members, const ListRules& rules) {
  const auto caller = caller_of(services, request, members ? *members : ListMembers());
  if (!caller) return tl::unexpected(refused(caller.error(), request));
  if (!members) return tl::unexpected(refused(members.error(), request));
  auto wish = read_list(*members, rules, caller->role == Role::admin);
  if (!wish) return tl::unexpected(refused(wish.error(), request));
  auto listing = services.lists.listing(*caller, rules.what, std::move(*wish));
  if (!listing) return tl::unexpected(refused(listing.error(), request));
  return Asked{*caller, std::move(*listing)};
}

http::BlockingHandler changing(Services& services, Body body) {
  return blocking(services, [&services, body = std::move(body)](const Caller& caller, const http::Request& request)
                                -> Result<http::Response> {
    const auto once = TRY(native::once_of(services, caller, request));
    if (!once) return body(caller, request);
    const auto place = TRY(services.idempotency.enter(once));
    if (const auto first = TRY(services.idempotency.look(once))) return again(*first);
    auto response = TRY(body(caller, request));
    Outcome outcome;
    outcome.status = response.status;
    outcome.resource = {member_of(response, "id")};
    outcome.task = {member_of(response, "cleanupTaskId")};
    TRY(services.idempotency.note(once, outcome));
    return response;
  });
}

Status only_query(const http::Request& request, const std::vector<std::string>& known) {
  for (const auto& [name, value] : request.query) {
    if (name == "workspace") continue;   // authenticate() has read it
    const auto times = std::ranges::count(request.query, name, &std::pair<std::string, std::string>::first);
    if (times > 1) return fail(Code::invalid, name.substr(0, 60) + " must be given once", "invalid_parameter");
    if (std::ranges::find(known, name) != known.end()) continue;
    const auto near = nearest(name, known);
    return fail(Code::invalid,
                "no such query parameter: " + name.substr(0, 60) + (near ? "; did you mean " + *near + "?" : ""),
                "unknown_parameter");
  }
  return {};
}

}  // namespace mayfly::api::aeontel
