#include "http/server.h"

#include <gtest/gtest.h>

#include "given.h"

namespace mayfly::http {
namespace {

TEST(Server, AnswersWithDateLengthAndTheIdOfTheRequest) {
  World world;
  world.get("/hello/{name}", BlockingHandler([](const Request& q) { return text("hello " + q.param("name")); }));
  world.start();
  auto client = world.client();

  const auto answer = client.call("GET /hello/a%2Fb HTTP/1.1\r\nHost: h\r\nX-Request-Id: r 1\r\n\r\n");

  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello a/b");
  EXPECT_EQ(answer.header("Content-Length"), "9");
  EXPECT_EQ(answer.header("X-Request-Id"), "r 1");
  EXPECT_EQ(answer.header("Date").size(), 29u);
  EXPECT_EQ(answer.header("Server"), "");
  const auto line = world.log.line(0);
  EXPECT_EQ(line.id, "r 1");
  EXPECT_EQ(line.route, "/hello/{name}");
  EXPECT_EQ(line.status, 200);
}

TEST(Server, MakesAnIdOfSixteenHexDigits) {
  World world;
  world.start();

  const auto id = world.client().call(get("/")).header("X-Request-Id");

  EXPECT_EQ(id.size(), 16u);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(Server, AnswersPipelinedRequestsInOrderOnOneConnection) {
  World world;
  std::vector<Responder> parked;
  world.get("/slow", BlockingHandler(says("slow")));
  world.get("/fast", AsyncHandler([](auto, Responder r) { r(text("fast")); }));
  world.post("/echo", echoes());
  world.start();
  auto client = world.client();

  client.send(get("/slow") + get("/fast") + post("/echo", "body") + "\r\n" + get("/none") + get("/fast"));

  for (const char* expected : {"slow", "fast", "body", "refused 404: no such path", "fast"}) {
    EXPECT_EQ(client.receive().body, expected);
  }
}

TEST(Server, ReadsARequestThatComesByteByByte) {
  World world;
  world.post("/echo", echoes());
  world.start();
  auto client = world.client();

  const std::string bytes =
      "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2;x\r\nef\r\n0\r\nT: x\r\n\r\n";
  for (int round = 0; round < 2; ++round) {
    for (const char c : bytes) client.send({&c, 1});
    EXPECT_EQ(client.receive().body, "abcdef");
  }
}

TEST(Server, AnswersHeadWithoutABody) {
  World world;
  world.get("/a", says("hello"));
  world.start();
  auto client = world.client();

  client.send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nHEAD /none HTTP/1.1\r\nHost: h\r\n\r\n" + get("/a"));

  const auto head = client.receive(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Content-Length"), "5");
  EXPECT_EQ(client.receive(true).status, 404);
  EXPECT_EQ(client.receive().body, "hello");
}

TEST(Server, NamesTheMethodsOfAPathThatDoesNotServeThisOne) {
  World world;
  world.get("/a", says("a"));
  world.post("/a", says("a"));
  world.start();
  auto client = world.client();

  const auto answer = client.call("DELETE /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz");

  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.header("Allow"), "GET, HEAD, POST");
  EXPECT_EQ(client.call(get("/a")).status, 200) << "the body was read, and the connection is still good";
}

TEST(Server, SendsNoBodyWithStatusesThatHaveNone) {
  World world;
  world.get("/gone", BlockingHandler([](const Request&) { return text("ignored", 204); }));
  world.get("/a", says("a"));
  world.start();
  auto client = world.client();

  client.send(get("/gone") + get("/a"));

  const auto answer = client.receive();
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("Content-Length"), "");
  EXPECT_EQ(client.receive().body, "a");
}

TEST(Server, AsksForTheBodyOnlyWhenItWillTakeIt) {
  World world;
  world.router.add({.method = "POST", .pattern = "/echo", .handler = echoes(), .body_limit = 10});
  world.start();

  auto client = world.client();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-Continue\r\n\r\n");
  EXPECT_EQ(client.receive().status, 100);
  EXPECT_EQ(client.call("abcd").body, "abcd");

  auto greedy = world.client();
  greedy.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(greedy.receive().status, 413);
}

TEST(Server, ClosesWhenAskedToAndSpeaksToOldClients) {
  World world;
  world.get("/a", says("a"));
  world.start();

  auto closing = world.client();
  EXPECT_EQ(closing.call("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").header("Connection"), "close");
  EXPECT_TRUE(closing.ended());

  auto old = world.client();
  EXPECT_EQ(old.call("GET /a HTTP/1.0\r\n\r\n").header("Connection"), "close");
  EXPECT_TRUE(old.ended());

  auto kept = world.client();
  EXPECT_EQ(kept.call("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").header("Connection"), "keep-alive");
  EXPECT_EQ(kept.call(get("/a")).body, "a");
}

TEST(Server, AnswersAClientThatHasEndedItsSending) {
  World world;
  Gate release;
  world.get("/a", BlockingHandler([&](const Request&) {
    release.wait();
    return text("a");
  }));
  world.start();
  auto client = world.client();

  client.send(get("/a"));
  client.end_sending();
  release.open();

  EXPECT_EQ(client.receive().body, "a");
  EXPECT_TRUE(client.ended());
}

TEST(Server, TurnsWhatAHandlerThrowsIntoARefusalAndTellsTheLog) {
  World world;
  world.get("/blocking", BlockingHandler([](const Request&) -> Response { throw std::runtime_error("secret 1"); }));
  world.get("/odd", BlockingHandler([](const Request&) -> Response { throw 7; }));
  world.get("/async", AsyncHandler([](auto, Responder) { throw std::runtime_error("secret 2"); }));
  world.get("/late", AsyncHandler([](auto, Responder r) {
    r(text("fine"));
    throw std::runtime_error("secret 3");
  }));
  world.start();
  auto client = world.client();

  for (const char* path : {"/blocking", "/odd", "/async"}) {
    EXPECT_EQ(client.call(get(path)).body, "refused 500: the request could not be handled") << path;
  }
  EXPECT_EQ(client.call(get("/late")).body, "fine");
  EXPECT_EQ(world.log.line(0).trouble, "secret 1");
  EXPECT_EQ(world.log.line(1).status, 500);
  EXPECT_EQ(world.log.line(2).trouble, "secret 2");
  EXPECT_EQ(world.log.line(3).trouble, "secret 3");
}

TEST(Server, TakesTheAnswerOfAnAsyncHandlerFromAnyThreadOnce) {
  World world;
  std::mutex mutex;
  std::vector<std::jthread> threads;
  world.get("/a", AsyncHandler([&](std::shared_ptr<const Request> q, Responder r) {
    const std::lock_guard lock(mutex);
    for (int i = 0; i < 3; ++i) threads.emplace_back([q, r] { r(text(*q->query_value("n"))); });
  }));
  world.start();
  auto client = world.client();

  for (int i = 0; i < 50; ++i) {
    const auto n = std::to_string(i);
    EXPECT_EQ(client.call(get("/a?n=" + n)).body, n);
  }
  const std::lock_guard lock(mutex);
  threads.clear();
}

TEST(Server, AnswersInternalErrorWhenAResponderIsDropped) {
  World world;
  std::optional<Responder> kept;
  Gate parked;
  world.get("/now", AsyncHandler([](auto, Responder) {}));
  world.get("/later", AsyncHandler([&](auto, Responder r) {
    kept = r;
    parked.open();
  }));
  world.start();
  auto client = world.client();

  EXPECT_EQ(client.call(get("/now")).body, "refused 500: the request could not be handled");
  client.send(get("/later"));
  ASSERT_TRUE(parked.wait());
  kept.reset();
  EXPECT_EQ(client.receive().body, "refused 500: the request could not be handled");
}

TEST(Server, SurvivesAnAnswerForAClientThatLeft) {
  World world;
  std::optional<Responder> kept;
  Gate parked;
  world.get("/later", AsyncHandler([&](auto, Responder r) {
    kept = r;
    parked.open();
  }));
  world.get("/a", says("a"));
  world.start();
  auto client = world.client();
  client.send(get("/later"));
  ASSERT_TRUE(parked.wait());

  client.reset();
  (*kept)(text("nobody hears this"));

  EXPECT_EQ(world.client().call(get("/a")).body, "a");
  EXPECT_TRUE(eventually([&] { return world.server->counters().connections == 0; }));
}

TEST(Server, SurvivesAnAnswerAfterItsOwnEnd) {
  World world;
  std::optional<Responder> kept;
  Gate parked;
  world.get("/later", AsyncHandler([&](auto, Responder r) {
    kept = r;
    parked.open();
  }));
  world.start();
  auto client = world.client();
  client.send(get("/later"));
  ASSERT_TRUE(parked.wait());

  world.server.reset();

  EXPECT_TRUE(client.ended());
  (*kept)(text("nobody hears this"));
}

TEST(Server, SaysWhereItCouldNotListen) {
  World world;
  world.start();
  Router router;

  Server taken({.port = world.server->port()}, router, nullptr);
  const auto again = taken.start();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message,
            "cannot listen on 127.0.0.1:" + std::to_string(world.server->port()) + ": Address already in use");

  Server odd({.address = "nowhere"}, router, nullptr);
  EXPECT_EQ(odd.start().error().message, "cannot listen on nowhere:0: nowhere is not an IP address");
}

TEST(ServerStop, LetsRunningRequestsEndAndClosesIdleConnectionsAtOnce) {
  World world;
  Gate started, release;
  world.get("/slow", BlockingHandler([&](const Request&) {
    started.open();
    release.wait();
    return text("done");
  }));
  world.start();
  auto idle = world.client();
  EXPECT_EQ(idle.call(get("/none")).status, 404);
  auto busy = world.client();
  busy.send(get("/slow"));
  ASSERT_TRUE(started.wait());

  std::jthread stopper([&] { world.server->stop(patience); });
  EXPECT_TRUE(idle.ended());
  release.open();

  const auto answer = busy.receive();
  EXPECT_EQ(answer.body, "done");
  EXPECT_EQ(answer.header("Connection"), "close");
  stopper.join();
  EXPECT_FALSE(world.client().connected());
}

TEST(ServerStop, CutsWhatOutlivesTheGrace) {
  World world;
  std::optional<Responder> kept;
  Gate parked, read_failed;
  world.get("/parked", AsyncHandler([&](auto, Responder r) {
    kept = r;
    parked.open();
  }));
  world.post("/upload", StreamingHandler([&](const Request&, BodyReader& body) {
    std::array<char, 16> room{};
    while (body.read(room).value_or(0) > 0) {
    }
    read_failed.open();
    return text("too late");
  }));
  world.start();
  auto client = world.client();
  client.send(get("/parked"));
  ASSERT_TRUE(parked.wait());
  auto uploading = world.client();
  uploading.send("POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc");
  auto half = world.client();
  half.send("GET / HT");

  world.server->stop(std::chrono::milliseconds(1));

  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(uploading.ended());
  EXPECT_TRUE(half.ended());
}

}  // namespace
}  // namespace mayfly::http
