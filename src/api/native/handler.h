#pragma once
// The frame around every native handler: who calls, what to do, and the one way an error becomes an answer.

#include <algorithm>
#include <charconv>

#include "api/authenticate.h"
#include "api/native/once.h"
#include "api/problem.h"
#include "api/services.h"
#include "http/router.h"
#include "json/reader.h"

namespace mayfly::api::native {

using Body = std::function<Result<http::Response>(const Caller&, const http::Request&)>;
using AsyncBody = std::function<void(const Caller&, std::shared_ptr<const http::Request>, http::Responder)>;
// Of calls that change something by a use case that takes a Once.
using OnceBody = std::function<Result<http::Response>(const Caller&, const Once&, const http::Request&)>;
using AsyncOnceBody =
    std::function<void(const Caller&, const Once&, std::shared_ptr<const http::Request>, http::Responder)>;

inline http::Response answer(Result<http::Response> result, const http::Request& request) {
  return result ? std::move(*result) : problem(result.error(), request.id);
}

/// A handler that blocks for a transaction or two, and itself remembers what it did under an Idempotency-Key.
inline http::BlockingHandler blocking_once(Services& services, OnceBody body) {
  return [&services, body = std::move(body)](const http::Request& request) {
    const auto caller = authenticate(services.access, request);
    if (!caller) return problem(caller.error(), request.id);
    const auto once = once_of(services, *caller, request);
    if (!once) return problem(once.error(), request.id);
    return answer(body(*caller, *once, request), request);
  };
}

/// The same for one that answers later, from another thread. Whoever waits longer than a transaction holds its place.
inline http::AsyncHandler parked_once(Services& services, AsyncOnceBody body) {
  return [&services, body = std::move(body)](std::shared_ptr<const http::Request> request, http::Responder respond) {
    const auto caller = authenticate(services.access, *request);
    if (!caller) return respond(problem(caller.error(), request->id));
    const auto once = once_of(services, *caller, *request);
    if (!once) return respond(problem(once.error(), request->id));
    body(*caller, *once, request, respond);
  };
}

/// A handler that knows nothing of repeats; under an Idempotency-Key its status and ids are kept.
inline http::BlockingHandler blocking(Services& services, Body body) {
  return blocking_once(services, [&services, body = std::move(body)](const Caller& caller, const Once& once,
                                                                     const http::Request& request) {
    return remembered(services, once, [&] { return body(caller, request); });
  });
}

inline http::AsyncHandler parked(Services& services, AsyncBody body) {
  return parked_once(services, [&services, body = std::move(body)](const Caller& caller, const Once& once,
                                                                   std::shared_ptr<const http::Request> request,
                                                                   http::Responder respond) {
    remembered(services, once, request, std::move(respond),
               [body, caller, request](http::Responder tell) { body(caller, request, std::move(tell)); });
  });
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
  bad.fields.push_back({"query." + std::string(name),
                        "an integer from " + std::to_string(least) + " to " + std::to_string(most),
                        "\"" + text->substr(0, 40) + "\""});
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

/// The one way a parameter of the query is refused.
inline tl::unexpected<Error> bad_query(const std::string& name, const std::string& expected, const std::string& found) {
  return tl::unexpected(Error{Code::invalid, name + " must be " + expected + "; got " + found, "query_invalid",
                              {{"query." + name, expected, found}}});
}

/// Every query parameter must be one of these, or the nearest one is named; only filters that are lists come twice.
inline Status only_query(const http::Request& request, const std::vector<std::string>& known) {
  for (const auto& [name, value] : request.query) {
    if (name == "workspace") continue;   // authenticate() has read it
    const bool repeats = name == "state" || name == "label";
    const auto times = std::ranges::count(request.query, name, &std::pair<std::string, std::string>::first);
    if (times > 1 && !repeats)
      return bad_query(name.substr(0, 60), "given once", "it " + std::to_string(times) + " times");
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto near = json::nearest(name, known);
    return fail(Code::invalid,
                "no such query parameter: " + name.substr(0, 60) + (near ? "; did you mean " + *near + "?" : ""),
                "query_unknown");
  }
  return {};
}

/// A page of one list, and what its cursors are bound to.
struct BoundPage : Page {
  query::Binding binding;
};

/// limit (1..200, 50) and cursor: one that this list gave this caller.
inline Result<BoundPage> page_of(const Services& services, const Caller& caller, const http::Request& request) {
  BoundPage page;
  page.limit = static_cast<std::size_t>(TRY(query_integer(request, "limit", 50, 1, 200)));
  page.binding = {request.path, "newest first", {}, caller.user.text + " " + caller.workspace.text};
  for (const auto& [name, value] : request.query)
    if (name != "limit" && name != "cursor" && name != "workspace") page.binding.filter += name + "=" + value + "\n";
  const auto* cursor = request.query_value("cursor");
  if (!cursor) return page;
  const auto place = services.lists.cursors().read(*cursor, page.binding, "cursor");
  if (!place)
    return bad_query("cursor", "a next_cursor of this list",
                     "\"" + cursor->substr(0, 60) + "\" (" + place.error().found + ")");
  page.before = std::get<std::string>(place->at(0));
  return page;
}

/// {items, next_cursor}; `id_of` gives what the next page begins after.
template <class Items, class Render, class IdOf>
http::Response list_of(const Services& services, const Items& items, const BoundPage& page, Render render, IdOf id_of) {
  boost::json::array rendered;
  for (const auto& item : items) rendered.push_back(render(item));
  boost::json::object body = {{"items", std::move(rendered)}, {"next_cursor", nullptr}};
  if (items.size() == page.limit)
    body["next_cursor"] = services.lists.cursors().make(page.binding, {id_of(items.back())});
  return ok(body);
}

}  // namespace mayfly::api::native
