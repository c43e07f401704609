// The trash, holds, plans and events.

#include "api/aeontel/entry_body.h"
#include "api/aeontel/page.h"
#include "api/aeontel/routes.h"
#include "json/reader.h"

namespace mayfly::api::aeontel {

namespace {

/// Made when it is first asked for: the fields of entities are there by then.
const ListRules& trash_rules() {
  static const ListRules rules = [] {
    ListRules made = {.what = query::Listed::trash_item,
                      .shorts = {{"type", "type"},
                                 {"name", "name", query::Op::contains, true},
                                 {"retention_tier", "retentionTier"}},
                      .also = {"workspace"}};
    made.default_order =
        query::Order{{query::place_of(query::entity(query::Listed::trash_item), "deletedAt"), true, true}};
    return made;
  }();
  return rules;
}
const ListRules hold_rules = {.what = query::Listed::hold,
                              .shorts = {{"resource_id", "resourceId"}, {"workspace_id", "workspaceId"}},
                              .also = {"workspace"}};
const ListRules event_rules = {.what = query::Listed::event,
                               .shorts = {{"type", "type"},
                                          {"subject_id", "subjectId"},
                                          {"user_id", "userId"},
                                          {"parent_id", "parentId"},
                                          {"workspace_id", "workspaceId"},
                                          {"created_at_after", "createdAt", query::Op::gte},
                                          {"created_at_before", "createdAt", query::Op::lte}},
                               .also = {"workspace"}};

/// The list of `rules`, each row found and rendered.
template <class Find>
http::BlockingHandler listing(Services& services, const ListRules& rules, Find find) {
  return [&services, &rules, find](const http::Request& request) -> http::Response {
    auto question = asked(services, request, members_of_query(request, rules), rules);
    if (!question) return question.error();
    auto page = find(question->caller, std::move(question->listing));
    return page ? page_of(*page, [](const auto& row) { return render(row); }) : refused(page.error(), request);
  };
}

Result<http::Response> empty_trash(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  const auto emptied = TRY(services.trash.empty(caller));
  return ok({{"purged", emptied.purged}, {"failed", emptied.failed}});
}

Result<http::Response> plan(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  json::Reader reader(request.body);
  const auto id = reader.string("resourceId", {.min = 1, .max = 64});
  TRY(reader.finish());
  const auto found = TRY(services.forest.plan(caller, id));
  auto response = ok(render(found));
  response.headers.emplace_back("ETag", "\"" + found.etag + "\"");
  return response;
}

Result<http::Response> make_hold(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  json::Reader reader(request.body);
  const auto id = reader.string("resourceId", {.min = 1, .max = 64});
  const auto reason = reader.string("reason", {.min = 1, .max = 500});
  std::optional<WallTime> until;
  if (const auto text = reader.optional_string("expiresAt", {.max = 64})) {
    const auto at = parse_wall_time(*text);
    if (at) until = *at;
    else reader.complain("expiresAt", "a time in RFC 3339 with Z or an offset", "\"" + *text + "\"");
  }
  TRY(reader.finish());
  return ok(render(TRY(services.holds.make(caller, id, reason, until))), 201);
}

Result<http::Response> get_hold(Services& services, const Caller& caller, const http::Request& request) {
  return ok(render(TRY(services.holds.get(caller, request.param("id")))));
}

Result<http::Response> end_hold(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  return ok(render(TRY(services.holds.end(caller, request.param("id")))));
}

}  // namespace

void add_trash_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) -> Body {
    return [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    };
  };
  router.add({"GET", "/api/trash", listing(services, trash_rules(), [&services](const Caller& caller, auto question) {
                return services.lists.trash(caller, question);
              })});
  router.add({"DELETE", "/api/trash", changing(services, with(empty_trash))});
  router.add({"GET", "/api/holds", listing(services, hold_rules, [&services](const Caller& caller, auto question) {
                return services.lists.holds(caller, question);
              })});
  router.add({"POST", "/api/holds", changing(services, with(make_hold))});
  router.add({"GET", "/api/holds/{id}", blocking(services, with(get_hold))});
  router.add({"DELETE", "/api/holds/{id}", changing(services, with(end_hold))});
  router.add({"GET", "/api/events", listing(services, event_rules, [&services](const Caller& caller, auto question) {
                return services.lists.events(caller, question);
              })});
  router.add({"POST", "/api/cleanup-tasks/plan", blocking(services, with(plan))});
}

}  // namespace mayfly::api::aeontel
