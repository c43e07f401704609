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
    Key key{route.empty() ? "none" : method + " " + std::string(route), std::to_string(status / 100) + "xx"};
    const std::lock_guard guard(mutex_);
    ++counts_[std::move(key)];
  }
  std::map<Key, std::uint64_t> all() const {
    const std::lock_guard guard(mutex_);
    return counts_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<Key, std::uint64_t> counts_;
};

}  // namespace mayfly
