#pragma once
// Runtimes as a client of theirs sees them, and people around them.

#include <cmath>

#include "base/time.h"
#include "e2e/server.h"

namespace mayfly::test {

inline WallTime instant(const Answer& answer, const std::string& path) {
  return parse_wall_time(answer.string(path)).value_or(WallTime{});
}
inline double seconds_between(WallTime a, WallTime b) { return seconds(b - a); }

class RuntimeStory : public Served {
 protected:
  static std::string org(const std::string& rest) { return "/api/v1/org/default" + rest; }
  static std::string at(const std::string& id = {}, const std::string& verb = {}) {
    return org("/ws/default/runtimes" + (id.empty() ? "" : "/" + id) + (verb.empty() ? "" : "/" + verb));
  }
  static std::string sandbox_at(const std::string& id, const std::string& verb = {}) {
    return org("/sandboxes/" + id + (verb.empty() ? "" : "/" + verb));
  }

  /// Its id. Small, so that a few of them fit on any host.
  std::string given_runtime(const std::string& key, json::object wish = {}) {
    auto& config = wish.emplace("config", json::object()).first->value().as_object();
    config.emplace("resources", json::object{{"cpu_cores", 1}, {"memory_mb", 128}});
    wish["key"] = key;
    wish["name"] = key;
    const auto made = api().post(at(), wish);
    EXPECT_EQ(made.status, 201) << made << server_.log();
    return made.string("id");
  }
  static json::object with_timeout(int seconds, json::object wish = {}) {
    wish["config"] = json::object{{"sandbox", json::object{{"timeout_seconds", seconds}}}};
    return wish;
  }
  Answer started(const std::string& id, json::object wish = {}) {
    const auto answer = api().post(at(id, "start"), wish);
    EXPECT_EQ(answer.status, 200) << answer << server_.log();
    return answer;
  }
  std::string given_running(const std::string& key, json::object wish = {}) {
    const auto id = given_runtime(key, std::move(wish));
    started(id);
    return id;
  }
  Answer keepalive(const std::string& id, int seconds) {
    return api().post(at(id, "keepalive"), json::object{{"extend_seconds", seconds}});
  }
  Answer now(const std::string& id) { return api().get(at(id)); }
  WallTime expiry(const std::string& id) { return instant(now(id), "instance.expires_at"); }

  /// A user with a role in the workspace, and a connection of theirs.
  Api person(const std::string& name, const std::string& role = "member", json::object key = {}) {
    EXPECT_EQ(api().post("/v1/users", json::object{{"name", name}}).status, 201);
    EXPECT_EQ(api().put("/v1/workspaces/default/members/" + name, json::object{{"role", role}}).status, 200);
    key["name"] = "of a test";
    key["user"] = name;
    key["workspace"] = "default";
    const auto made = api().post("/v1/keys", key);
    EXPECT_EQ(made.status, 201) << made;
    return server_.connect_with({{"Authorization", "Bearer " + made.string("secret")}});
  }

  /// The envelope of that status, and JSON.
  static void expect_envelope(const Answer& answer, int status, const std::string& reason = {}) {
    EXPECT_EQ(answer.status, status) << answer;
    const auto* type = http::find(answer.headers, "Content-Type");
    EXPECT_TRUE(type && type->starts_with("application/json")) << answer;
    EXPECT_EQ(answer.at("code"), json::value(status)) << answer;
    EXPECT_NE(answer.string("detail"), "") << answer;
    EXPECT_NE(answer.string("type"), "") << answer;
    if (!reason.empty()) { EXPECT_EQ(answer.string("reason"), reason) << answer; }
  }
};

}  // namespace mayfly::test
