#include "http/router.h"

#include <algorithm>
#include <map>
#include <set>

namespace mayfly::http {

namespace {

// One segment deep in the tree of patterns.
struct Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::unique_ptr<Node> rest;
  std::map<std::string, std::unique_ptr<Route>, std::less<>> routes;  // by method, of patterns that end here
};

bool is_parameter(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }
bool is_rest(std::string_view segment) { return is_parameter(segment) && segment.ends_with("...}"); }

std::string_view name_of(std::string_view segment) {
  segment.remove_suffix(is_rest(segment) ? 4 : 1);
  return segment.substr(1);
}

// Takes the first segment off `path`, which starts with a slash.
std::string_view pop(std::string_view& path) {
  path.remove_prefix(1);
  const auto segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// One search down the tree. A path may fit several patterns: the first that serves the method wins, in order of
// preference; the methods of all of them are what a 405 names.
struct Search {
  std::string_view method;
  std::vector<std::string_view> values;  // what the parameters on the way stand for
  std::set<std::string_view> allowed;

  const Route* down(const Node& node, std::string_view path);
  const Route* here(const Node& node);
  const Route* with_value(std::string_view value, const Node& node, std::string_view path);
};

const Route* Search::down(const Node& node, std::string_view path) {
  if (path.empty()) return here(node);
  auto left = path;
  const auto segment = pop(left);
  if (const auto literal = node.literals.find(segment); literal != node.literals.end()) {
    if (const auto* route = down(*literal->second, left)) return route;
  }
  if (node.parameter && !segment.empty()) {
    if (const auto* route = with_value(segment, *node.parameter, left)) return route;
  }
  return node.rest ? with_value(path.substr(1), *node.rest, {}) : nullptr;
}

const Route* Search::with_value(std::string_view value, const Node& node, std::string_view path) {
  values.push_back(value);
  const auto* route = down(node, path);
  if (!route) values.pop_back();
  return route;
}

const Route* Search::here(const Node& node) {
  for (const auto& [served, route] : node.routes) allowed.insert(served);
  auto found = node.routes.find(method);
  if (found == node.routes.end() && method == "HEAD") found = node.routes.find("GET");
  if (found == node.routes.end()) found = node.routes.find("*");
  return found == node.routes.end() ? nullptr : found->second.get();
}

// The values of the route's parameters by name; nothing when one is not properly encoded.
std::optional<std::vector<std::pair<std::string, std::string>>> named(const Route& route,
                                                                      const std::vector<std::string_view>& values) {
  std::vector<std::pair<std::string, std::string>> params;
  std::string_view pattern = route.pattern;
  auto value = values.begin();
  while (!pattern.empty()) {
    const auto segment = pop(pattern);
    if (!is_parameter(segment)) continue;
    CHECK(value != values.end());
    auto plain = is_rest(segment) ? std::string(*value) : decode(*value);
    if (!plain) return std::nullopt;
    params.emplace_back(name_of(segment), std::move(*plain));
    ++value;
  }
  return params;
}

bool below(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  return prefix.empty() || prefix.ends_with('/') || path.size() == prefix.size() || path[prefix.size()] == '/';
}

Response plain_refusal(int status, std::string_view detail) {
  Response response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  response.body = std::string(detail) + "\n";
  return response;
}

}  // namespace

struct Router::Impl {
  Node root;
  std::map<std::string, Refusal, std::less<>> refusals;
};

Router::Router() : impl_(std::make_unique<Impl>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;

void Router::add(Route route) {
  CHECK(route.pattern.starts_with('/'));
  auto* node = &impl_->root;
  std::string_view left = route.pattern;
  while (!left.empty()) {
    const auto segment = pop(left);
    CHECK(!is_rest(segment) || left.empty());
    auto& next = is_rest(segment)        ? node->rest
                 : is_parameter(segment) ? node->parameter
                                         : node->literals[std::string(segment)];
    if (!next) next = std::make_unique<Node>();
    node = next.get();
  }
  const auto [place, is_new] = node->routes.try_emplace(route.method);
  CHECK(is_new);
  place->second = std::make_unique<Route>(std::move(route));
}

void Router::refuse(std::string prefix, Refusal refusal) { impl_->refusals[std::move(prefix)] = std::move(refusal); }

Router::Match Router::match(std::string_view method, std::string_view path) const {
  if (!path.starts_with('/')) return {};
  Search search{method, {}, {}};
  const auto* route = search.down(impl_->root, path);
  Match match;
  if (route) {
    auto params = named(*route, search.values);
    if (!params) return {};
    match.route = route;
    match.params = std::move(*params);
  } else {
    if (search.allowed.contains("GET")) search.allowed.insert("HEAD");
    match.allowed.assign(search.allowed.begin(), search.allowed.end());
  }
  return match;
}

Response Router::refusal(int status, std::string_view detail, const Request& request) const {
  const Refusal* owner = nullptr;
  std::size_t longest = 0;
  for (const auto& [prefix, refusal] : impl_->refusals) {
    if (!below(request.path, prefix) || (owner && prefix.size() < longest)) continue;
    owner = &refusal;
    longest = prefix.size();
  }
  if (!owner) return plain_refusal(status, detail);
  try {
    return (*owner)(status, detail, request);
  } catch (...) {
    return plain_refusal(status, detail);
  }
}

std::vector<std::string> Router::list() const {
  std::vector<std::string> routes;
  const auto collect = [&](const auto& self, const Node& node) -> void {
    for (const auto& [method, route] : node.routes) routes.push_back(method + " " + route->pattern);
    for (const auto& [segment, child] : node.literals) self(self, *child);
    if (node.parameter) self(self, *node.parameter);
    if (node.rest) self(self, *node.rest);
  };
  collect(collect, impl_->root);
  std::ranges::sort(routes);
  return routes;
}

}  // namespace mayfly::http
