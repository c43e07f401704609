#include "api/aeontel/page.h"
#include "api/aeontel/render.h"
#include "api/aeontel/routes.h"
#include "core/host_words.h"
#include "api/native/once.h"
#include "json/bytes.h"

namespace mayfly::api::aeontel {

namespace {

using boost::json::array;
using boost::json::value;
using aeontel::render;

constexpr std::size_t query_body_limit = 64 * 1024;

const ListRules rules = {.what = query::Listed::cleanup_task, .shorts = task_shorts(), .also = {"workspace"}};

/// A body has all members; beside it the query string may choose the workspace, and nothing is passed over in silence.
query::Read<ListMembers> members_of_post(const http::Request& request) {
  for (const auto& [name, value] : request.query)
    if (name != "workspace")
      return tl::unexpected(query::Refusal{"unknown_parameter",
                                           "no such query parameter: " + name.substr(0, 60) +
                                               "; the members of this call stand in its body", name.substr(0, 60)});
  auto members = members_of_body(request.body);
  for (const auto& [name, value] : members ? *members : ListMembers())
    if (name == "workspace")
      return tl::unexpected(query::Refusal{"unknown_parameter",
                                           "no such member: workspace; did you mean workspace_id?", name});
  return members;
}

http::Response list(Services& services, const http::Request& request, const query::Read<ListMembers>& members) {
  const auto question = asked(services, request, members, rules);
  if (!question) return question.error();
  const auto page = services.lists.cleanup_tasks(question->caller, question->listing);
  return page ? page_of(*page, [](const Task& task) { return render(task); }) : refused(page.error(), request);
}

Result<std::optional<std::size_t>> number_of(const http::Request& request, std::string_view name, std::int64_t least) {
  const auto* text = request.query_value(name);
  if (!text) return std::nullopt;
  const bool digits = !text->empty() && text->size() <= 5 && text->find_first_not_of("0123456789") == text->npos;
  const auto number = digits ? std::stoll(*text) : -1;
  if (number >= least && number <= 10'000) return static_cast<std::size_t>(number);
  return fail(Code::invalid,
              std::string(name) + " must be an integer from " + std::to_string(least) + " to 10000; got \"" +
                  text->substr(0, 40) + "\"",
              "invalid_" + std::string(name));
}

Result<http::Response> get(Services& services, const Caller& caller, const http::Request& request) {
  return ok(render(TRY(services.cleanups.get(caller, {request.param("id")}))));
}

Result<http::Response> tree(Services& services, const Caller& caller, const http::Request& request) {
  const TaskId id{request.param("id")};
  TRY(services.cleanups.get(caller, id));   // to whom there is none, there is none; and only then who may
  TRY(require(caller, Role::admin));
  const Cleanups::TreePart part{TRY(number_of(request, "depth", 0)), TRY(number_of(request, "limit", 1))};
  array tasks;
  for (const auto& task : TRY(services.cleanups.tree(caller, id, part))) tasks.push_back(render(task));
  return ok(tasks);
}

Result<http::Response> retry(Services& services, const Caller& caller, const http::Request& request) {
  const TaskId id{request.param("id")};
  const auto once = TRY(native::once_of(services, caller, request));
  const auto done = [](const Task& task) { return ok({{"ok", true}, {"task", render(task)}}); };
  if (!once) return done(TRY(services.cleanups.retry(caller, id, Cleanups::Retry::failed)));
  const auto place = TRY(services.idempotency.enter(once));
  if (TRY(services.idempotency.look(once))) return done(TRY(services.cleanups.get(caller, id)));
  const auto task = TRY(services.cleanups.retry(caller, id, Cleanups::Retry::failed));
  Outcome outcome;
  outcome.status = 200;
  outcome.task = task.id;
  TRY(services.idempotency.note(once, outcome));
  return done(task);
}

}  // namespace

void add_cleanup_task_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  router.add({"GET", "/api/cleanup-tasks", http::BlockingHandler([&services](const http::Request& request) {
                return list(services, request, members_of_query(request, rules));
              })});
  router.add({.method = "POST",
              .pattern = "/api/cleanup-tasks/query",
              .handler = http::BlockingHandler([&services](const http::Request& request) {
                return list(services, request, members_of_post(request));
              }),
              .body_limit = query_body_limit});
  router.add({"GET", "/api/cleanup-tasks/{id}", with(get)});
  router.add({"GET", "/api/cleanup-tasks/{id}/tree", with(tree)});
  router.add({"POST", "/api/cleanup-tasks/{id}/retry", with(retry)});
}

}  // namespace mayfly::api::aeontel
