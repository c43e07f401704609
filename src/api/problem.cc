#include "api/problem.h"

#include <boost/json.hpp>

#include "core/host_words.h"
#include "json/bytes.h"

namespace mayfly::api {

using boost::json::array;
using boost::json::object;
using json::as_text;

namespace {

// Two refusals of Idempotency-Key that its specification gives a form of their own.
constexpr std::string_view call_in_flight = "call_in_flight";
constexpr std::string_view key_reused = "idempotency_key_reused";

std::string_view title_of(int status) {
  switch (status) {
    case 400: return "Bad request";
    case 401: return "Not authenticated";
    case 403: return "Not allowed";
    case 404: return "Not found";
    case 405: return "Method not allowed";
    case 408: return "Request timeout";
    case 409: return "Conflict";
    case 413: return "Too large";
    case 416: return "Range not satisfiable";
    case 421: return "Served elsewhere";
    case 422: return "Cannot be done";
    case 426: return "Upgrade needed";
    case 429: return "Too many";
    case 431: return "Header too large";
    case 501: return "Not supported here";
    case 502: return "Bad gateway";
    case 503: return "Not available";
    case 504: return "No answer in time";
    case 507: return "Disk full";
    default: return "Internal error";
  }
}

boost::json::value as_number(double number) {
  const auto whole = static_cast<std::int64_t>(number);
  return static_cast<double>(whole) == number ? boost::json::value(whole) : boost::json::value(number);
}

http::Response render(int status, std::string_view detail, std::string_view code, const std::string& request_id,
                      const std::vector<FieldError>& fields, const std::map<std::string, double>& facts = {}) {
  object body = {{"type", "about:blank"},      {"title", title_of(status)}, {"status", status},
                 {"detail", as_text(detail)}, {"code", as_text(code)},     {"request_id", as_text(request_id)}};
  if (!fields.empty()) {
    array errors;
    for (const auto& field : fields)
      errors.push_back({{"path", as_text(field.path)},
                        {"expected", as_text(field.expected)},
                        {"found", as_text(field.found)}});
    body["errors"] = std::move(errors);
  }
  for (const auto& [name, number] : facts) body[name] = as_number(number);
  http::Response response;
  response.status = status;
  response.headers = {{"Content-Type", "application/problem+json"}};
  if (const auto wait = facts.find("retry_after_seconds"); wait != facts.end())
    response.headers.emplace_back("Retry-After", std::to_string(static_cast<std::int64_t>(wait->second)));
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (status == 503 || status == 507 || code == call_in_flight) response.headers.emplace_back("Retry-After", "1");
  response.body = boost::json::serialize(body);
  return response;
}

}  // namespace

int status_of(Code code) {
  switch (code) {
    case Code::invalid: return 400;
    case Code::unauthenticated: return 401;
    case Code::denied: return 403;
    case Code::not_found: return 404;
    case Code::conflict: return 409;
    case Code::too_large: return 413;
    case Code::exhausted: return 429;
    case Code::no_space: return 507;
    case Code::busy: return 503;
    case Code::unavailable: return 503;
    case Code::timed_out: return 504;
    case Code::unknown: return 504;
    case Code::unsupported: return 501;
    case Code::internal: return 500;
  }
  return 500;
}

http::Response problem(const Error& error, const std::string& request_id) {
  const std::string code = error.reason.empty() ? std::string(name(error.code)) : error.reason;
  const int status = error.reason == key_reused       ? 422
                     : error.reason == "port_closed"  ? 502
                     : error.reason == "port_timeout" ? 504
                     : error.reason == "query_timeout" ? 503
                                                      : status_of(error.code);
  return render(status, without_host_words(error.message), code, request_id, error.fields, error.facts);
}

http::Response problem(int status, std::string_view detail, const http::Request& request) {
  const std::string code = status == 404   ? "route_not_found"
                           : status == 405 ? "method_not_allowed"
                           : status == 413 ? "too_large"
                           : status == 408 ? "timed_out"
                           : status == 421 ? "wrong_listener"
                           : status == 426 ? "upgrade_needed"
                           : status == 502 ? "port_answer_unusable"
                           : status == 503 ? "overloaded"
                           : status == 504 ? "timed_out"
                           : status >= 500 ? "internal"
                                           : "malformed";
  return render(status, detail, code, request.id, {});
}

http::Response json_response(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.headers = {{"Content-Type", "application/json"}};
  response.body = std::move(body);
  return response;
}

}  // namespace mayfly::api
