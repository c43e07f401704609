// docs/openapi.yaml names every route that is served, and none that is not.

#include <fstream>
#include <set>
#include <string>

#include <gmock/gmock.h>

#include "api/routes.h"

namespace mayfly::api {

namespace {

/// Room for a thing that is named and never used: no handler is called here.
template <class T>
T& nobody() {
  alignas(T) static char room[sizeof(T)];
  return reinterpret_cast<T&>(room);
}

Services services_of_nobody() {
  return {.sandboxes = nobody<Sandboxes>(),
          .execution = nobody<Execution>(),
          .archives = nobody<Archives>(),
          .cleanups = nobody<Cleanups>(),
          .stale = nobody<StaleSweep>(),
          .images = nobody<ImageCatalog>(),
          .access = nobody<Access>(),
          .idempotency = nobody<Idempotency>(),
          .people = nobody<People>(),
          .keys = nobody<Keys>(),
          .workspaces = nobody<Workspaces>(),
          .standby = nobody<Standby>(),
          .volumes = nobody<Volumes>(),
          .builds = nobody<ImageBuilds>(),
          .path_restore = nobody<PathRestore>(),
          .doctor = nobody<Doctor>(),
          .explanations = nobody<Explanations>(),
          .lists = nobody<Lists>(),
          .forest = nobody<Forest>(),
          .trash = nobody<Trash>(),
          .holds = nobody<Holds>(),
          .runtimes = nobody<Runtimes>(),
          .tokens = nobody<DataTokens>(),
          .cleanup_control = nobody<CleanupControl>(),
          .ready = {},
          .metrics = {},
          .openapi = {},
          .post = {},
          .move_clock = {}};
}

/// As the document would name them: it knows neither a rest of the path nor "every method".
std::set<std::string> served(const http::Router& router) {
  std::set<std::string> operations;
  for (auto route : router.list()) {
    if (const auto rest = route.find("...}"); rest != route.npos) route.erase(rest, 3);
    if (!route.starts_with("* ")) operations.insert(route);
    else
      for (const auto* method : {"GET", "PUT", "POST", "DELETE", "PATCH"}) operations.insert(method + route.substr(1));
  }
  return operations;
}

/// "GET /v1/sandboxes/{id}" of every operation: paths stand two blanks deep, methods four.
std::set<std::string> documented() {
  std::set<std::string> operations;
  std::ifstream document(std::string(MAYFLY_SOURCE) + "/docs/openapi.yaml");
  std::string path;
  bool in_paths = false;
  for (std::string line; std::getline(document, line);) {
    if (!line.empty() && line.front() != ' ') in_paths = line == "paths:";
    if (!in_paths || !line.ends_with(':')) continue;
    if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
    for (const auto* method : {"get", "put", "post", "delete", "patch", "head"}) {
      if (line != "    " + std::string(method) + ":") continue;
      std::string upper = method;
      for (auto& letter : upper) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
      operations.insert(upper + " " + path);
    }
  }
  return operations;
}

}  // namespace

TEST(OpenApi, NamesEveryRouteAndNoOther) {
  auto services = services_of_nobody();
  http::Router router;

  add_routes(router, services);

  EXPECT_THAT(documented(), testing::UnorderedElementsAreArray(served(router)));
}

}  // namespace mayfly::api
