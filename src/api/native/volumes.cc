#include "api/native/delete_policy.h"
#include "api/native/handler.h"
#include "api/native/render.h"
#include "api/native/routes.h"

namespace mayfly::api::native {

namespace {

Result<NewVolume> read_new_volume(const std::string& body) {
  json::Reader reader(body);
  NewVolume wish;
  wish.name = reader.optional_string("name", {.min = 1, .max = 63}).value_or("");
  wish.size_mb = reader.optional_integer("size_mb", {.min = 1, .max = largest_volume_mb});
  wish.labels = reader.optional_string_map("labels", 64, {.max = 256}).value_or(Labels());
  if (wish.labels.contains("")) reader.complain("labels", "names of at least 1 byte", "the string \"\"");
  wish.restore_from = reader.optional_string("restore_from", {.min = 1, .max = 64}).value_or("");
  TRY(reader.finish());
  return wish;
}

/// Answered when it can be mounted; no thread of the server waits for an archive that is unpacked.
void create(Services& services, const Caller& caller, std::shared_ptr<const http::Request> request,
            http::Responder respond) {
  services.post([&services, caller, request, respond] {
    const auto work = [&]() -> Result<http::Response> {
      const auto wish = TRY(read_new_volume(request->body));
      return ok(render(TRY(services.volumes.create(caller, wish))), 201);
    };
    respond(answer(work(), *request));
  });
}

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"limit", "cursor", "state", "label"}));
  VolumeFilter filter;
  for (const auto& [name, value] : request.query) {
    if (name == "state") {
      const auto state = parse_state(value);
      if (!state) return fail(Code::invalid, "no such state: \"" + value.substr(0, 40) + "\"", "query_invalid");
      filter.states.push_back(*state);
    } else if (name == "label") {
      const auto equals = value.find('=');
      if (equals == std::string::npos)
        return fail(Code::invalid, "label must read key=value; got \"" + value.substr(0, 80) + "\"", "query_invalid");
      filter.labels[value.substr(0, equals)] = value.substr(equals + 1);
    }
  }
  const auto page = TRY(page_of(services, caller, request));
  const auto rows = TRY(services.volumes.list(caller, filter, page));
  return list_of(services, rows, page, [](const Volume& v) { return render(v); },
                 [](const Volume& v) { return v.resource.id.text; });
}

Result<http::Response> get(Services& services, const Caller& caller, const http::Request& request) {
  return ok(render(TRY(services.volumes.get(caller, request.param("id")))));
}

Result<http::Response> remove(Services& services, const Caller& caller, const http::Request& request) {
  const auto wish = TRY(read_delete(request));
  const auto accepted = TRY(services.volumes.remove(caller, request.param("id"), wish));
  auto response = ok(render(accepted.volume), 202);
  response.headers.emplace_back("Location", "/v1/cleanup-tasks/" + accepted.task.text);
  return response;
}

}  // namespace

void add_volume_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  router.add({"GET", "/v1/volumes", with(list)});
  router.add({"POST", "/v1/volumes",
              parked(services, [&services](const Caller& caller, std::shared_ptr<const http::Request> request,
                                           http::Responder respond) {
                create(services, caller, std::move(request), std::move(respond));
              })});
  router.add({"GET", "/v1/volumes/{id}", with(get)});
  router.add({"DELETE", "/v1/volumes/{id}", with(remove)});
}

}  // namespace mayfly::api::native
