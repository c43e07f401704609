#include "http/client.h"

#include <gtest/gtest.h>

#include "given.h"

namespace mayfly::http {
namespace {

struct Given : World {
  Client started(Headers always = {}) {
    start();
    return Client("http://127.0.0.1:" + std::to_string(server->port()) + "/", std::move(always));
  }
};

BlockingHandler shows_request() {
  return [](const Request& q) {
    std::string seen = q.method + " " + q.target + "\n";
    for (const auto& [name, value] : q.headers) {
      if (name != "Host") seen += name + ": " + value + "\n";
    }
    auto response = text(seen + q.body, 201);
    response.headers.emplace_back("X-Answer", "yes");
    return response;
  };
}

TEST(Client, SendsWhatItIsToldAndNothingElse) {
  Given given;
  given.post("/a//../b", shows_request());
  auto client = given.started({{"Authorization", "Bearer k"}});
  ClientRequest request;
  request.method = "POST";
  request.path = "/a//../b?x=1";
  request.headers = {{"X-Empty", ""}};
  request.body = "body";

  const auto answer = client.call(request);

  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(*find(answer->headers, "x-answer"), "yes");
  EXPECT_EQ(answer->body,
            "POST /a//../b?x=1\nAuthorization: Bearer k\nX-Empty: \nContent-Length: 4\nbody");
}

TEST(Client, KeepsItsConnectionAndOutlivesItsEnd) {
  Given given;
  given.options.idle_timeout = std::chrono::milliseconds(50);
  std::set<std::string> peers;
  given.get("/a", AsyncHandler([&](auto q, Responder r) {
    peers.insert(q->peer);
    r(text("a"));
  }));
  auto client = given.started();
  ClientRequest request;
  request.path = "/a";

  for (int i = 0; i < 2; ++i) EXPECT_EQ(client.call(request)->body, "a");
  EXPECT_EQ(peers.size(), 1u);
  EXPECT_TRUE(eventually([&] { return given.server->counters().connections == 0; }));
  EXPECT_EQ(client.call(request)->body, "a");
}

TEST(Client, ReturnsErrorsOfTheServerAsAnswers) {
  Given given;
  auto client = given.started();
  ClientRequest request;
  request.path = "/none";
  std::string downloaded;
  request.download = [&](std::string_view bytes) {
    downloaded += bytes;
    return true;
  };

  const auto answer = client.call(request);

  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, "refused 404: no such path");
  EXPECT_EQ(downloaded, "") << "an error is not what was to be downloaded";
}

TEST(Client, ServesHeadAndDelete) {
  Given given;
  given.get("/a", says("hello"));
  given.router.add({.method = "DELETE", .pattern = "/a", .handler = shows_request()});
  auto client = given.started();
  ClientRequest request;
  request.path = "/a";

  request.method = "HEAD";
  const auto head = client.call(request);
  ASSERT_TRUE(head);
  EXPECT_EQ(*find(head->headers, "Content-Length"), "5");
  EXPECT_EQ(head->body, "");
  request.method = "DELETE";
  EXPECT_EQ(client.call(request)->body, "DELETE /a\n");
}

TEST(Client, SaysWhereItCouldNotConnect) {
  World world;
  world.start();
  const auto place = "127.0.0.1:" + std::to_string(world.server->port());
  world.server->stop(std::chrono::milliseconds(0));
  Client client("http://user:secret@" + place, {{"Authorization", "Bearer secret"}});

  const auto answer = client.call({.path = "/a?token=secret"});

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unavailable);
  EXPECT_EQ(answer.error().message, "cannot connect to " + place + ": Connection refused");
}

TEST(Client, SaysWhatDidNotAnswerInTime) {
  Given given;
  std::optional<Responder> kept;
  Gate parked;
  given.get("/never", AsyncHandler([&](auto, Responder r) {
    kept = r;
    parked.open();
  }));
  auto client = given.started();
  ClientRequest request;
  request.path = "/never?token=secret";
  request.timeout = std::chrono::milliseconds(50);

  const auto answer = client.call(request);

  EXPECT_TRUE(parked.wait());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::timed_out);
  EXPECT_EQ(answer.error().message, "GET /never at 127.0.0.1:" + std::to_string(given.server->port()) +
                                        ": no answer within 50 ms");
}

TEST(Client, NoticesACutStream) {
  struct Cut final : BodySource {
    Result<std::size_t> read(std::span<char> room) override {
      if (std::exchange(ended, true)) return fail(Code::internal, "cut");
      room[0] = 'x';
      return 1;
    }
    bool ended = false;
  };
  Given given;
  given.get("/cut", BlockingHandler([](const Request&) {
    Response response;
    response.stream = std::make_shared<Cut>();
    return response;
  }));
  auto client = given.started();

  const auto answer = client.call({.path = "/cut"});

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unavailable);
}

TEST(Client, StopsADownloadWhenToldTo) {
  Given given;
  given.get("/a", BlockingHandler([](const Request&) { return text(std::string(1 << 20, 'x')); }));
  auto client = given.started();
  ClientRequest request;
  request.path = "/a";
  std::size_t seen = 0;
  request.download = [&](std::string_view bytes) {
    seen += bytes.size();
    return false;
  };

  const auto answer = client.call(request);

  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_LT(seen, std::size_t(1 << 20));
}

TEST(Client, RefusesHeadersThatWouldBreakTheLine) {
  Given given;
  auto client = given.started({{"Authorization", "Bearer k\r\nX-Evil: 1"}});

  const auto answer = client.call({.path = "/"});

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "the value of header Authorization holds a line break");
  EXPECT_EQ(Client("nonsense://x").call({.path = "/"}).error().code, Code::invalid);
}

}  // namespace
}  // namespace mayfly::http
