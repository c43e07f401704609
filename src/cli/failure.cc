#include "cli/failure.h"

#include "cli/answer.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "json/reader.h"

namespace mayfly::cli {

namespace {

Code code_of(int status) {
  switch (status) {
    case 400: case 405: case 416: return Code::invalid;
    case 401: return Code::unauthenticated;
    case 403: return Code::denied;
    case 404: return Code::not_found;
    case 409: return Code::conflict;
    case 413: case 431: return Code::too_large;
    case 408: case 504: return Code::timed_out;
    case 429: return Code::exhausted;
    case 501: return Code::unsupported;
    case 503: return Code::busy;
    case 507: return Code::no_space;
    default: return Code::internal;
  }
}

/// What to do, where the server's own words leave it open.
std::string_view advice_for(const Error& error) {
  const std::string_view reason = error.reason;
  if (reason == unreachable) return "is it running (mayfly serve), and is MAYFLY_URL or --url right?";
  if (reason == "key_missing") return "set MAYFLY_API_KEY, or name a file that holds the key with --key-file";
  if (reason == "key_unknown") return "check MAYFLY_API_KEY or --key-file; the key may be of another installation";
  if (reason == "route_not_found") return "the server at that URL is older than this program, or not a Mayfly";
  if (reason == "state_paused") return "mayfly resume SANDBOX makes it usable again";
  if (reason == "state_stopped") return "mayfly start SANDBOX makes it usable again";
  if (reason == "task_not_failed") return "mayfly cleanup tree TASK shows the step that is to be retried";
  if (reason == "overloaded") return "try again in a second";
  if (error.code == Code::denied) return "ask with the key of somebody whose role allows it";
  return {};
}

}  // namespace

Error refusal(const http::Response& response) {
  Error error{code_of(response.status), {}, {}, {}};
  const auto body = json::parse(response.body);
  if (!body || !body->is_object()) {
    error.message = "the server answered " + std::to_string(response.status) + " without saying why";
    return error;
  }
  const auto& problem = body->get_object();
  error.message = text_at(problem, "detail");
  if (error.message.empty()) error.message = "the server answered " + std::to_string(response.status);
  error.reason = text_at(problem, "code");
  if (const auto id = text_at(problem, "request_id"); !id.empty()) error.message += " [request " + id + "]";
  for (const auto& each : array_at(problem, "errors"))
    if (const auto* field = each.if_object())
      error.fields.push_back({text_at(*field, "path"), text_at(*field, "expected"), text_at(*field, "found")});
  return error;
}

int exit_code(const Error& error) {
  if (error.reason == unreachable) return exit_unreachable;
  if (error.reason == waited) return exit_waited;
  switch (error.code) {
    case Code::invalid: return exit_usage;
    case Code::not_found: return exit_not_found;
    case Code::conflict: return exit_conflict;
    case Code::unauthenticated: case Code::denied: return exit_denied;
    case Code::timed_out: return exit_waited;
    default: return exit_failed;
  }
}

std::string describe(const Error& error) {
  std::string text = "mayfly: " + printable(error.message) + "\n";
  // Of one alone the message tells already.
  if (error.fields.size() > 1)
    for (const auto& field : error.fields)
      text += "  " + printable(field.path) + ": expected " + printable(field.expected) + ", found " +
              printable(field.found) + "\n";
  if (const auto advice = advice_for(error); !advice.empty()) text += "  " + std::string(advice) + "\n";
  return text;
}

}  // namespace mayfly::cli
