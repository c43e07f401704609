// What a server answers to calls that it must not take, and what its answers never tell.

#include <unistd.h>

#include "e2e/server.h"

namespace mayfly::test {
namespace {

class BadInput : public Served {
 protected:
  void SetUp() override {
    Served::SetUp();
    sandbox_ = given_sandbox({{"name", "target"}, {"env", json::object{{"SECRET", "hush-hush"}}}});
    before_ = list();
  }
  void TearDown() override {
    EXPECT_EQ(list(), before_) << "a refused call has changed something";
    Served::TearDown();
  }

  std::string list() {
    std::string text;
    for (auto& row : api().get("/v1/sandboxes?limit=200").items()) {
      for (const auto* changing : {"last_activity_at", "last_activity", "expires_at"}) row.erase(changing);
      text += boost::json::serialize(row) + "\n";
    }
    return text;
  }

  void expect_problem(const Answer& answer, int status, const std::string& what) {
    SCOPED_TRACE(what);
    EXPECT_EQ(answer.status, status) << answer;
    const auto* type = http::find(answer.headers, "Content-Type");
    EXPECT_TRUE(type && type->starts_with("application/problem+json")) << answer;
    for (const auto* member : {"code", "detail", "request_id"})
      EXPECT_NE(answer.string(member), "") << member << answer;
    EXPECT_EQ(answer.at("status"), json::value(status));
  }

  std::string sandbox_, before_;
};

struct Row {
  const char *method, *path, *body;
  int status;
  const char* says = "";   // in the detail
};

const Row bodies[] = {
    {"POST", "/v1/sandboxes", "{", 400},
    {"POST", "/v1/sandboxes", "[]", 400},
    {"POST", "/v1/sandboxes", "\"text\"", 400},
    {"POST", "/v1/sandboxes", "{\"name\":\"a\",\"name\":\"b\"}", 400},
    {"POST", "/v1/sandboxes", "{\"name\":\"\xff\"}", 400},
    {"POST", "/v1/sandboxes", "{\"name\":3}", 400, "name"},
    {"POST", "/v1/sandboxes", "{\"nmae\":\"a\"}", 400, "name"},
    {"POST", "/v1/sandboxes", "{\"lifetime\":{\"idle_second\":1}}", 400, "idle_seconds"},
    {"POST", "/v1/sandboxes", "{\"lifetime\":3}", 400, "lifetime"},
    {"POST", "/v1/sandboxes", "{\"lifetime\":{\"max_age_seconds\":-1}}", 400},
    {"POST", "/v1/sandboxes", "{\"lifetime\":{\"max_age_seconds\":1e300}}", 400},
    {"POST", "/v1/sandboxes", "{\"lifetime\":{\"max_age_seconds\":1e999}}", 400},
    {"POST", "/v1/sandboxes", "{\"lifetime\":{\"at\":\"tomorrow\"}}", 400, "RFC 3339"},
    {"POST", "/v1/sandboxes", "{\"lifetime\":{\"at\":\"9999-12-31T23:59:60Z\"}}", 400, "lifetime.at"},
    {"PUT", "/v1/sandboxes/target/expiry", "{\"at\":\"9999-12-31T23:59:59Z\"}", 400, "9998"},
    {"POST", "/v1/sandboxes/target/keepalive", "{\"until\":\"9999-12-31T23:59:60Z\"}", 400, "until"},
    {"POST", "/v1/sandboxes", "{\"name\":\"\\ud800\"}", 400, "surrogate"},
    {"POST", "/v1/sandboxes", "{\"lifetime\":{\"on_expiry\":\"explode\"}}", 400},
    {"POST", "/v1/sandboxes", "{\"resources\":{\"cpus\":0}}", 400},
    {"POST", "/v1/sandboxes", "{\"resources\":{\"memory_mb\":99999999999999999999}}", 400},
    {"POST", "/v1/sandboxes", "{\"resources\":{\"pids\":1}}", 400},
    {"POST", "/v1/sandboxes", "{\"resources\":{\"privileged\":true}}", 400},
    {"POST", "/v1/sandboxes", "{\"name\":\"\\u0000\"}", 400},
    {"POST", "/v1/sandboxes", "{\"name\":\"../../etc\"}", 400},
    {"POST", "/v1/sandboxes", "{\"name\":\"Großes\"}", 400},
    {"POST", "/v1/sandboxes", "{\"name\":\"сандбокс\"}", 400},
    {"POST", "/v1/sandboxes", "{\"name\":\"砂場\"}", 400},
    {"POST", "/v1/sandboxes", "{\"name\":\"target\"}", 409, "target"},
    {"POST", "/v1/sandboxes", "{\"image\":\"nowhere\"}", 404, "busybox"},
    {"POST", "/v1/sandboxes", "{\"restore_from\":\"arc_none\"}", 404},
    {"POST", "/v1/sandboxes", "{\"workdir\":\"relative\"}", 400},
    {"POST", "/v1/sandboxes", "{\"exclude\":[\"relative\"]}", 400},
    {"POST", "/v1/sandboxes", "{\"env\":{\"A=B\":\"x\"}}", 400, "env"},
    {"POST", "/v1/sandboxes", "{\"env\":{\"\":\"x\"}}", 400, "env"},
    {"POST", "/v1/sandboxes", "{\"env\":{\"A\\u0000\":\"x\"}}", 400, "env"},
    {"POST", "/v1/sandboxes", "{\"env\":{\"A\":\"x\\u0000\"}}", 400, "env"},
    {"POST", "/v1/sandboxes", "{\"labels\":{\"\":\"x\"}}", 400, "labels"},
    {"POST", "/v1/sandboxes/target/exec", "{\"command\":\"true\",\"env\":{\"A=B\":\"x\"}}", 400, "env"},
    {"POST", "/v1/sandboxes/target/exec", "{}", 400, "command"},
    {"POST", "/v1/sandboxes/target/exec", "{\"command\":[]}", 400},
    {"POST", "/v1/sandboxes/target/exec", "{\"command\":[\"a\",1]}", 400},
    {"POST", "/v1/sandboxes/target/exec", "{\"command\":\"true\",\"env\":{\"A\":1}}", 400},
    {"POST", "/v1/sandboxes/target/exec", "{\"command\":\"true\",\"wait_seconds\":1e9}", 400},
    {"POST", "/v1/sandboxes/nobody/exec", "{\"command\":\"true\"}", 404},
    {"POST", "/v1/sandboxes/target/keepalive", "{}", 400, "extend_seconds"},
    {"POST", "/v1/sandboxes/target/keepalive", "{\"extend_seconds\":0}", 400},
    {"POST", "/v1/sandboxes/target/keepalive", "{\"extend_seconds\":-5}", 400},
    {"POST", "/v1/sandboxes/target/keepalive", "{\"extend_seconds\":5,\"until\":\"2040-01-01T00:00:00Z\"}", 400},
    {"POST", "/v1/sandboxes/target/resume", "", 409, "running"},
    {"POST", "/v1/sandboxes/target/start", "", 409, "running"},
    {"POST", "/v1/cleanup/stale", "{}", 400},
    {"POST", "/v1/cleanup/stale", "{\"inactive_seconds\":1,\"inactive_hours\":1}", 400},
    {"POST", "/v1/images", "{\"path\":\"relative\",\"name\":\"x\"}", 400},
    {"POST", "/v1/images", "{\"path\":\"/etc/passwd\",\"name\":\"x\"}", 400},
    {"DELETE", "/v1/images/busybox", "", 409, "built-in"},
    {"DELETE", "/v1/sandboxes/target?archive=maybe", "", 400},
    {"DELETE", "/v1/sandboxes/target?achive=false", "", 400, "archive"},
    {"DELETE", "/v1/sandboxes/nobody", "", 404},
    {"DELETE", "/v1/archives/arc_none", "", 404},
    {"GET", "/v1/sandboxes?limit=0", "", 400, "from 1 to 200"},
    {"GET", "/v1/sandboxes?limit=1&limit=2", "", 400, "limit"},
    {"GET", "/v1/sandboxes?cursor=nonsense", "", 400, "cursor"},
    {"GET", "/v1/sandboxes?cursor=arc_00000000000000000000000000000000", "", 400, "cursor"},
    {"GET", "/v1/cleanup-tasks?cursor=", "", 400, "cursor"},
    {"PUT", "/v1/sandboxes/target/expiry", "", 400, "body"},
    {"PUT", "/v1/sandboxes/target/expiry", " ", 400, "body"},
    {"GET", "/v1/sandboxes?limit=99999999999999999999", "", 400},
    {"GET", "/v1/sandboxes?state=asleep", "", 400},
    {"GET", "/v1/cleanup-tasks/clt_none", "", 404},
    {"GET", "/v1/sandboxes/%00", "", 400},
    {"GET", "/v1/sandboxes/..%2f..%2fetc%2fpasswd", "", 404},
    {"GET", "/v1/nothing", "", 404},
    {"GET", "/", "", 404},
    {"PATCH", "/v1/sandboxes", "", 405},
    {"DELETE", "/v1/sandboxes", "", 405},
};

TEST_F(BadInput, IsRefusedInAProblemThatSaysWhatIsWrong) {
  for (const auto& row : bodies) {
    const auto answer = api().call(row.method, row.path, row.body);
    expect_problem(answer, row.status, std::string(row.method) + " " + row.path + " " + row.body);
    const auto told = answer.text;
    EXPECT_NE(told.find(row.says), std::string::npos) << row.path << " " << row.body << " " << answer;
  }
}

TEST_F(BadInput, IsToldByTheFieldThatIsWrong) {
  const struct {
    const char *method, *path, *body, *code, *field;
  } rows[] = {
      {"POST", "/v1/sandboxes", "{\"name\":\"Not A Name\"}", "name_invalid", "name"},
      {"POST", "/v1/sandboxes", "{\"env\":{\"A=B\":\"x\"}}", "invalid", "env"},
      {"POST", "/v1/sandboxes", "{\"lifetime\":{\"at\":\"2001-01-01T00:00:00Z\"}}", "at_in_the_past", "lifetime.at"},
      {"POST", "/v1/sandboxes/target/keepalive", "{}", "extension_ambiguous", "extend_seconds"},
      {"POST", "/v1/sandboxes/target/keepalive", "{\"extend_seconds\":5,\"until\":\"2040-01-01T00:00:00Z\"}",
       "extension_ambiguous", "until"},
      {"POST", "/v1/cleanup/stale", "{}", "inactivity_ambiguous", "inactive_seconds"},
      {"POST", "/v1/images", "{\"path\":\"/etc/passwd\",\"name\":\"-\"}", "name_invalid", "name"},
      {"POST", "/v1/users", "{\"name\":\"1st\",\"role\":\"reader\"}", "name_invalid", "name"},
      {"GET", "/v1/sandboxes?limit=0", "", "query_invalid", "query.limit"},
      {"GET", "/v1/sandboxes?cursor=x", "", "query_invalid", "query.cursor"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(std::string(row.method) + " " + row.path + " " + row.body);
    const auto answer = api().call(row.method, row.path, row.body);
    EXPECT_EQ(answer.status, 400) << answer;
    EXPECT_EQ(answer.string("code"), row.code) << answer;
    const auto errors = answer.at("errors");
    ASSERT_TRUE(errors.is_array() && errors.get_array().size() == 1) << answer;
    const auto& field = errors.get_array()[0].as_object();
    EXPECT_EQ(field.at("path"), json::value(row.field)) << answer;
    EXPECT_FALSE(field.at("expected").as_string().empty() || field.at("found").as_string().empty()) << answer;
  }
}

TEST_F(BadInput, NamesTheMethodsThatARouteHas) {
  const auto answer = api().call("PATCH", "/v1/sandboxes");

  const auto* allow = http::find(answer.headers, "Allow");
  ASSERT_TRUE(allow);
  EXPECT_NE(allow->find("GET"), std::string::npos);
  EXPECT_NE(allow->find("POST"), std::string::npos);
}

TEST_F(BadInput, IsRefusedWhenItIsTooLarge) {
  const std::string large = "{\"name\":\"" + std::string(8 << 20, 'a') + "\"}";

  expect_problem(api().call("POST", "/v1/sandboxes", large), 413, "8 MiB");
}

TEST_F(BadInput, CannotLeadAFilePathOutOfTheSandbox) {
  ASSERT_EQ(api().output(sandbox_, "ln -s /proc/1/root /out && ln -s /etc/shadow /shadow && echo made"), "made\n");
  const auto at = [&](const std::string& path) { return Api::of(sandbox_, "files/content?path=") + path; };

  for (const auto* path : {"/../../etc/passwd", "/a/../../etc/shadow", "/ok%00/../etc", "relative", ""})
    expect_problem(api().get(at(path)), 400, path);
  for (const auto* path : {"/../escaped", "/.mayfly/agent", "/"})
    EXPECT_GE(api().call("PUT", at(path), "bytes").status, 400) << path;
  EXPECT_GE(api().get(at("/shadow")).status, 400) << "a link to a file that only the host has";
  const auto host = api().get(at("/out/root/.ssh"));
  EXPECT_GE(host.status, 400) << host;
  const auto through = api().call("PUT", at("/out/tmp/escaped"), "bytes");
  EXPECT_NE(::access("/tmp/escaped", F_OK), 0) << through;
  EXPECT_GE(api().remove(at("/") + "&recursive=true").status, 400);
}

TEST_F(BadInput, IsAFileThatHasNoBytesOfItsOwn) {
  ASSERT_EQ(api().output(sandbox_, "mkfifo /fifo && ln -s /dev/zero /zero && echo made"), "made\n");
  const auto content = [&](const char* path) { return api().get(Api::of(sandbox_, "files/content?path=") + path); };

  for (const auto* path : {"/fifo", "/dev/null", "/dev/zero", "/zero", "/proc"}) {
    const auto answer = content(path);
    expect_problem(answer, 400, path);
    EXPECT_EQ(answer.string("code"), "not_a_file") << answer;
  }
  const auto memory = content("/proc/1/mem");
  expect_problem(memory, 409, "the first page of memory");
  EXPECT_EQ(memory.string("code"), "file_unreadable") << memory;
  EXPECT_NE(memory.text.find("/proc/1/mem"), std::string::npos) << memory;
  EXPECT_EQ(content("/proc/1/comm").status, 200) << "a file that says it is empty and is not";
}

TEST_F(BadInput, DoesNotRemoveAMountPoint) {
  for (const auto* path : {"/proc", "/dev/shm"})
    for (const auto* query : {"", "&recursive=true"}) {
      const auto answer = api().remove(Api::of(sandbox_, "files/content?path=") + path + query);
      // With its contents: what is in there refuses first, or the mount itself does.
      EXPECT_TRUE(answer.status == 409 || (*query && answer.status == 403)) << path << query << " " << answer;
      if (answer.status == 409) { EXPECT_EQ(answer.string("code"), "path_busy") << answer; }
      EXPECT_NE(answer.string("detail").find(path), std::string::npos) << answer;
    }
  EXPECT_EQ(api().output(sandbox_, "test -e /proc/1 && test -d /dev/shm && echo there"), "there\n");
}

TEST_F(BadInput, InTheNamesOfFilesAndProcessesMakesNoAnswerThatIsNotUtf8) {
  const auto made = api().call("PUT", Api::of(sandbox_, "files/content?path=/odd/a%ff%fe"), "bytes");
  ASSERT_EQ(made.status, 201) << made;

  const auto entry = api().get(Api::of(sandbox_, "files/list?path=/odd")).items().at(0);

  EXPECT_EQ(entry.at("name").as_string(), "a\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(entry.at("name_bytes").as_string(), "Yf/+");
  const auto plain = api().get(Api::of(sandbox_, "files/stat?path=/odd"));
  EXPECT_TRUE(plain.at("name_bytes").is_null()) << plain;
  EXPECT_TRUE(json::parse(api().get(Api::of(sandbox_, "files/stat?path=/%ff")).text)) << "nor in what is told of them";
  EXPECT_EQ(api().remove(Api::of(sandbox_, "files/content?path=/odd/a%ff%fe")).status, 200);
}

TEST_F(BadInput, IncludesKeysThatAreMissingWrongOrDiffer) {
  auto nobody = server_.connect_with({});
  auto stranger = server_.connect_with({{"Authorization", "Bearer not-a-key-of-this-server"}});
  const auto key = std::string(Server::key);
  auto both = server_.connect_with({{"Authorization", "Bearer " + key}, {"X-API-Key", "another"}});
  auto same = server_.connect_with({{"Authorization", "bearer " + key}, {"X-API-Key", key}});

  for (const auto* path : {"/v1/sandboxes", "/v1/doctor", "/v1/events", "/v1/images"}) {
    expect_problem(nobody.get(path), 401, path);
    expect_problem(stranger.get(path), 401, path);
    expect_problem(both.get(path), 401, path);
    EXPECT_EQ(same.get(path).status, 200);
  }
  expect_problem(nobody.create(), 401, "create");
  expect_problem(nobody.remove(Api::of(sandbox_)), 401, "delete");
  expect_problem(nobody.post("/test/clock", json::object{{"advance_seconds", 1}}), 401, "clock");
  EXPECT_EQ(stranger.get("/v1/sandboxes").text.find("not-a-key"), std::string::npos) << "the answer repeats the secret";
}

TEST_F(BadInput, NeverMakesAnAnswerShowTheValuesOfAnEnvironment) {
  EXPECT_EQ(api().output(sandbox_, "echo $SECRET"), "hush-hush\n");

  for (const auto& path : {std::string("/v1/sandboxes"), Api::of(sandbox_), std::string("/v1/events")}) {
    const auto answer = api().get(path);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.text.find("hush-hush"), std::string::npos) << answer;
  }
}

}  // namespace
}  // namespace mayfly::test
