#include "api/native/archive_body.h"
#include "api/native/handler.h"
#include "api/native/lifetime_fields.h"
#include "api/native/render.h"
#include "api/native/routes.h"
#include "json/bytes.h"

namespace mayfly::api::native {

namespace {

// Ten years are as good as for ever, and fit the arithmetic of deadlines.
constexpr double longest_retention = 10.0 * 366 * 86400;

/// One archive on its own, with what a list leaves out.
http::Response describe(const Archive& archive) {
  auto body = render(archive);
  boost::json::array paths;
  for (const auto& path : archive.content.left_out_paths) paths.emplace_back(path);
  body["left_out_paths"] = std::move(paths);
  return ok(body);
}

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"limit", "cursor", "sandbox", "volume", "state"}));
  ArchiveFilter filter;
  if (const auto* sandbox = request.query_value("sandbox")) filter.sandbox = ResourceId{*sandbox};
  if (const auto* volume = request.query_value("volume")) {
    if (filter.sandbox) return fail(Code::invalid, "give either sandbox or volume", "query_invalid");
    filter.sandbox = ResourceId{*volume};
  }
  for (const auto& [name, value] : request.query) {
    if (name != "state") continue;
    const auto state = parse_state(value);
    if (!state) return fail(Code::invalid, "no such state: \"" + value.substr(0, 40) + "\"", "query_invalid");
    filter.states.push_back(*state);
  }
  const auto page = TRY(page_of(services, caller, request));
  const auto rows = TRY(services.archives.list(caller, filter, page));
  return list_of(services, rows, page, [](const Archive& a) { return render(a); },
                 [](const Archive& a) { return a.resource.id.text; });
}

Result<http::Response> get(Services& services, const Caller& caller, const http::Request& request) {
  return describe(TRY(services.archives.get(caller, request.param("id"))));
}

Result<http::Response> download(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"format"}));
  const auto* format = request.query_value("format");
  if (format && *format != "tar" && *format != "tar.zst")
    return fail(Code::invalid, "format must be tar or tar.zst; got \"" + format->substr(0, 20) + "\"", "query_invalid");
  const auto archive = TRY(services.archives.get(caller, request.param("id")));
  return format && *format == "tar" ? plain_tar(services, archive) : stored_tar(services, archive);
}

Result<http::Response> manifest(Services& services, const Caller& caller, const http::Request& request) {
  const auto archive = TRY(services.archives.get(caller, request.param("id")));
  http::Response response;
  response.headers = {{"Content-Type", "application/x-ndjson"}};
  response.stream = body_of(TRY(services.archives.manifest(archive)));
  return response;
}

/// expires_at or retention_seconds; null takes the end away.
Result<ArchiveExpiry> read_expiry(const std::string& body) {
  json::Reader reader(body);
  ArchiveExpiry expiry;
  const bool retention_given = reader.has("retention_seconds"), at_given = reader.has("expires_at");
  if (const auto seconds = reader.optional_number("retention_seconds", {.min = 1, .max = longest_retention}))
    expiry.retention = from_seconds(*seconds);
  expiry.at = read_instant(reader, "expires_at");
  TRY(reader.finish());
  if (retention_given != at_given) return expiry;
  return fail(Code::invalid, "give either retention_seconds or expires_at; null keeps it for ever", "expiry_ambiguous");
}

Result<http::Response> set_expiry(Services& services, const Caller& caller, const http::Request& request) {
  const auto expiry = TRY(read_expiry(request.body));
  return describe(TRY(services.archives.set_expiry(caller, request.param("id"), expiry)));
}

Result<http::Response> keep_longer(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  lifetime::Extension wish;
  if (const auto by = reader.optional_number("extend_seconds", {.min = 1, .max = longest_retention}))
    wish.by = from_seconds(*by);
  wish.until = read_instant(reader, "until");
  TRY(reader.finish());
  if (wish.by.has_value() == wish.until.has_value())
    return tl::unexpected(one_of_two("extend_seconds", "until", wish.by.has_value(), "extension_ambiguous"));
  return describe(TRY(services.archives.keep_longer(caller, request.param("id"), wish)));
}

/// Answered when the bytes have been read, however long that takes; no thread of the server waits meanwhile.
void verify(Services& services, const Caller& caller, std::shared_ptr<const http::Request> request,
            http::Responder respond) {
  services.post([&services, caller, request, respond] {
    services.archives.verify(caller, request->param("id"), [request, respond](Result<Archive> looked) {
      if (!looked) return respond(problem(looked.error(), request->id));
      auto body = render(*looked);
      body["intact"] = looked->verify_error.empty();
      respond(ok(body));
    });
  });
}

Result<http::Response> restore_path(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  PathWish wish{request.param("id"), {}, {}, {}};
  wish.sandbox = reader.string("sandbox", {.min = 1, .max = 128});
  wish.path = reader.string("path", {.min = 1, .max = 4096});
  wish.to = reader.optional_string("to", {.min = 1, .max = 4096}).value_or("");
  TRY(reader.finish());
  const auto done = TRY(services.path_restore.restore(caller, wish));
  return ok({{"to", json::as_text(done.to)},
             {"files", done.files},
             {"folders", done.folders},
             {"links", done.links},
             {"bytes", done.bytes}});
}

Result<http::Response> remove(Services& services, const Caller& caller, const http::Request& request) {
  const auto task = TRY(services.archives.remove(caller, request.param("id")));
  auto response = ok({{"id", request.param("id")}, {"cleanup_task_id", task.text}}, 202);
  response.headers.emplace_back("Location", services.front.public_url + "/v1/cleanup-tasks/" + task.text);
  return response;
}

}  // namespace

void add_archive_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  const std::string one = "/v1/archives/{id}";
  router.add({"GET", "/v1/archives", with(list)});
  router.add({"GET", one, with(get)});
  router.add({"DELETE", one, with(remove)});
  router.add({"PUT", one + "/expiry", with(set_expiry)});
  router.add({"POST", one + "/keep", with(keep_longer)});
  router.add({"POST", one + "/verify",
              parked(services, [&services](const Caller& caller, std::shared_ptr<const http::Request> request,
                                           http::Responder respond) {
                verify(services, caller, std::move(request), std::move(respond));
              })});
  router.add({"POST", one + "/restore", with(restore_path), 1 << 20, true});
  router.add({"GET", one + "/download", with(download), 1 << 20, true});
  router.add({"GET", one + "/manifest", with(manifest), 1 << 20, true});
  router.add({"GET", one + "/files", with(list_archived), 1 << 20, true});
  router.add({"GET", one + "/content", with(archived_content), 1 << 20, true});
}

}  // namespace mayfly::api::native
