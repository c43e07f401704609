#pragma once
// The frame around every native handler: who calls, what to do, and the one way an error becomes an answer.

#include <charconv>

#include "api/authenticate.h"
#include "api/problem.h"
#include "api/services.h"
#include "http/router.h"
#include "json/reader.h"

namespace mayfly::api::native {

using Body = std::function<Result<http::Response>(const Caller&, const http::Request&)>;
using AsyncBody = std::function<void(const Caller&, std::shared_ptr<const http::Request>, http::Responder)>;

inline http::Response answer(Result<http::Response> result, const http::Request& request) {
  return result ? std::move(*result) : problem(result.error(), request.id);
}

/// A handler that blocks for a transaction or two.
inline http::BlockingHandler blocking(Services& services, Body body) {
  return [&services, body = std::move(body)](const http::Request& request) {
    const auto caller = authenticate(services.access, request);
    if (!caller) return problem(caller.error(), request.id);
    return answer(body(*caller, request), request);
  };
}

/// A handler that answers later, from another thread.
inline http::AsyncHandler parked(Services& services, AsyncBody body) {
  return [&services, body = std::move(body)](std::shared_ptr<const http::Request> request, http::Responder respond) {
    const auto caller = authenticate(services.access, *request);
    if (!caller) return respond(problem(caller.error(), request->id));
    body(*caller, request, respond);
  };
}

inline http::Response ok(const boost::json::value& body, int status = 200) {
  return json_response(status, boost::json::serialize(body));
}

/// A whole number in the query; `fallback` when absent, Code::invalid outside the bounds.
inline Result<std::int64_t> query_integer(const http::Request& request, std::string_view name, std::int64_t fallback,
                                          std::int64_t least, std::int64_t most) {
  const auto* text = request.query_value(name);
  if (!text) return fallback;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error == std::errc() && end == text->data() + text->size() && value >= least && value <= most) return value;
  Error bad{Code::invalid, {}, "query_invalid", {}};
  bad.message = std::string(name) + " must be an integer from " + std::to_string(least) + " to " +
                std::to_string(most) + "; got \"" + text->substr(0, 40) + "\"";
  bad.fields.push_back({"query." + std::string(name), "an integer", *text});
  return tl::unexpected(bad);
}

inline Result<bool> query_flag(const http::Request& request, std::string_view name, bool fallback) {
  const auto* text = request.query_value(name);
  if (!text) return fallback;
  if (*text == "true" || *text == "1") return true;
  if (*text == "false" || *text == "0") return false;
  return fail(Code::invalid, std::string(name) + " must be true or false; got \"" + text->substr(0, 40) + "\"",
              "query_invalid");
}

/// Every query parameter must be one of these, or the nearest one is named.
inline Status only_query(const http::Request& request, const std::vector<std::string>& known) {
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto near = json::nearest(name, known);
    return fail(Code::invalid,
                "no such query parameter: " + name.substr(0, 60) + (near ? "; did you mean " + *near + "?" : ""),
                "query_unknown");
  }
  return {};
}

/// limit (1..200, 50) and cursor.
inline Result<Page> page_of(const http::Request& request) {
  Page page;
  page.limit = static_cast<std::size_t>(TRY(query_integer(request, "limit", 50, 1, 200)));
  if (const auto* cursor = request.query_value("cursor")) page.before = *cursor;
  return page;
}

/// {items, next_cursor}; `id_of` gives what the next page begins after.
template <class Items, class Render, class IdOf>
http::Response list_of(const Items& items, const Page& page, Render render, IdOf id_of) {
  boost::json::array rendered;
  for (const auto& item : items) rendered.push_back(render(item));
  boost::json::object body = {{"items", std::move(rendered)}, {"next_cursor", nullptr}};
  if (items.size() == page.limit) body["next_cursor"] = id_of(items.back());
  return ok(body);
}

}  // namespace mayfly::api::native
