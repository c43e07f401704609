#include "http/router.h"

#include <gtest/gtest.h>

namespace mayfly::http {
namespace {

BlockingHandler nothing() {
  return [](const Request&) { return Response(); };
}

Router given_routes(const std::vector<std::pair<std::string, std::string>>& routes) {
  Router router;
  for (const auto& [method, pattern] : routes) router.add({.method = method, .pattern = pattern, .handler = nothing()});
  return router;
}

// "pattern name=value ..." of the match, or what is allowed instead.
std::string told(const Router& router, std::string_view method, std::string_view path) {
  const auto match = router.match(method, path);
  std::string text = match.route ? match.route->pattern : "none";
  for (const auto& [name, value] : match.params) text += " " + name + "=" + value;
  for (const auto& allowed : match.allowed) text += " " + allowed;
  return text;
}

TEST(Router, FindsTheRouteOfAPath) {
  const auto router = given_routes({{"GET", "/"},
                                    {"GET", "/v1/sandboxes"},
                                    {"GET", "/v1/sandboxes/{id}"},
                                    {"GET", "/v1/sandboxes/count"},
                                    {"POST", "/v1/sandboxes/{name}"},
                                    {"GET", "/v1/sandboxes/{id}/files/{path...}"},
                                    {"GET", "/v1/{kind}/x"},
                                    {"GET", "/trailing/"},
                                    {"DELETE", "/v1/sandboxes/{id}"}});
  struct Row {
    const char* method;
    const char* path;
    const char* expected;
  };
  for (const auto& row : std::vector<Row>{
           {"GET", "/", "/"},
           {"GET", "/v1/sandboxes", "/v1/sandboxes"},
           {"GET", "/v1/sandboxes/sbx_1", "/v1/sandboxes/{id} id=sbx_1"},
           {"GET", "/v1/sandboxes/count", "/v1/sandboxes/count"},
           {"POST", "/v1/sandboxes/count", "/v1/sandboxes/{name} name=count"},
           {"DELETE", "/v1/sandboxes/count", "/v1/sandboxes/{id} id=count"},
           {"GET", "/v1/sandboxes/x", "/v1/sandboxes/{id} id=x"},
           {"GET", "/v1/volumes/x", "/v1/{kind}/x kind=volumes"},
           {"GET", "/v1/sandboxes/a%2Fb", "/v1/sandboxes/{id} id=a/b"},
           {"GET", "/v1/sandboxes/%zz", "none"},
           {"GET", "/v1/sandboxes/", "none"},
           {"GET", "/v1/sandboxes//", "none"},
           {"GET", "/v1/sandboxes/a/files/b/c%2Fd", "/v1/sandboxes/{id}/files/{path...} id=a path=b/c%2Fd"},
           {"GET", "/v1/sandboxes/a/files//etc//x/", "/v1/sandboxes/{id}/files/{path...} id=a path=/etc//x/"},
           {"GET", "/v1/sandboxes/a/files/", "/v1/sandboxes/{id}/files/{path...} id=a path="},
           {"GET", "/v1/sandboxes/a/files", "none"},
           {"GET", "/trailing/", "/trailing/"},
           {"GET", "/trailing", "none"},
           {"GET", "//", "none"},
           {"GET", "", "none"},
           {"GET", "v1", "none"},
           {"HEAD", "/v1/sandboxes", "/v1/sandboxes"},
           {"PUT", "/v1/sandboxes", "none GET HEAD"},
           {"PUT", "/v1/sandboxes/a", "none DELETE GET HEAD POST"},
           {"get", "/v1/sandboxes", "none GET HEAD"},
       }) {
    EXPECT_EQ(told(router, row.method, row.path), row.expected) << row.method << " " << row.path;
  }
}

TEST(Router, PrefersAnExplicitHead) {
  const auto router = given_routes({{"GET", "/a"}, {"HEAD", "/a"}});

  EXPECT_EQ(router.match("HEAD", "/a").route->method, "HEAD");
}

TEST(Router, DiesOfASecondRouteOfTheSameShape) {
  auto router = given_routes({{"GET", "/a/{id}"}});

  EXPECT_DEATH(router.add({.method = "GET", .pattern = "/a/{name}", .handler = nothing()}), "CHECK");
}

TEST(Router, ListsItsRoutesSorted) {
  const auto router = given_routes({{"POST", "/b"}, {"GET", "/b/{x...}"}, {"GET", "/a/{id}"}});

  EXPECT_EQ(router.list(), (std::vector<std::string>{"GET /a/{id}", "GET /b/{x...}", "POST /b"}));
}

TEST(Router, LetsTheOwnerOfTheLongestPrefixRefuse) {
  Router router;
  const auto named = [](std::string name) {
    return [name](int, std::string_view, const Request&) {
      Response response;
      response.body = name;
      return response;
    };
  };
  router.refuse("", named("default"));
  router.refuse("/api", named("api"));
  router.refuse("/api/v1/jobs", named("jobs"));
  router.refuse("/boom", [](int, std::string_view, const Request&) -> Response { throw 1; });
  const auto owner = [&](std::string path) {
    Request request;
    request.path = std::move(path);
    return router.refusal(404, "gone", request).body;
  };

  EXPECT_EQ(owner("/api"), "api");
  EXPECT_EQ(owner("/api/v1/job"), "api");
  EXPECT_EQ(owner("/api/v1/jobs/7"), "jobs");
  EXPECT_EQ(owner("/apis"), "default");
  EXPECT_EQ(owner(""), "default");
  EXPECT_EQ(owner("/boom/x"), "gone\n");
}

}  // namespace
}  // namespace mayfly::http
