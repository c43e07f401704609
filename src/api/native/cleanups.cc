#include "api/list_request.h"
#include "api/native/handler.h"
#include "api/native/lifetime_fields.h"
#include "api/native/render.h"
#include "api/native/routes.h"

namespace mayfly::api::native {

namespace {

const ListRules list_rules = {.what = query::Listed::cleanup_task,
                              .spelling = query::Spelling::snake,
                              .order_param = "order_by",
                              .shorts = [] {
                                auto shorts = task_shorts();
                                shorts.push_back({"resource", "resourceId"});
                                return shorts;
                              }(),
                              .also = {"workspace"},
                              .default_limit = 50,
                              .most = 200,
                              .pages_both_ways = false};

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  const auto members = members_of_query(request, list_rules);
  if (!members) return tl::unexpected(error_of(members.error()));
  auto wish = read_list(*members, list_rules, caller.role == Role::admin);
  if (!wish) return tl::unexpected(error_of(wish.error()));
  // Whoever wants to know how many there are says so.
  const bool counted = request.query_value("total") != nullptr && wish->total != query::Total::none;
  if (!counted) wish->total = query::Total::none;
  const auto listing = services.lists.listing(caller, list_rules.what, std::move(*wish));
  if (!listing) return tl::unexpected(error_of(listing.error()));
  const auto page = TRY(services.lists.cleanup_tasks(caller, *listing));
  boost::json::array items;
  for (const auto& task : page.items) items.push_back(render(task));
  boost::json::object body = {{"items", std::move(items)}, {"next_cursor", nullptr}};
  if (page.has_next) body["next_cursor"] = page.end_cursor;
  if (counted) {
    body["total"] = *page.total;
    body["total_relation"] = page.total_exact ? "eq" : "gte";
  }
  return ok(body);
}

Result<http::Response> tree(Services& services, const Caller& caller, const http::Request& request) {
  boost::json::array items;
  for (const auto& task : TRY(services.cleanups.tree(caller, {request.param("id")}))) items.push_back(render(task));
  return ok({{"items", std::move(items)}});
}

Result<http::Response> events(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"limit", "cursor", "subject", "type"}));
  EventFilter filter;
  if (const auto* id = request.query_value("subject")) filter.subject = ResourceId{*id};
  if (const auto* type = request.query_value("type")) filter.type = *type;
  const auto page = TRY(page_of(services, caller, request));
  const auto rows = TRY(services.cleanups.events(caller, filter, page));
  return list_of(services, rows, page, [](const Event& e) { return render(e); },
                 [](const Event& e) { return e.id.text; });
}

// As long as a create is waited for; whoever wants to wait for longer asks again.
constexpr std::int64_t longest_wait = 60;

void get(Services& services, const Caller& caller, std::shared_ptr<const http::Request> request,
         http::Responder respond) {
  const auto wait = [&]() -> Result<std::int64_t> {
    TRY(only_query(*request, {"wait_seconds"}));
    return query_integer(*request, "wait_seconds", 0, 0, longest_wait);
  }();
  if (!wait) return respond(problem(wait.error(), request->id));
  services.cleanups.when_ended(caller, {request->param("id")}, std::chrono::seconds(*wait),
                               [request, respond](Result<Task> task) {
                                 respond(task ? ok(render(*task)) : problem(task.error(), request->id));
                               });
}

struct StaleWish {
  StaleRule rule;
  DeletePolicy policy;
  bool dry_run = false;
};

// Ten years: more than that is a mistake in the unit.
constexpr double longest_inactivity = 10.0 * 366 * 86400;

Result<StaleWish> read_stale(const std::string& body) {
  json::Reader reader(body);
  StaleWish wish;
  const auto seconds = reader.optional_number("inactive_seconds", {.min = 0, .max = longest_inactivity});
  const auto hours = reader.optional_number("inactive_hours", {.min = 0, .max = longest_inactivity / 3600});
  wish.rule.labels = reader.optional_string_map("labels", 64, {.max = 256}).value_or(Labels());
  wish.rule.image = reader.optional_string("image", {.max = 256}).value_or("");
  if (const auto word = reader.optional_string("state", {.max = 32})) {
    const auto state = parse_state(*word);
    if (state) wish.rule.states.push_back(*state);
    else reader.complain("state", "a sandbox state, such as running or stopped", "\"" + *word + "\"");
  }
  wish.policy.archive = reader.optional_bool("archive_before_delete").value_or(true);
  wish.dry_run = reader.optional_bool("dry_run").value_or(false);
  TRY(reader.finish());
  if (seconds.has_value() == hours.has_value())
    return tl::unexpected(
        one_of_two("inactive_seconds", "inactive_hours", seconds.has_value(), "inactivity_ambiguous"));
  wish.rule.inactive = *from_seconds(seconds ? *seconds : *hours * 3600);
  return wish;
}

boost::json::object render(const StaleItem& item) {
  boost::json::object object = {{"id", item.sandbox.resource.id.text},
                                {"name", item.sandbox.resource.name},
                                {"state", name(item.sandbox.resource.state)},
                                {"reason", item.verdict.reason},
                                {"inactive_seconds", seconds(item.verdict.inactive)},
                                {"last_activity_at", format(item.sandbox.lifetime.active_at)},
                                {"eligible_at", format(item.verdict.eligible_at)},
                                {"disk_bytes", nullptr},
                                {"cleanup_task_id", text_or_null(item.task.text)}};
  if (item.disk_bytes) object["disk_bytes"] = *item.disk_bytes;
  if (!item.error.empty()) object["error"] = item.error;
  return object;
}

Result<http::Response> stale(Services& services, const Caller& caller, const http::Request& request) {
  const auto wish = TRY(read_stale(request.body));
  const auto report = wish.dry_run ? TRY(services.stale.plan(caller, wish.rule))
                                   : TRY(services.stale.apply(caller, wish.rule, wish.policy));
  boost::json::array items;
  for (const auto& item : report.items) items.push_back(render(item));
  return ok({{"dry_run", wish.dry_run},
             {"looked_at", report.looked_at},
             {"cut", report.cut},
             {"items", std::move(items)}},
            wish.dry_run ? 200 : 202);
}

}  // namespace

void add_cleanup_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  router.add({"GET", "/v1/cleanup-tasks", with(list)});
  router.add({"GET", "/v1/cleanup-tasks/{id}",
              parked(services, [&services](const Caller& caller, std::shared_ptr<const http::Request> request,
                                           http::Responder respond) {
                services.post([&services, caller, request, respond] { get(services, caller, request, respond); });
              })});
  router.add({"GET", "/v1/cleanup-tasks/{id}/tree", with(tree)});
  router.add(
      {"POST", "/v1/cleanup-tasks/{id}/retry",
       blocking(services, [&services](const Caller& caller, const http::Request& request) -> Result<http::Response> {
         return ok(render(TRY(services.cleanups.retry(caller, {request.param("id")}))));
       })});
  router.add({"POST", "/v1/cleanup/stale", with(stale)});
  router.add({"GET", "/v1/events", with(events)});
}

}  // namespace mayfly::api::native
