#include "api/aeontel/handler.h"

#include <boost/json.hpp>

#include "api/authenticate.h"
#include "core/host_words.h"
#include "api/problem.h"
#include "json/bytes.h"

namespace mayfly::api::aeontel {

namespace {

using boost::json::array;
using boost::json::object;
using json::as_text;

http::Response answer(int status, object error, const http::Request& request) {
  error["requestId"] = as_text(request.id);
  auto response = json_response(status, boost::json::serialize(object{{"error", std::move(error)}}));
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace

http::Response refused(const Error& error, const http::Request& request) {
  const auto code = error.reason.empty() ? std::string(name(error.code)) : error.reason;
  const int status = error.reason == "query_timeout"             ? 503
                     : error.reason == "plan_changed"            ? 412
                     : error.reason == "idempotency_key_reused" ? 422
                                                                 : status_of(error.code);
  auto response =
      answer(status, {{"code", as_text(code)}, {"message", as_text(without_host_words(error.message))}}, request);
  const auto wait = error.facts.find("retry_after_seconds");
  if (wait != error.facts.end())
    response.headers.emplace_back("Retry-After", std::to_string(static_cast<std::int64_t>(wait->second)));
  else if (status == 503 || status == 507) response.headers.emplace_back("Retry-After", "1");
  return response;
}

http::Response refused(const query::Refusal& refusal, const http::Request& request) {
  object error = {{"code", as_text(refusal.code)}, {"message", as_text(refusal.message)}};
  if (!refusal.param.empty()) error["param"] = as_text(refusal.param);
  if (!refusal.path.empty()) error["path"] = as_text(refusal.path);
  if (refusal.code == "invalid_cursor") error["reason"] = as_text(refusal.found);
  if (!refusal.allowed.empty()) {
    array allowed;
    for (const auto& word : refusal.allowed) allowed.emplace_back(as_text(word));
    error["allowed"] = std::move(allowed);
  }
  return answer(400, std::move(error), request);
}

http::Response refused(int status, std::string_view detail, const http::Request& request) {
  const auto* code = status == 404   ? "route_not_found"
                     : status == 405 ? "method_not_allowed"
                     : status == 413 ? "too_large"
                     : status == 408 ? "timed_out"
                     : status == 503 ? "overloaded"
                     : status >= 500 ? "internal"
                                     : "malformed";
  return answer(status, {{"code", code}, {"message", as_text(detail)}}, request);
}

http::BlockingHandler blocking(Services& services, Body body) {
  return [&services, body = std::move(body)](const http::Request& request) {
    const auto caller = authenticate(services.access, request);
    if (!caller) return refused(caller.error(), request);
    auto response = body(*caller, request);
    return response ? std::move(*response) : refused(response.error(), request);
  };
}

}  // namespace mayfly::api::aeontel
