#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly {

/// Finished requests by route and class of status. There are as many routes as the router has, so the map is bounded.
class RequestCounts {
 public:
  using Key = std::pair<std::string, std::string>;   // "GET /v1/sandboxes/{id}", "2xx"

  void add(const std::string& method, std::string_view route, int status) {
    Key key{route.empty() ? "none" : known(method) + " " + std::string(route), std::to_string(status / 100) + "xx"};
    const std::lock_guard guard(mutex_);
    ++counts_[std::move(key)];
  }
  std::map<Key, std::uint64_t> all() const {
    const std::lock_guard guard(mutex_);
    return counts_;
  }

 private:
  /// Ports take any method, and a client may make up as many as it likes.
  static std::string known(const std::string& method) {
    for (const auto* one : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
      if (method == one) return method;
    return "OTHER";
  }

  mutable std::mutex mutex_;
  std::map<Key, std::uint64_t> counts_;
};

}  // namespace mayfly
