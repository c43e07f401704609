// What people do about deletes that are under way. Literals such as /pause beat ids.

#include "api/cleanup_stream.h"
#include "api/native/handler.h"
#include "api/native/render.h"
#include "api/native/routes.h"
#include "core/host_words.h"
#include "json/bytes.h"

namespace mayfly::api::native {

namespace {

using boost::json::array;
using boost::json::object;
using native::render;

constexpr std::size_t longest_reason = 500;

boost::json::value shown(const std::string& text) {
  return boost::json::value(json::as_text(without_host_words(text)));
}

object render(const CleanupProgress& progress) {
  array blocked;
  for (const auto& text : progress.blocked_by) blocked.push_back(shown(text));
  return {{"total", progress.total},     {"done", progress.done},       {"failed", progress.failed},
          {"running", progress.running}, {"waiting", progress.waiting},
          {"oldest_open_at", time_or_null(progress.oldest_open)},       {"blocked_by", std::move(blocked)}};
}

object render(const Attempt& attempt) {
  return {{"number", attempt.number},
          {"began_at", format(attempt.began_at)},
          {"ended_at", format(attempt.ended_at)},
          {"duration_seconds", seconds(attempt.ended_at - attempt.began_at)},
          {"succeeded", attempt.error_code.empty()},
          {"error_code", text_or_null(attempt.error_code)},
          {"error", attempt.error.empty() ? boost::json::value() : shown(attempt.error)}};
}

/// "workspace:wsp_...", "kind:sandbox" and "all", as members.
object render(const Pause& pause) {
  const auto of = [&](std::string_view word) {
    return text_or_null(pause.scope.starts_with(word) ? pause.scope.substr(word.size()) : std::string());
  };
  return {{"scope", pause.scope},
          {"workspace_id", of("workspace:")},
          {"kind", of("kind:")},
          {"reason", shown(pause.reason)},
          {"actor", pause.actor},
          {"paused_at", format(pause.at)},
          {"tripped", pause.tripped}};
}

object render(const Dispatcher::PartState& part) {
  const bool closed = part.breaker.state() == dispatch::Breaker::State::closed;
  return {{"driver", dispatch::name(part.part)},
          {"state", dispatch::name(part.breaker.state())},
          {"failures", part.breaker.failures()},
          {"retry_at", closed ? boost::json::value() : boost::json::value(format(part.breaker.retry_at()))}};
}

Result<std::string> read_reason(json::Reader& reader) {
  auto reason = reader.string("reason", {.max = longest_reason});
  if (reason.empty()) reader.complain("reason", "a reason", "an empty string");
  TRY(reader.finish());
  return reason;
}

Result<CleanupControl::Scope> read_scope(json::Reader& reader) {
  CleanupControl::Scope scope;
  scope.workspace = reader.optional_string("workspace_id", {.max = 128}).value_or("");
  if (const auto word = reader.optional_string("kind", {.max = 32})) {
    scope.kind = parse_kind(*word);
    if (!scope.kind) reader.complain("kind", "a kind such as sandbox, volume, archive or image", "\"" + *word + "\"");
    else if (!scope.workspace.empty()) reader.complain("kind", "no workspace_id beside it", "both");
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

Result<http::Response> pauses(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  array items, drivers;
  for (const auto& pause : TRY(services.cleanup_control.pauses(caller))) items.push_back(render(pause));
  for (const auto& part : services.cleanup_control.parts()) drivers.push_back(render(part));
  return ok({{"items", std::move(items)}, {"drivers", std::move(drivers)}});
}

Result<http::Response> cancel(Services& services, const Caller& caller, const http::Request& request) {
  return ok(render(TRY(services.cleanup_control.cancel(caller, {request.param("id")}))));
}

Result<http::Response> skip(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  const auto reason = TRY(read_reason(reader));
  return ok(render(TRY(services.cleanup_control.skip(caller, {request.param("id")}, reason))));
}

Result<http::Response> attempts(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  array items;
  for (const auto& attempt : TRY(services.cleanup_control.attempts(caller, {request.param("id")})))
    items.push_back(render(attempt));
  return ok({{"items", std::move(items)}});
}

Result<http::Response> progress(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  return ok(render(TRY(services.cleanup_control.progress(caller, {request.param("id")}))));
}

Result<http::Response> follow(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  const auto id = request.id;
  return follow_cleanup(services, caller, request,
                        {[](const Task& task) { return native::render(task); },
                         [](const CleanupProgress& progress) { return render(progress); },
                         [id](const Error& error) { return boost::json::parse(problem(error, id).body).as_object(); }});
}

}  // namespace

void add_cleanup_control_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  router.add({"GET", "/v1/cleanup-tasks/pause", with(pauses)});
  router.add({"POST", "/v1/cleanup-tasks/pause", with(pause)});
  router.add({"POST", "/v1/cleanup-tasks/resume", with(resume)});
  router.add({"POST", "/v1/cleanup-tasks/{id}/cancel", with(cancel)});
  router.add({"POST", "/v1/cleanup-tasks/{id}/skip", with(skip)});
  router.add({"GET", "/v1/cleanup-tasks/{id}/attempts", with(attempts)});
  router.add({"GET", "/v1/cleanup-tasks/{id}/progress", with(progress)});
  router.add({"GET", "/v1/cleanup-tasks/{id}/events", with(follow), 1 << 20, true});
}

}  // namespace mayfly::api::native
