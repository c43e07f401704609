#include "api/native/handler.h"
#include "api/native/roles.h"
#include "api/native/routes.h"

namespace mayfly::api::native {

namespace {

boost::json::object render(const User& user) {
  const auto uuid = uuid_in(user.id.text);
  return {{"id", user.id.text},
          {"number", user.number},
          {"uuid", uuid ? boost::json::value(dashed(*uuid)) : boost::json::value()},
          {"name", user.name},
          {"role", name(user.role)},
          {"active", user.active},
          {"created_at", format(user.created_at)}};
}

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"limit", "cursor"}));
  const auto page = TRY(page_of(services, caller, request));
  const auto rows = TRY(services.people.list(caller, page));
  return list_of(services, rows, page, [](const User& u) { return render(u); },
                 [](const User& u) { return u.id.text; });
}

Result<http::Response> create(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  const auto name = reader.string("name", {.min = 1, .max = 63});
  const auto role = read_role(reader, "role").value_or(Role::member);
  TRY(reader.finish());
  return ok(render(TRY(services.people.create(caller, name, role))), 201);
}

Result<http::Response> get(Services& services, const Caller& caller, const http::Request& request) {
  return ok(render(TRY(services.people.get(caller, request.param("id")))));
}

Result<http::Response> change(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  People::Change change;
  change.name = reader.optional_string("name", {.min = 1, .max = 63});
  change.role = read_role(reader, "role");
  change.active = reader.optional_bool("active");
  TRY(reader.finish());
  return ok(render(TRY(services.people.change(caller, request.param("id"), change))));
}

Result<http::Response> remove(Services& services, const Caller& caller, const http::Request& request) {
  return ok(render(TRY(services.people.remove(caller, request.param("id")))));
}

}  // namespace

void add_people_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  router.add({"GET", "/v1/users", with(list)});
  router.add({"POST", "/v1/users", with(create)});
  router.add({"GET", "/v1/users/{id}", with(get)});
  router.add({"PATCH", "/v1/users/{id}", with(change)});
  router.add({"DELETE", "/v1/users/{id}", with(remove)});
}

}  // namespace mayfly::api::native
