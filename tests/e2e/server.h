#pragma once
// A real server on a data folder of its own, with real sandboxes, and what a client and a host would see of it.
// Nothing of it is left on the host when a test ends; a test that leaves something fails.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/types.h>

#include "http/client.h"
#include "json/reader.h"

namespace mayfly::test {

using namespace std::chrono_literals;

/// What came back. Status 0: no answer, because the server died or was not there.
struct Answer {
  int status = 0;
  http::Headers headers = {};
  std::string text = {};
  json::value body = {};        // null unless the text is JSON

  bool lost() const { return status == 0; }
  bool fine() const { return status >= 200 && status < 300; }
  /// A member of the body, a dot between levels: "lifetime.limit_seconds". Null when it is not there.
  json::value at(std::string_view path) const;
  std::string string(std::string_view path) const;   // "" unless it is a string
  std::vector<json::object> items() const;
};

/// For messages: status and text.
std::ostream& operator<<(std::ostream& out, const Answer& answer);

/// One connection; not for several threads at once.
class Api {
 public:
  explicit Api(const std::string& url, http::Headers always, const std::string& ca_file = {});

  Answer call(const std::string& method, const std::string& path, const std::string& body = {},
              http::Headers headers = {});
  Answer get(const std::string& path) { return call("GET", path); }
  Answer post(const std::string& path, const json::value& body = json::object()) {
    return call("POST", path, boost::json::serialize(body));
  }
  Answer put(const std::string& path, const json::value& body) {
    return call("PUT", path, boost::json::serialize(body));
  }
  Answer remove(const std::string& path) { return call("DELETE", path); }

  // The calls that every story makes; `id` is an id or a name.
  Answer create(json::object wish = {}) { return post("/v1/sandboxes", std::move(wish)); }
  Answer exec(const std::string& id, const std::string& line) {
    return post(of(id, "exec"), json::object{{"command", line}});
  }
  std::string output(const std::string& id, const std::string& line) { return exec(id, line).string("stdout"); }
  std::string state(const std::string& id) { return get(of(id)).string("state"); }
  Answer keepalive(const std::string& id, double seconds) {
    return post(of(id, "keepalive"), json::object{{"extend_seconds", seconds}});
  }
  static std::string of(const std::string& id, const std::string& rest = {}) {
    return "/v1/sandboxes/" + id + (rest.empty() ? "" : "/" + rest);
  }

 private:
  http::Client client_;
};

/// Looks until it holds; false after `patience`.
bool comes_true(const std::function<bool()>& holds, std::chrono::milliseconds patience = 20s);

class Server {
 public:
  static constexpr const char* key = "the-admin-key-of-these-tests";

  /// On a new folder below the temporary one, or on `data`, which the caller removes.
  explicit Server(std::string data = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// TOML for the next start.
  void configure(const std::string& toml);
  /// True when it is ready; false when it died before that, as a failpoint may make it.
  bool start(const std::string& failpoint = {});
  void kill_hard();                 // SIGKILL, to exactly this process
  void stop();                      // SIGTERM; expects a clean exit
  void restart(const std::string& failpoint = {});
  bool dies(std::chrono::milliseconds patience);   // waits for its end by itself
  bool up() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  const std::string& url() const { return url_; }
  std::uint16_t port() const { return static_cast<std::uint16_t>(std::stoi(url_.substr(url_.rfind(':') + 1))); }

  Api& api() { return *api_; }
  Api connect() const;              // another connection
  Api connect_with(http::Headers headers) const;

  Answer doctor() { return api_->get("/v1/doctor"); }
  bool clean() { return doctor().at("clean") == json::value(true); }
  bool task_completes(const std::string& task, std::chrono::milliseconds patience = 30s);
  /// Deletes without an archive and waits until nothing of it is left.
  void delete_now(const std::string& id);
  void delete_all();

  /// Deletes everything, stops, and looks for what is left on the host. Called by the fixtures.
  void end();

  const std::string& data_url() const { return data_url_; }   // of the listener that ports have to themselves
  std::string ca_file;                                        // whom to believe, when it speaks TLS

  const std::string& folder() const { return folder_; }
  const std::string& data() const { return data_; }
  std::string log() const;
  /// Mounts, cgroups, processes and folders whose name holds `mark`: the uid of a sandbox.
  std::vector<std::string> traces_of(const std::string& mark) const;
  /// All of this instance, and mounts below its folder. While no server runs: it alone may read its database then.
  std::vector<std::string> traces() const;

 private:
  bool read_address(int from);
  std::string instance() const;
  bool reap(std::chrono::milliseconds patience, int& status);

  /// Names in /tmp that crun uses for a moment and leaves there when it is killed.
  static std::vector<std::string> drafts_of_crun();

  const std::vector<std::string> drafts_before_ = drafts_of_crun();
  std::string folder_, data_, url_, data_url_;
  pid_t pid_ = 0;
  std::unique_ptr<Api> api_;
};

/// Runs `mayfly` with these arguments: exit code and both outputs.
struct Ran {
  int exit_code = -1;
  std::string out, err;
};
Ran mayfly(std::vector<std::string> arguments);

/// Most stories: one server, started, and nothing left after it.
class Served : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.start()) << server_.log(); }
  void TearDown() override { server_.end(); }

  Api& api() { return server_.api(); }
  /// A running sandbox; its id.
  std::string given_sandbox(json::object wish = {});
  /// As hours pass.
  void advance(double seconds);

  Server server_;
};

}  // namespace mayfly::test
