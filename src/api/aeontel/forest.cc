// Workspaces, apps, elements and databases: each is one row of a table, and all are served by the same functions.

#include "api/aeontel/entry_body.h"
#include "api/aeontel/page.h"
#include "api/aeontel/routes.h"
#include "json/reader.h"

namespace mayfly::api::aeontel {

namespace {

struct Served {
  Kind kind;
  std::string_view path;
  query::Listed list;
  std::vector<ShortFilter> shorts;
};

const std::vector<Served>& all_served() {
  const std::vector<ShortFilter> common = {
      {"name", "name", query::Op::contains, true},
      {"created_at_after", "createdAt", query::Op::gte},
      {"created_at_before", "createdAt", query::Op::lte},
  };
  const auto with = [&](std::vector<ShortFilter> own) {
    own.insert(own.end(), common.begin(), common.end());
    return own;
  };
  const ShortFilter workspace = {"workspace_id", "workspaceId"};
  static const std::vector<Served> all = {
      {Kind::workspace, "workspaces", query::Listed::workspace, with({})},
      {Kind::app, "apps", query::Listed::app, with({workspace})},
      {Kind::element, "elements", query::Listed::element, with({workspace, {"app_id", "appId"}})},
      {Kind::database, "databases", query::Listed::database, with({workspace})},
  };
  return all;
}

/// An object or any other JSON, as it is kept. The limit is one of bytes.
std::optional<std::string> read_content(json::Reader& reader) {
  const auto* given = reader.raw("content");
  if (!given) return std::nullopt;
  auto text = boost::json::serialize(*given);
  if (text.size() > largest_content) {
    reader.complain("content", "JSON of at most " + std::to_string(largest_content) + " bytes",
                    std::to_string(text.size()));
    return std::nullopt;
  }
  return text;
}

/// What is made is made in the workspace that the call acts in; another one that is named must be that.
Status check_workspace(const Caller& caller, const std::optional<std::string>& named) {
  if (!named || *named == caller.workspace.text) return {};
  return fail(Code::not_found, "no workspace \"" + named->substr(0, 80) + "\" for this key", "workspace_not_found");
}

Result<Entry> create_workspace(Services& services, const Caller& caller, json::Reader& reader) {
  const auto slug = reader.string("name", {.min = 1, .max = 63});
  TRY(reader.finish());
  const auto made = TRY(services.workspaces.create(caller, slug, false));
  return Entry{made.resource};
}

Result<Entry> create_database(Services& services, const Caller& caller, json::Reader& reader) {
  NewVolume wish;
  wish.kind = Kind::database;
  wish.name = reader.string("name", {.min = 1, .max = 63});
  wish.size_mb = reader.optional_integer("sizeMb", {.min = 1, .max = largest_volume_mb});
  const auto workspace = reader.optional_string("workspaceId", {.min = 1, .max = 64});
  TRY(reader.finish());
  TRY(check_workspace(caller, workspace));
  const auto made = TRY(services.volumes.create(caller, wish));
  return Entry{made.resource, {}, made.size_mb};
}

Result<Entry> create_record(Services& services, const Caller& caller, Kind kind, json::Reader& reader) {
  Forest::Wish wish;
  wish.name = reader.string("name", {.min = 1, .max = longest_record_name});
  std::optional<std::string> workspace;
  if (kind == Kind::element) {
    wish.app = reader.string("appId", {.min = 1, .max = 64});
    wish.content = read_content(reader).value_or("{}");
  } else {
    workspace = reader.optional_string("workspaceId", {.min = 1, .max = 64});
  }
  TRY(reader.finish());
  TRY(check_workspace(caller, workspace));
  return services.forest.create(caller, kind, wish);
}

Result<http::Response> create(Services& services, Kind kind, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  json::Reader reader(request.body);
  const auto entry = kind == Kind::workspace  ? create_workspace(services, caller, reader)
                     : kind == Kind::database ? create_database(services, caller, reader)
                                              : create_record(services, caller, kind, reader);
  return ok(render(TRY(entry)), 201);
}

http::Response list(Services& services, const Served& served, const http::Request& request) {
  const ListRules rules = {.what = served.list, .shorts = served.shorts, .also = {"workspace"}, .deleted_apart = true};
  const auto question = asked(services, request, members_of_query(request, rules), rules);
  if (!question) return question.error();
  const auto page = services.lists.entries(question->caller, question->listing);
  return page ? page_of(*page, [](const Entry& entry) { return render(entry); }) : refused(page.error(), request);
}

Result<http::Response> get(Services& services, Kind kind, const Caller& caller, const http::Request& request) {
  return ok(render(TRY(services.forest.get(caller, kind, request.param("id")))));
}

Result<http::Response> change(Services& services, Kind kind, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  json::Reader reader(request.body);
  Forest::Change wish;
  wish.name = reader.optional_string("name", {.min = 1, .max = longest_record_name});
  if (kind == Kind::element) wish.content = read_content(reader);
  TRY(reader.finish());
  if (kind != Kind::workspace)
    return ok(render(TRY(services.forest.change(caller, kind, request.param("id"), wish))));
  const auto id = TRY(services.forest.get(caller, kind, request.param("id"))).resource.id;
  TRY(services.workspaces.change(caller, id.text, {.slug = wish.name}));
  return ok(render(TRY(services.forest.get(caller, kind, id.text))));
}

Result<Trash::Wish> read_removal(const http::Request& request) {
  TRY(only_query(request, {"purge", "retention_tier"}));
  Trash::Wish wish;
  if (const auto* text = request.query_value("purge")) {
    if (*text != "true" && *text != "false")
      return fail(Code::invalid, "purge must be true or false; got \"" + text->substr(0, 40) + "\"",
                  "invalid_parameter");
    wish.purge = *text == "true";
  }
  if (const auto* text = request.query_value("retention_tier")) {
    const auto tier = parse_tier(*text);
    if (!tier)
      return fail(Code::invalid,
                  "retention_tier must be short, medium, long or none; got \"" + text->substr(0, 40) + "\"",
                  "invalid_parameter");
    wish.tier = *tier;
  }
  if (const auto* etag = request.header("If-Match")) {
    wish.plan = *etag;
    if (wish.plan.size() >= 2 && wish.plan.front() == '"' && wish.plan.back() == '"')
      wish.plan = wish.plan.substr(1, wish.plan.size() - 2);
    if (wish.plan.empty() || wish.plan == "*")
      return fail(Code::invalid, "If-Match must be the etag of a plan (POST /api/cleanup-tasks/plan)",
                  "invalid_parameter");
  }
  return wish;
}

Result<http::Response> remove(Services& services, Kind kind, const Caller& caller, const http::Request& request) {
  const auto wish = TRY(read_removal(request));
  const auto done = TRY(services.trash.remove(caller, kind, request.param("id"), wish));
  const auto& row = done.entry.resource;
  if (!done.task)
    return ok({{"id", row.id.text},
               {"deletedAt", or_null(row.deleted_at)},
               {"retentionTier", done.entry.trashed ? boost::json::value(name(done.entry.trashed->tier)) : nullptr},
               {"purgeAt", done.entry.trashed ? or_null(done.entry.trashed->purge_at) : nullptr}});
  auto response = ok({{"id", row.id.text}, {"cleanupTaskId", done.task.text}}, 202);
  response.headers.emplace_back("Location", "/api/cleanup-tasks/" + done.task.text);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

Result<http::Response> restore(Services& services, Kind kind, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  return ok(render(TRY(services.trash.restore(caller, kind, request.param("id")))));
}

}  // namespace

void add_forest_routes(http::Router& router, Services& services) {
  for (const auto& served : all_served()) {
    const auto of = [&services, kind = served.kind](auto function) -> Body {
      return [&services, kind, function](const Caller& caller, const http::Request& request) {
        return function(services, kind, caller, request);
      };
    };
    const auto path = "/api/" + std::string(served.path), one = path + "/{id}";
    router.add({"GET", path, http::BlockingHandler([&services, &served](const http::Request& request) {
                  return list(services, served, request);
                })});
    router.add({"POST", path, changing(services, of(create))});
    router.add({"GET", one, blocking(services, of(get))});
    router.add({"PATCH", one, changing(services, of(change))});
    router.add({"DELETE", one, changing(services, of(remove))});
    router.add({"POST", one + "/restore", changing(services, of(restore))});
  }
}

}  // namespace mayfly::api::aeontel
