// What people do about deletes that are under way. Literals such as /pause beat ids.

#include "api/aeontel/handler.h"
#include "api/aeontel/render.h"
#include "api/aeontel/routes.h"
#include "api/cleanup_stream.h"
#include "api/native/once.h"
#include "api/problem.h"
#include "core/host_words.h"
#include "json/bytes.h"
#include "json/reader.h"

namespace mayfly::api::aeontel {

namespace {

using boost::json::array;
using boost::json::object;
using aeontel::render;
using boost::json::value;

constexpr std::size_t longest_reason = 500;

http::Response ok(const value& body) { return json_response(200, boost::json::serialize(body)); }

value shown(const std::string& text) {
  return boost::json::value(json::as_text(without_host_words(text)));
}

object render(const CleanupProgress& progress) {
  array blocked;
  for (const auto& text : progress.blocked_by) blocked.push_back(shown(text));
  return {{"total", progress.total},     {"done", progress.done},       {"failed", progress.failed},
          {"running", progress.running}, {"waiting", progress.waiting},
          {"oldestOpenAt", or_null(progress.oldest_open)},              {"blockedBy", std::move(blocked)}};
}

object render(const Attempt& attempt) {
  return {{"number", attempt.number},
          {"beganAt", format(attempt.began_at)},
          {"endedAt", format(attempt.ended_at)},
          {"succeeded", attempt.error_code.empty()},
          {"errorCode", or_null(attempt.error_code)},
          {"error", attempt.error.empty() ? value() : shown(attempt.error)}};
}

object render(const Pause& pause) {
  const auto of = [&](std::string_view word) {
    return or_null(pause.scope.starts_with(word) ? pause.scope.substr(word.size()) : std::string());
  };
  return {{"scope", pause.scope},        {"workspaceId", of("workspace:")}, {"resourceKind", of("kind:")},
          {"reason", shown(pause.reason)}, {"actor", pause.actor},            {"pausedAt", format(pause.at)},
          {"tripped", pause.tripped}};
}

Result<std::string> read_reason(json::Reader& reader) {
  auto reason = reader.string("reason", {.max = longest_reason});
  if (reason.empty()) reader.complain("reason", "a reason", "an empty string");
  TRY(reader.finish());
  return reason;
}

Result<CleanupControl::Scope> read_scope(json::Reader& reader) {
  CleanupControl::Scope scope;
  scope.workspace = reader.optional_string("workspaceId", {.max = 128}).value_or("");
  if (const auto word = reader.optional_string("resourceKind", {.max = 32})) {
    scope.kind = parse_kind(*word);
    if (!scope.kind) reader.complain("resourceKind", "a kind such as sandbox or volume", "\"" + *word + "\"");
    else if (!scope.workspace.empty()) reader.complain("resourceKind", "no workspaceId beside it", "both");
  }
  return scope;
}

Result<http::Response> pause(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  const auto scope = TRY(read_scope(reader));
  const auto reason = TRY(read_reason(reader));
  return ok(render(TRY(services.cleanup_control.pause(caller, scope, reason))));
}

Result<http::Response> resume(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  const auto scope = TRY(read_scope(reader));
  TRY(reader.finish());
  return ok(render(TRY(services.cleanup_control.resume(caller, scope))));
}

Result<http::Response> pauses(Services& services, const Caller& caller, const http::Request&) {
  array items, drivers;
  for (const auto& pause : TRY(services.cleanup_control.pauses(caller))) items.push_back(render(pause));
  for (const auto& part : services.cleanup_control.parts())
    drivers.push_back({{"driver", dispatch::name(part.part)}, {"state", dispatch::name(part.breaker.state())}});
  return ok({{"data", std::move(items)}, {"drivers", std::move(drivers)}});
}

Result<http::Response> cancel(Services& services, const Caller& caller, const http::Request& request) {
  const auto task = TRY(services.cleanup_control.cancel(caller, {request.param("id")}));
  return ok({{"ok", true}, {"task", render(task)}});
}

Result<http::Response> skip(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  const auto reason = TRY(read_reason(reader));
  const auto task = TRY(services.cleanup_control.skip(caller, {request.param("id")}, reason));
  return ok({{"ok", true}, {"task", render(task)}});
}

Result<http::Response> attempts(Services& services, const Caller& caller, const http::Request& request) {
  array items;
  for (const auto& attempt : TRY(services.cleanup_control.attempts(caller, {request.param("id")})))
    items.push_back(render(attempt));
  return ok({{"data", std::move(items)}});
}

Result<http::Response> progress(Services& services, const Caller& caller, const http::Request& request) {
  return ok(render(TRY(services.cleanup_control.progress(caller, {request.param("id")}))));
}

Result<http::Response> follow(Services& services, const Caller& caller, const http::Request& request) {
  return follow_cleanup(services, caller, request,
                        {[](const Task& task) { return aeontel::render(task); },
                         [](const CleanupProgress& progress) { return render(progress); },
                         [request](const Error& error) {
                           const auto told = refused(error, request);
                           return boost::json::parse(told.body).at("error").as_object();
                         }});
}

}  // namespace

void add_cleanup_control_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  // These change something: a repeat under an Idempotency-Key is answered and not made.
  const auto once = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller,
                                                    const http::Request& request) -> Result<http::Response> {
      const auto key = TRY(native::once_of(services, caller, request));
      return native::remembered(services, key, [&] { return function(services, caller, request); });
    });
  };
  router.add({"GET", "/api/cleanup-tasks/pause", with(pauses)});
  router.add({"POST", "/api/cleanup-tasks/pause", once(pause)});
  router.add({"POST", "/api/cleanup-tasks/resume", once(resume)});
  router.add({"POST", "/api/cleanup-tasks/{id}/cancel", once(cancel)});
  router.add({"POST", "/api/cleanup-tasks/{id}/skip", once(skip)});
  router.add({"GET", "/api/cleanup-tasks/{id}/attempts", with(attempts)});
  router.add({"GET", "/api/cleanup-tasks/{id}/progress", with(progress)});
  router.add({"GET", "/api/cleanup-tasks/{id}/events", with(follow), 1 << 20, true});
}

}  // namespace mayfly::api::aeontel
