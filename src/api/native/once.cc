#include "api/native/once.h"

#include <memory>

#include "api/problem.h"
#include "json/reader.h"

namespace mayfly::api::native {

namespace {

constexpr const char* header_name = "Idempotency-Key";
// Longer than any id; a member of that name that is longer is something else.
constexpr std::size_t longest_id = 64;

bool changing(const std::string& method) {
  return method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE";
}

std::string id_at(const boost::json::object& body, std::string_view member) {
  const auto* value = body.if_contains(member);
  if (!value || !value->is_string() || value->get_string().size() > longest_id) return {};
  return std::string(value->get_string());
}

/// The status and the ids, and nothing else of an answer: it may hold a secret.
Outcome outcome_of(const http::Response& response) {
  Outcome outcome;
  outcome.status = response.status;
  const auto body = json::parse(response.body);
  if (!body || !body->is_object()) return outcome;
  outcome.resource = {id_at(body->get_object(), "id")};
  outcome.task = {id_at(body->get_object(), "cleanup_task_id")};
  return outcome;
}

http::Response again(const Services& services, const Outcome& outcome) {
  boost::json::object body = {{"repeated", true}};
  if (outcome.resource) body["id"] = outcome.resource.text;
  if (outcome.task) body["cleanup_task_id"] = outcome.task.text;
  auto response = json_response(outcome.status, boost::json::serialize(body));
  if (outcome.task)
    response.headers.emplace_back("Location", services.front.public_url + "/v1/cleanup-tasks/" + outcome.task.text);
  return response;
}

bool took_effect(const http::Response& response) { return response.status / 100 == 2; }

/// Answers when the outcome is on record.
http::Responder noting(Services& services, const Once& once, const http::Responder& respond) {
  return http::Responder([&services, once, respond](http::Response response) {
    if (!took_effect(response)) return respond(std::move(response));
    auto kept = std::make_shared<http::Response>(std::move(response));
    services.idempotency.note(once, outcome_of(*kept), [respond, kept](Status) { respond(std::move(*kept)); });
  });
}

}  // namespace

Result<Once> once_of(Services& services, const Caller& caller, const http::Request& request) {
  if (!changing(request.method)) return Once();
  const auto* key = request.header(header_name);
  if (!key) return Once();
  // One key may call in several workspaces, where the same name is another thing.
  const auto who = caller.key.text + " " + caller.workspace.text;
  return services.idempotency.of(*key, who, request.method, request.target, request.body);
}

Result<http::Responder> holding_place(Services& services, const Once& once, http::Responder respond) {
  if (!once) return respond;
  auto place = TRY(services.idempotency.enter(once));
  // The place goes before the answer, so that whoever has the answer can ask again.
  return http::Responder([place = std::move(place), respond](http::Response response) mutable {
    place.reset();
    respond(std::move(response));
  });
}

Result<http::Response> remembered(Services& services, const Once& once,
                                  const std::function<Result<http::Response>()>& call) {
  if (!once) return call();
  const auto place = TRY(services.idempotency.enter(once));
  if (const auto first = TRY(services.idempotency.look(once))) return again(services, *first);
  auto response = TRY(call());
  if (took_effect(response)) TRY(services.idempotency.note(once, outcome_of(response)));
  return response;
}

void remembered(Services& services, const Once& once, std::shared_ptr<const http::Request> request,
                http::Responder respond, std::function<void(http::Responder)> call) {
  if (!once) return call(std::move(respond));
  services.post([&services, once, request, respond, call = std::move(call)] {
    const auto held = holding_place(services, once, respond);
    if (!held) return respond(problem(held.error(), request->id));
    const auto first = services.idempotency.look(once);
    if (!first) return (*held)(problem(first.error(), request->id));
    if (*first) return (*held)(again(services, **first));
    call(noting(services, once, *held));
  });
}

}  // namespace mayfly::api::native
