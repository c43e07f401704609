#include "api/dreadnode/handler.h"

#include <algorithm>
#include <charconv>

#include "api/authenticate.h"
#include "api/native/once.h"
#include "api/problem.h"

namespace mayfly::api::dreadnode {

namespace {

constexpr std::size_t default_page = 50, largest_page = 200;

const std::string* param(const http::Request& request, std::string_view name) {
  for (const auto& [key, value] : request.params)
    if (key == name) return &value;
  return nullptr;
}

std::vector<int> numbers_of(std::string_view version) {
  std::vector<int> numbers;
  while (!version.empty()) {
    int number = 0;
    const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
    if (error != std::errc()) break;
    numbers.push_back(number);
    version.remove_prefix(static_cast<std::size_t>(end - version.data()));
    if (!version.starts_with('.')) break;
    version.remove_prefix(1);
  }
  return numbers;
}

/// Only a program that says its name and version, and for which a least one is set, can be too old.
Status new_enough(const Services& services, const http::Request& request) {
  const auto* agent = request.header("User-Agent");
  if (!agent || services.front.minimum_clients.empty()) return {};
  const auto slash = agent->find('/');
  if (slash == std::string::npos) return {};
  const auto least = services.front.minimum_clients.find(agent->substr(0, slash));
  if (least == services.front.minimum_clients.end()) return {};
  const auto version = agent->substr(slash + 1, agent->find(' ', slash) - slash - 1);
  if (numbers_of(version) >= numbers_of(least->second)) return {};
  return fail(Code::invalid,
              least->first + " " + version.substr(0, 40) + " is too old for this server: upgrade to " + least->second +
                  " or newer",
              "client_too_old");
}

/// In the workspace of the path, or else in that of the header or the key. A header that names another one than the
/// path does is a mistake of whoever set it.
Result<Caller> caller_of(Services& services, const http::Request& request) {
  TRY(new_enough(services, request));
  const auto* workspace = param(request, "ws");
  const auto caller = TRY(authenticate(services.access, request, workspace ? *workspace : std::string()));
  if (workspace && (request.header("X-Mayfly-Workspace") || request.query_value("workspace"))) {
    auto of_path = request;
    of_path.query.clear();
    std::erase_if(of_path.headers, [](const http::Header& header) {
      return header.first.size() == 18 && http::find({header}, "X-Mayfly-Workspace") != nullptr;
    });
    if (TRY(authenticate(services.access, of_path, *workspace)).workspace != caller.workspace)
      return fail(Code::invalid, "the path names another workspace than X-Mayfly-Workspace or ?workspace=",
                  "workspaces_differ");
  }
  if (const auto* organization = param(request, "org")) TRY(services.access.organization(*organization));
  return caller;
}

http::Response answer(Result<http::Response> result) {
  return result ? std::move(*result) : refused(result.error());
}

}  // namespace

http::BlockingHandler blocking(Services& services, Body body) {
  return [&services, body = std::move(body)](const http::Request& request) {
    const auto caller = caller_of(services, request);
    if (!caller) return refused(caller.error());
    const auto once = native::once_of(services, *caller, request);
    if (!once) return refused(once.error());
    return answer(body(*caller, *once, request));
  };
}

http::AsyncHandler parked(Services& services, AsyncBody body) {
  return [&services, body = std::move(body)](std::shared_ptr<const http::Request> request, http::Responder respond) {
    const auto caller = caller_of(services, *request);
    if (!caller) return respond(refused(caller.error()));
    const auto once = native::once_of(services, *caller, *request);
    if (!once) return respond(refused(once.error()));
    body(*caller, *once, std::move(request), std::move(respond));
  };
}

http::AsyncHandler waiting(Services& services, AsyncBody body) {
  return parked(services, [&services, body = std::move(body)](const Caller& caller, const Once& once,
                                                              std::shared_ptr<const http::Request> request,
                                                              http::Responder respond) {
    services.post([&services, body, caller, once, request, respond] {
      const auto held = native::holding_place(services, once, respond);
      if (!held) return respond(refused(held.error()));
      body(caller, once, request, *held);
    });
  });
}

http::Response ok(const boost::json::value& body, int status) {
  return json_response(status, boost::json::serialize(body));
}

tl::unexpected<Error> bad_query(const std::string& name, const std::string& expected, const std::string& found) {
  return tl::unexpected(Error{Code::invalid, name + " must be " + expected + "; got " + found, "query_invalid",
                              {{"query." + name, expected, found}}});
}

std::vector<std::string> words_of(const http::Request& request, std::string_view name) {
  std::vector<std::string> words;
  for (const auto& [key, value] : request.query) {
    if (key != name) continue;
    for (std::size_t at = 0; at <= value.size();) {
      const auto comma = std::min(value.find(',', at), value.size());
      if (auto word = value.substr(at, comma - at); std::find(words.begin(), words.end(), word) == words.end())
        words.push_back(std::move(word));
      at = comma + 1;
    }
  }
  return words;
}

Result<BoundPage> page_of(const Services& services, const Caller& caller, const http::Request& request) {
  BoundPage page;
  page.limit = default_page;
  if (const auto* text = request.query_value("limit")) {
    std::size_t limit = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (error != std::errc() || end != text->data() + text->size() || limit < 1 || limit > largest_page)
      return bad_query("limit", "an integer from 1 to " + std::to_string(largest_page),
                       "\"" + text->substr(0, 40) + "\"");
    page.limit = limit;
  }
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

Page one_more(const BoundPage& page) {
  Page wider = page;
  ++wider.limit;
  return wider;
}

}  // namespace mayfly::api::dreadnode
