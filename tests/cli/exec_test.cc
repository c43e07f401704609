#include <condition_variable>
#include <optional>

#include <gmock/gmock.h>

#include "fake_server.h"

namespace mayfly::cli {

namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* exec_route = "/v1/sandboxes/{id}/exec";

std::string ended(int code, const std::string& out, const std::string& err) {
  return boost::json::serialize(json::object{{"id", 1}, {"running", false}, {"exit_code", code}, {"stdout", out},
                                             {"stderr", err}, {"stdout_dropped", 0}, {"stderr_dropped", 0}});
}

http::Response ok(std::string body) {
  http::Response response;
  response.body = std::move(body);
  return response;
}

/// A command that runs until somebody has followed both of its logs; only then the waiting call is answered.
class LongCommand {
 public:
  explicit LongCommand(FakeServer& server) {
    server.handle("POST", exec_route, http::AsyncHandler([this](auto request, http::Responder respond) {
                    const std::lock_guard lock(mutex_);
                    name_ = json::parse(request->body)->at("name").as_string();
                    respond_ = respond;
                  }));
    server.handle("GET", "/v1/sandboxes/{id}/processes", http::BlockingHandler([this](const http::Request&) {
                    const std::lock_guard lock(mutex_);
                    return ok(R"({"items":[{"id":4,"name":"other","running":true},{"id":5,"running":true,"name":")" +
                              name_ + R"("}]})");
                  }));
    server.handle(
        "GET", "/v1/sandboxes/{id}/processes/5/logs",
        http::BlockingHandler([this](const http::Request& request) { return follow(*request.query_value("stream")); }));
    server.handle("GET", "/v1/sandboxes/{id}/processes/5", http::BlockingHandler([](const http::Request&) {
                    return ok(R"({"id":5,"running":false,"exit_code":3,"stdout_bytes":10,"stderr_bytes":2097162})");
                  }));
  }

 private:
  http::Response follow(const std::string& stream) {
    const std::lock_guard lock(mutex_);
    if (++followed_ == 2) (*respond_)(ok(ended(3, "all of it again", "")));
    return ok(stream == "stdout" ? "out\xff\xfe\n12345" : "err 456789");
  }

  std::mutex mutex_;
  std::string name_;
  std::optional<http::Responder> respond_;
  int followed_ = 0;
};

}  // namespace

TEST(Exec, PassesOnOutputAndExitCode) {
  FakeServer server;
  server.answer("POST", exec_route, 200, ended(42, "to out\n", "to err\n"));

  const auto ran = server.run({"exec", "box", "-e", "A=b", "--timeout", "2m", "--", "ls", "--json", "-la"});

  EXPECT_EQ(ran.code, 42);
  EXPECT_EQ(ran.out, "to out\n");
  EXPECT_EQ(ran.err, "to err\n");
  const auto sent = json::parse(server.request(0).body)->as_object();
  EXPECT_EQ(boost::json::serialize(sent.at("command")), R"(["ls","--json","-la"])");
  EXPECT_EQ(sent.at("timeout_seconds").to_number<int>(), 120);
}

TEST(Exec, HasACodeOfItsOwnForOutputThatWasCut) {
  FakeServer server;
  server.answer("POST", exec_route, 200,
                R"({"id":1,"running":false,"exit_code":0,"stdout":"end\n","stderr":"","stdout_dropped":7,)"
                R"("stderr_dropped":0})");

  const auto shown = server.run({"exec", "box", "--", "yes"});
  const auto as_json = server.run({"--json", "exec", "box", "--", "yes"});

  EXPECT_EQ(shown.code, 8);
  EXPECT_EQ(shown.out, "end\n");
  EXPECT_THAT(shown.err, testing::EndsWith("the output was cut; the command itself exited with 0\n"));
  EXPECT_EQ(as_json.code, 8);
}

TEST(Exec, NeedsNoDashesWhereTheCommandComesLast) {
  FakeServer server;
  server.answer("POST", exec_route, 200, ended(0, "", ""));

  EXPECT_EQ(server.run({"exec", "ls", "ls", "-la", "--all"}).code, 0);

  EXPECT_THAT(server.asked().front(), "POST /v1/sandboxes/ls/exec");
  EXPECT_THAT(server.request(0).body, HasSubstr(R"("command":["ls","-la","--all"])"));
}

TEST(Exec, FetchesTheBytesThatJsonCannotCarry) {
  FakeServer server;
  server.answer("POST", exec_route, 200, ended(0, "\xef\xbf\xbdPNG", "fine"));
  server.answer("GET", "/v1/sandboxes/{id}/processes/{process}/logs", 200, std::string("\x89PNG\0\1", 6));

  const auto ran = server.run({"exec", "box", "--", "cat", "x.png"});

  EXPECT_EQ(ran.out, std::string("\x89PNG\0\1", 6));
  EXPECT_EQ(ran.err, "fine");
}

TEST(Exec, FollowsWhatRunsOnAndTellsWhatIsMissing) {
  FakeServer server;
  const LongCommand command(server);

  const auto ran = server.run({"exec", "box", "--", "make"});

  EXPECT_EQ(ran.code, 8) << "whoever takes the output for whole would be mistaken";
  EXPECT_EQ(ran.out, "out\xff\xfe\n12345");
  EXPECT_THAT(ran.err, StartsWith("err 456789"));
  EXPECT_THAT(ran.err, HasSubstr("2.0 MiB of stderr are missing"));
  EXPECT_THAT(ran.err, testing::EndsWith("the output was cut; the command itself exited with 3\n"));
  EXPECT_THAT(ran.err, Not(HasSubstr("of stdout")));
}

TEST(Exec, TellsWhyItCannotRun) {
  FakeServer server;
  server.problem("POST", exec_route, 409, "state_paused", "sandbox sbx_1 is paused");

  const auto ran = server.run({"exec", "box", "--", "ls"});

  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.err, HasSubstr("mayfly resume"));
}

TEST(Exec, PrintsTheAnswerAsItIsWithJson) {
  FakeServer server;
  server.answer("POST", exec_route, 200, ended(5, "x", ""));

  const auto ran = server.run({"exec", "box", "--json", "--", "ls"});

  EXPECT_EQ(ran.code, 5);
  EXPECT_EQ(ran.out, ended(5, "x", "") + "\n");
}

TEST(Run, DeletesItsSandboxWhateverTheCommandDid) {
  FakeServer server;
  server.answer("POST", "/v1/sandboxes", 201, sandbox_json("made"));
  server.answer("POST", exec_route, 200, ended(9, "done\n", ""));
  server.answer("DELETE", "/v1/sandboxes/{id}", 202, sandbox_json("made", "deleting"));

  const auto ran = server.run({"run", "busybox", "--", "true"});

  EXPECT_EQ(ran.code, 9);
  EXPECT_EQ(ran.out, "done\n");
  const auto name = std::string(json::parse(server.request(0).body)->at("name").as_string());
  EXPECT_THAT(server.asked(), ElementsAre("POST /v1/sandboxes", "POST /v1/sandboxes/sbx_made/exec",
                                          "DELETE /v1/sandboxes/" + name + "?archive=false"));
  EXPECT_THAT(server.request(0).body, HasSubstr("idle_seconds")) << "for the case that we die before the delete";
}

TEST(Run, DeletesWhatDidNotStartAndWhatCouldNotRun) {
  FakeServer server;
  server.problem("POST", "/v1/sandboxes", 503, "start_failed", "it did not start");
  server.answer("POST", "/v1/sandboxes", 201, sandbox_json("made"));
  server.problem("POST", exec_route, 503, "unavailable", "no agent");
  server.answer("DELETE", "/v1/sandboxes/{id}", 202, sandbox_json("made", "deleting"));

  EXPECT_EQ(server.run({"run", "busybox", "--name", "mine", "--", "true"}).code, 1);
  EXPECT_THAT(server.asked(), Contains("DELETE /v1/sandboxes/mine?archive=false"));
  EXPECT_EQ(server.run({"run", "busybox", "--name", "next", "--", "true"}).code, 1);
  EXPECT_THAT(server.asked(), Contains("DELETE /v1/sandboxes/next?archive=false"));
}

TEST(Run, DeletesNobodyElsesSandbox) {
  FakeServer server;
  server.problem("POST", "/v1/sandboxes", 409, "name_taken", "there is already a sandbox with the name \"theirs\"");
  server.answer("DELETE", "/v1/sandboxes/{id}", 202, sandbox_json("theirs", "deleting"));

  EXPECT_EQ(server.run({"run", "busybox", "--name", "theirs", "--", "true"}).code, 4);

  EXPECT_THAT(server.asked(), ElementsAre("POST /v1/sandboxes"));
}

TEST(Run, KeepsItWhenAsked) {
  FakeServer server;
  server.answer("POST", "/v1/sandboxes", 201, sandbox_json("kept"));
  server.answer("POST", exec_route, 200, ended(0, "", ""));

  const auto ran = server.run({"run", "busybox", "--keep", "--name", "kept", "--", "true"});

  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.err, HasSubstr("kept as sandbox kept"));
  EXPECT_EQ(server.asked().size(), 2u);
}

TEST(Run, ADeleteThatIsRefusedIsNoSuccess) {
  FakeServer server;
  server.answer("POST", "/v1/sandboxes", 201, sandbox_json("made"));
  server.answer("POST", exec_route, 200, ended(0, "", ""));
  server.problem("DELETE", "/v1/sandboxes/{id}", 403, "denied", "not yours");

  EXPECT_EQ(server.run({"run", "busybox", "--", "true"}).code, 5);
}

}  // namespace mayfly::cli
