#include "api/dreadnode/errors.h"

#include "api/problem.h"
#include "core/host_words.h"
#include "json/bytes.h"

namespace mayfly::api::dreadnode {

namespace {

using boost::json::array;
using boost::json::object;
using json::as_text;

std::string_view type_of(int status, std::string_view reason) {
  switch (status) {
    case 400: return "bad_request_error";
    case 401: return "authentication_error";
    case 403: return "forbidden_error";
    case 404: return "not_found_error";
    case 405: return "method_not_allowed_error";
    case 409: return reason == "config_differs" || reason == "name_taken" ? "already_exists_error" : "conflict_error";
    case 413: return "payload_too_large_error";
    case 422: return "validation_error";
    case 426: return "upgrade_required_error";
    case 429: return "rate_limit_error";
    case 502: return "bad_gateway_error";
    case 503: return "service_unavailable_error";
    case 504: return "gateway_timeout_error";
    default: return status >= 500 ? "app_error" : "bad_request_error";
  }
}

/// What is wrong with a member is a 422; what cannot be read at all, a 400. What the host or a sandbox refuses is
/// somebody behind us.
int status_of(const Error& error) {
  if (error.reason == "idempotency_key_reused" || error.reason == "client_too_old")
    return error.reason == "client_too_old" ? 426 : 422;
  if (error.code == Code::invalid) return error.fields.empty() ? 400 : 422;
  if (error.code == Code::unavailable && error.reason != "stopping") return 502;
  return api::status_of(error.code);
}

/// "config.sandbox.ports[1]" as its steps, in what the client sent.
array loc_of(std::string_view path) {
  array loc;
  const bool query = path.starts_with("query.");
  if (query) path.remove_prefix(6);
  loc.emplace_back(query ? "query" : "body");
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) loc.emplace_back(as_text(word));
    word.clear();
  };
  for (std::size_t i = 0; i < path.size(); ++i) {
    const auto close = path[i] == '[' ? path.find(']', i) : path.npos;
    const auto digits = close == path.npos ? std::string_view() : path.substr(i + 1, close - i - 1);
    if (!digits.empty() && digits.size() < 7 && digits.find_first_not_of("0123456789") == digits.npos) {
      flush();
      loc.emplace_back(std::stoll(std::string(digits)));
      i = close;
    } else if (path[i] == '.') {
      flush();
    } else {
      word += path[i];
    }
  }
  flush();
  return loc;
}

object body_of(int status, std::string_view detail, std::string_view reason) {
  return {{"code", status},
          {"detail", as_text(detail)},
          {"type", type_of(status, reason)},
          {"reason", as_text(reason)}};
}

http::Response answer(object body) {
  const auto status = static_cast<int>(body.at("code").as_int64());
  auto response = json_response(status, boost::json::serialize(body));
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace

object envelope(const Error& error) {
  const int status = status_of(error);
  auto body = body_of(status, without_host_words(error.message),
                      error.reason.empty() ? name(error.code) : std::string_view(error.reason));
  if (!error.fields.empty()) {
    array errors;
    for (const auto& field : error.fields)
      errors.push_back({{"loc", loc_of(field.path)},
                        {"msg", as_text("expected " + field.expected + "; got " + field.found)},
                        {"type", field.found == "nothing" ? "missing" : "value_error"}});
    body["errors"] = std::move(errors);
  }
  return body;
}

http::Response refused(const Error& error) {
  auto response = answer(envelope(error));
  const auto wait = error.facts.find("retry_after_seconds");
  if (wait != error.facts.end())
    response.headers.emplace_back("Retry-After", std::to_string(static_cast<std::int64_t>(wait->second)));
  else if (response.status == 429 || response.status == 503 || error.reason == "call_in_flight")
    response.headers.emplace_back("Retry-After", "1");
  if (response.status == 426) response.headers.emplace_back("Upgrade", "HTTP/1.1");
  return response;
}

http::Response refused(int status, std::string_view detail) {
  const auto* reason = status == 404   ? "route_not_found"
                       : status == 405 ? "method_not_allowed"
                       : status == 413 ? "too_large"
                       : status == 408 ? "timed_out"
                       : status == 503 ? "overloaded"
                       : status >= 500 ? "internal"
                                       : "malformed";
  auto response = answer(body_of(status, detail, reason));
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace mayfly::api::dreadnode
