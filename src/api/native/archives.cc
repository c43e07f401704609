#include "api/native/handler.h"
#include "api/native/render.h"
#include "api/native/routes.h"

namespace mayfly::api::native {

namespace {

class Content : public http::BodySource {
 public:
  explicit Content(std::unique_ptr<Source> source) : source_(std::move(source)) {}
  Result<std::size_t> read(std::span<char> room) override { return source_->read(room); }

 private:
  std::unique_ptr<Source> source_;
};

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"limit", "cursor", "sandbox"}));
  ArchiveFilter filter;
  if (const auto* sandbox = request.query_value("sandbox")) filter.sandbox = ResourceId{*sandbox};
  const auto page = TRY(page_of(request));
  const auto rows = TRY(services.archives.list(caller, filter, page));
  return list_of(rows, page, [](const Archive& a) { return render(a); },
                 [](const Archive& a) { return a.resource.id.text; });
}

Result<http::Response> content(Services& services, const Caller& caller, const http::Request& request) {
  const auto archive = TRY(services.archives.get(caller, request.param("id")));
  if (archive.resource.state != State::active)
    return fail(Code::conflict, "archive " + archive.resource.id.text + " is " +
                                    std::string(name(archive.resource.state)),
                "state_" + std::string(name(archive.resource.state)));
  http::Response response;
  response.headers = {{"Content-Type", "application/zstd"},
                      {"Content-Disposition", "attachment; filename=\"" + archive.resource.id.text + ".tar.zst\""}};
  response.stream = std::make_shared<Content>(TRY(services.archives.content(archive)));
  response.stream_length = static_cast<std::uint64_t>(archive.stored_bytes);
  return response;
}

Result<http::Response> manifest(Services& services, const Caller& caller, const http::Request& request) {
  const auto archive = TRY(services.archives.get(caller, request.param("id")));
  http::Response response;
  response.headers = {{"Content-Type", "application/x-ndjson"}};
  response.stream = std::make_shared<Content>(TRY(services.archives.manifest(archive)));
  return response;
}

Result<http::Response> remove(Services& services, const Caller& caller, const http::Request& request) {
  const auto task = TRY(services.archives.remove(caller, request.param("id")));
  auto response = ok({{"id", request.param("id")}, {"cleanup_task_id", task.text}}, 202);
  response.headers.emplace_back("Location", "/v1/cleanup-tasks/" + task.text);
  return response;
}

}  // namespace

void add_archive_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  router.add({"GET", "/v1/archives", with(list)});
  router.add(
      {"GET", "/v1/archives/{id}",
       blocking(services, [&services](const Caller& caller, const http::Request& request) -> Result<http::Response> {
         return ok(render(TRY(services.archives.get(caller, request.param("id")))));
       })});
  router.add({"GET", "/v1/archives/{id}/content", with(content), 1 << 20, true});
  router.add({"GET", "/v1/archives/{id}/manifest", with(manifest), 1 << 20, true});
  router.add({"DELETE", "/v1/archives/{id}", with(remove)});
}

}  // namespace mayfly::api::native
