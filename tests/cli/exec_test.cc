#include <algorithm>
#include <future>

#include <unistd.h>

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

/// A stream of records: what the command wrote, and its end.
std::string ended(int code, const std::string& out, const std::string& err) {
  const auto line = [](json::object record) { return boost::json::serialize(record) + "\n"; };
  return line({{"type", "started"}, {"process", json::object{{"id", 1}, {"running", true}}}}) +
         line({{"type", "stdout"}, {"offset", 0}, {"data", out}}) + line({{"type", "ping"}}) +
         line({{"type", "stderr"}, {"offset", 0}, {"data", err}}) +
         line({{"type", "exit"}, {"exit_code", code}, {"signal", nullptr}, {"timed_out", false}});
}

/// The answer to a call that asks for no stream.
std::string whole(int code, const std::string& out, int dropped = 0) {
  return boost::json::serialize(json::object{{"id", 1}, {"running", false}, {"exit_code", code}, {"stdout", out},
                                             {"stderr", ""}, {"stdout_dropped", dropped}, {"stderr_dropped", 0}});
}

http::Response ok(std::string body) {
  http::Response response;
  response.body = std::move(body);
  return response;
}

/// Says its first line at once and the rest when it may.
class Spoken : public http::BodySource {
 public:
  Spoken(std::vector<std::string> lines, std::shared_future<void> when) : lines_(std::move(lines)), when_(when) {}
  Result<std::size_t> read(std::span<char> room) override {
    if (next_ > 0) when_.wait();
    return next_ == lines_.size() ? 0 : lines_[next_++].copy(room.data(), room.size());
  }

 private:
  const std::vector<std::string> lines_;
  const std::shared_future<void> when_;
  std::size_t next_ = 0;
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

TEST(Exec, AsksForAStreamAndWaitsForItsEnd) {
  FakeServer server;
  server.answer("POST", exec_route, 200, ended(0, "x", ""));

  server.run({"exec", "box", "--", "ls"});

  const auto request = server.request(0);
  EXPECT_TRUE(std::any_of(request.headers.begin(), request.headers.end(),
                          [](const auto& header) { return header.second == "application/x-ndjson"; }));
}

TEST(Exec, HasACodeOfItsOwnForOutputThatWasCut) {
  FakeServer server;
  server.answer("POST", exec_route, 200, whole(0, "end\n", 7));

  EXPECT_EQ(server.run({"--json", "exec", "box", "--", "yes"}).code, 8);
}

TEST(Exec, TellsOfAStreamThatEndsBeforeTheCommandDoes) {
  FakeServer server;
  const std::string begun = R"({"type":"started","process":{"id":1}})" "\n" R"({"type":"stdout","data":"half"})" "\n";
  server.answer("POST", exec_route, 200, begun);
  server.answer("POST", exec_route, 200,
                begun +
                    R"({"type":"error","problem":{"status":409,"code":"state_paused","detail":"it is paused"}})" "\n");

  const auto cut = server.run({"exec", "box", "--", "ls"});
  const auto told = server.run({"exec", "box", "--", "ls"});

  EXPECT_EQ(cut.out, "half");
  EXPECT_NE(cut.code, 0);
  EXPECT_THAT(cut.err, HasSubstr("broke off"));
  EXPECT_EQ(told.code, 4);
  EXPECT_THAT(told.err, HasSubstr("it is paused"));
}

TEST(Exec, NeedsNoDashesWhereTheCommandComesLast) {
  FakeServer server;
  server.answer("POST", exec_route, 200, ended(0, "", ""));

  EXPECT_EQ(server.run({"exec", "ls", "ls", "-la", "--all"}).code, 0);

  EXPECT_THAT(server.asked().front(), "POST /v1/sandboxes/ls/exec");
  EXPECT_THAT(server.request(0).body, HasSubstr(R"("command":["ls","-la","--all"])"));
}

TEST(Exec, WritesTheBytesThatAreNoText) {
  FakeServer server;
  server.answer("POST", exec_route, 200,
                R"({"type":"stdout","data_base64":"iVBORwAB"})" "\n" R"({"type":"stdout","data":"\u0000ü"})" "\n"
                R"({"type":"exit","exit_code":0})" "\n");

  EXPECT_EQ(server.run({"exec", "box", "--", "cat", "x.png"}).out, std::string("\x89PNG\0\1\0ü", 9));
}

TEST(Exec, FeedsTheCommandAndGoesOnWhereItWasFull) {
  FakeServer server;
  std::mutex mutex;
  std::string fed;
  bool refused = false;
  std::promise<void> closed;
  auto is_closed = closed.get_future().share();
  server.handle("POST", exec_route, http::BlockingHandler([&](const http::Request& request) {
                  EXPECT_THAT(request.body, HasSubstr(R"("stdin_open":true)"));
                  http::Response response;
                  response.stream = std::make_shared<Spoken>(std::vector<std::string>{
                      R"({"type":"started","process":{"id":5}})" "\n", R"({"type":"exit","exit_code":0})" "\n"},
                      is_closed);
                  return response;
                }));
  const std::string stdin_route = "/v1/sandboxes/{id}/processes/5/stdin";
  server.handle("POST", stdin_route, http::BlockingHandler([&](const http::Request& request) {
                  const std::lock_guard lock(mutex);
                  if (request.query_value("close")) closed.set_value();
                  http::Response response = ok("{}");
                  const bool full = !request.body.empty() && !std::exchange(refused, true);
                  if (full) {
                    response.status = 504;
                    response.headers = {{"X-Stdin-Written", "3"}};
                    response.body = R"({"status":504,"code":"stdin_full"})";
                  }
                  fed += full ? request.body.substr(0, 3) : request.body;
                  return response;
                }));
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "one two three", 13), 13);
  ::close(ends[1]);
  const int before = ::dup(0);
  ::dup2(ends[0], 0);
  ::close(ends[0]);

  const auto ran = server.run({"exec", "box", "-i", "--", "cat"});
  ::dup2(before, 0);
  ::close(before);

  EXPECT_EQ(ran.code, 0);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(fed, "one two three");
}

TEST(Logs, FollowBothStreamsAndTellWhatIsMissing) {
  FakeServer server;
  server.answer("GET", "/v1/sandboxes/{id}/processes/{process}/logs", 200,
                R"({"type":"dropped","stream":"stdout","bytes":2097152})" "\n" + ended(3, "out\n", "err\n"));

  const auto ran = server.run({"logs", "box", "1", "--follow"});

  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, "out\n");
  EXPECT_THAT(ran.err, StartsWith("err\n"));
  EXPECT_THAT(ran.err, HasSubstr("2.0 MiB of stdout are missing"));
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
  server.answer("POST", exec_route, 200, whole(5, "x"));

  const auto ran = server.run({"exec", "box", "--json", "--", "ls"});

  EXPECT_EQ(ran.code, 5);
  EXPECT_EQ(ran.out, whole(5, "x") + "\n");
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
