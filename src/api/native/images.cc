#include "api/native/handler.h"
#include "api/native/render.h"
#include "api/native/routes.h"

namespace mayfly::api::native {

namespace {

constexpr std::size_t longest_wish = 64 << 10;
constexpr double longest_grace = 366.0 * 86400;

boost::json::array texts(const std::vector<std::string>& list) {
  boost::json::array items;
  for (const auto& text : list) items.emplace_back(text);
  return items;
}

boost::json::object render(const ImageListed& listed) {
  auto object = native::render(listed.record);
  object["name"] = text_or_null(listed.record.name);
  object["names"] = texts(listed.names);
  object["used_by"] = {{"sandboxes", listed.sandboxes}, {"archives", listed.archives}};
  object["unnamed_at"] = time_or_null(listed.unnamed_at);
  return object;
}

boost::json::object render(const ImageBuild& build) {
  boost::json::object object = {{"id", build.id.text},
                                {"state", name(build.state)},
                                {"name", build.name},
                                {"from", "debian"},
                                {"release", build.recipe.release},
                                {"packages", texts(build.recipe.packages)},
                                {"progress", texts(build.said)},
                                {"digest", text_or_null(build.digest)},
                                {"bytes", nullptr},
                                {"error", nullptr},
                                {"created_at", format(build.created_at)},
                                {"ended_at", time_or_null(build.ended_at)}};
  if (build.state == BuildState::succeeded) object["bytes"] = build.bytes;
  if (build.state == BuildState::failed)
    object["error"] = {{"code", build.error_code}, {"message", build.error}};
  return object;
}

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  boost::json::array items;
  for (const auto& image : TRY(services.images.list(caller))) items.push_back(render(image));
  return ok({{"items", std::move(items)}, {"next_cursor", nullptr}});
}

Result<http::Response> import(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  json::Reader reader(request.body);
  const auto path = reader.string("path", {.min = 1, .max = 4096});
  const auto name = reader.string("name", {.min = 1, .max = 128});
  TRY(reader.finish());
  if (path.front() != '/') return fail(Code::invalid, "path must be absolute on the server's host", "path_relative");
  return ok(native::render(TRY(services.images.import(caller, path, name))), 201);
}

/// A tar while it arrives.
class Arriving : public Source {
 public:
  explicit Arriving(http::BodyReader& body) : body_(body) {}
  Result<std::size_t> read(std::span<char> room) override { return body_.read(room); }

 private:
  http::BodyReader& body_;
};

Result<http::Response> upload(Services& services, const Caller& caller, const http::Request& request,
                              http::BodyReader& body) {
  TRY(only_query(request, {"name"}));
  Arriving tar(body);
  return ok(native::render(TRY(services.images.import(caller, tar, *request.query_value("name")))), 201);
}

/// The small body of a wish, read whole.
Result<std::string> whole(http::BodyReader& body) {
  std::string text(longest_wish, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const auto got = TRY(body.read(std::span(text).subspan(filled)));
    if (got == 0) {
      text.resize(filled);
      return text;
    }
    filled += got;
  }
  return fail(Code::too_large, "the body is larger than 64 KiB, so it is no wish: a tar is sent with ?name=NAME");
}

Result<http::Response> collect(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body.empty() ? "{}" : request.body);
  const bool dry_run = reader.optional_bool("dry_run").value_or(false);
  const auto grace = reader.optional_number("grace_seconds", {.min = 0, .max = longest_grace});
  TRY(reader.finish());
  const auto wait = grace ? from_seconds(*grace).value_or(unnamed_grace) : unnamed_grace;
  boost::json::array items;
  for (const auto& collected : TRY(services.images.collect(caller, wait, dry_run)))
    items.push_back({{"id", collected.content.resource.id.text},
                     {"digest", collected.content.digest},
                     {"bytes", collected.content.bytes},
                     {"unnamed_at", time_or_null(collected.content.unnamed_at)},
                     {"cleanup_task_id", text_or_null(collected.task.text)}});
  return ok({{"dry_run", dry_run}, {"items", std::move(items)}}, dry_run || items.empty() ? 200 : 202);
}

Result<http::Response> remove(Services& services, const Caller& caller, const http::Request& request) {
  const auto removal = TRY(services.images.remove(caller, request.param("name")));
  auto response = ok({{"removed", removal.removed}, {"cleanup_task_id", text_or_null(removal.task.text)}},
                     removal.task ? 202 : 200);
  if (removal.task) response.headers.emplace_back("Location", "/v1/cleanup-tasks/" + removal.task.text);
  return response;
}

Result<http::Response> build(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  BuildWish wish;
  const auto from = reader.string("from", {.min = 1, .max = 40});
  wish.name = reader.optional_string("name", {.min = 1, .max = 128}).value_or("");
  wish.recipe.release = reader.optional_string("release", {.min = 1, .max = 80}).value_or(wish.recipe.release);
  wish.recipe.packages = reader.optional_string_list("packages", 200, {.min = 1, .max = 200}).value_or(
      std::vector<std::string>());
  TRY(reader.finish());
  if (from != "debian")
    return tl::unexpected(Error{Code::invalid, "from must be \"debian\"; got \"" + from + "\"", "recipe_invalid",
                                {{"from", "debian", "\"" + from + "\""}}});
  const auto accepted = TRY(services.builds.start(caller, wish));
  auto response = ok(render(accepted), 202);
  response.headers.emplace_back("Location", "/v1/images/builds/" + accepted.id.text);
  return response;
}

}  // namespace

void add_image_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  router.add({"GET", "/v1/images", with(list)});
  // One address for both: without a name in the query the body is a wish in JSON, which names a tar on the host.
  router.add({"POST", "/v1/images",
              http::StreamingHandler([&services, import = with(import)](const http::Request& request,
                                                                        http::BodyReader& body) {
                if (!request.query_value("name")) {
                  auto text = whole(body);
                  if (!text) return problem(text.error(), request.id);
                  auto copy = request;
                  copy.body = std::move(*text);
                  return import(copy);
                }
                const auto caller = authenticate(services.access, request);
                if (!caller) return problem(caller.error(), request.id);
                // The same bytes again are the same image: a key is only checked, and nothing is remembered.
                const auto once = once_of(services, *caller, request);
                if (!once) return problem(once.error(), request.id);
                return answer(upload(services, *caller, request, body), request);
              })});
  router.add({"DELETE", "/v1/images/{name}", with(remove)});
  router.add({"POST", "/v1/images/gc", with(collect)});
  router.add({"POST", "/v1/images/builds", with(build)});
  router.add({"GET", "/v1/images/builds/{id}",
              blocking(services,
                       [&services](const Caller& caller, const http::Request& request) -> Result<http::Response> {
                         return ok(render(TRY(services.builds.get(caller, request.param("id")))));
                       })});
}

}  // namespace mayfly::api::native
