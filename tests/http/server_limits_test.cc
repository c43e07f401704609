// What clients must not be able to do to the server.

#include <sys/resource.h>

#include <gtest/gtest.h>

#include "given.h"

namespace mayfly::http {
namespace {

using std::chrono::milliseconds;

TEST(ServerLimits, RefuseMalformedRequestsAndClose) {
  World world;
  world.start();
  for (const std::string bytes : {
           "nonsense\r\n\r\n", "GET / HTTP/1.1\n\n", "GET / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n",
           "GET x HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n Content-Length: 9\r\n\r\n",
           "\x16\x03\x01\x02\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       }) {
    auto client = world.client();
    EXPECT_EQ(client.call(bytes).status, 400) << bytes;
    client.end_sending();
    EXPECT_TRUE(client.ended()) << bytes;
  }
  EXPECT_EQ(world.server->counters().refused, 8u);
}

TEST(ServerLimits, NeverTakeASmuggledBodyForARequest) {
  World world;
  std::atomic<int> reached = 0;
  world.get("/secret", AsyncHandler([&](auto, Responder r) {
    ++reached;
    r(text("secret"));
  }));
  world.post("/echo", echoes());
  world.start();
  const std::string inner = get("/secret");
  for (const std::string& framing : {
           "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
           "Transfer-Encoding: gzip\r\n\r\n" + inner,
           "Transfer-Encoding:\x0b" "chunked\r\n\r\n" + inner,
           "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + inner,
           "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + inner,
       }) {
    auto client = world.client();
    EXPECT_EQ(client.call("POST /echo HTTP/1.1\r\nHost: h\r\n" + framing).status, 400);
    client.end_sending();
    EXPECT_TRUE(client.ended());
  }
  EXPECT_EQ(reached, 0);

  auto proper = world.client();
  EXPECT_EQ(proper.call(post("/echo", inner)).body, inner);
  EXPECT_EQ(reached, 0);
}

TEST(ServerLimits, LetTheOwnerOfThePathRefuseEvenWhatCannotBeParsed) {
  World world;
  world.router.refuse("/api", [](int status, std::string_view, const Request& q) {
    return text("api " + std::to_string(status) + " " + q.path, status);
  });
  world.options.header_limit = 1000;
  world.start();

  EXPECT_EQ(world.client().call("GET /api/x?q HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n").body, "api 400 /api/x");
  EXPECT_EQ(world.client().call("GET /api/y HTTP/1.1\r\nA: " + std::string(2000, 'x')).body, "api 431 /api/y");
  EXPECT_EQ(world.client().call("GET /api/z HTTP/1.1\r\nHost: h\r\n\r\n").body, "api 404 /api/z");
}

TEST(ServerLimits, CountEveryByteOfAHeadHoweverItIsCut) {
  World world;
  world.options.header_limit = 4000;
  world.get("/a", says("a"));
  world.start();

  auto many = world.client();
  many.send("GET /a HTTP/1.1\r\nHost: h\r\n");
  for (int i = 0; i < 1000 && !many.readable_within(0); ++i) many.send("X-H: value\r\n");
  EXPECT_EQ(many.receive().status, 431);

  auto whole = world.client();
  EXPECT_EQ(whole.call("GET /a HTTP/1.1\r\nHost: h\r\nA: " + std::string(5000, 'x') + "\r\n\r\n").status, 431);

  auto fitting = world.client();
  EXPECT_EQ(fitting.call("GET /a HTTP/1.1\r\nHost: h\r\nA: " + std::string(3900, 'x') + "\r\n\r\n").status, 200);

  auto target = world.client();
  EXPECT_EQ(target.call(get("/" + std::string(5000, 'x'))).status, 431);
}

TEST(ServerLimits, RefuseALongTarget) {
  World world;
  world.start();

  EXPECT_EQ(world.client().call(get("/" + std::string(17'000, 'x'))).status, 414);
}

TEST(ServerLimits, RefuseLargeBodiesAndTheClientSeesTheAnswer) {
  World world;
  world.router.add({.method = "POST", .pattern = "/echo", .handler = echoes(), .body_limit = 1000});
  world.start();

  auto honest = world.client();
  honest.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  honest.send(std::string(1'000'000, 'x'));
  EXPECT_EQ(honest.receive().status, 413);
  honest.end_sending();
  EXPECT_TRUE(honest.ended());

  auto chunked = world.client();
  chunked.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 11; ++i) chunked.send("64\r\n" + std::string(100, 'x') + "\r\n");
  EXPECT_EQ(chunked.receive().body, "refused 413: the body is larger than 1000 bytes");

  auto exact = world.client();
  EXPECT_EQ(exact.call(post("/echo", std::string(1000, 'x'))).status, 200);
}

TEST(ServerLimits, CutAHeadThatDribbles) {
  World world;
  world.options.header_timeout = milliseconds(100);
  world.start();
  auto client = world.client();

  client.send("GET / HTTP/1.1\r\n");
  while (!client.readable_within(5) && client.send("X")) {
  }

  EXPECT_EQ(client.receive().body, "refused 408: the head of the request did not arrive in time");
  client.end_sending();
  EXPECT_TRUE(client.ended());
}

TEST(ServerLimits, CutABodyThatStops) {
  World world;
  world.options.body_timeout = milliseconds(100);
  world.post("/echo", echoes());
  world.start();
  auto client = world.client();

  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");

  EXPECT_EQ(client.receive().body, "refused 408: the body did not arrive in time");
}

TEST(ServerLimits, CloseIdleConnectionsWithoutAWord) {
  World world;
  world.options.idle_timeout = milliseconds(100);
  world.get("/a", says("a"));
  world.start();

  auto fresh = world.client();
  auto used = world.client();
  EXPECT_EQ(used.call(get("/a")).status, 200);

  EXPECT_EQ(fresh.receive().status, 0);
  EXPECT_TRUE(used.ended());
}

TEST(ServerLimits, CutAReaderThatStops) {
  World world;
  world.options.body_timeout = milliseconds(100);
  world.get("/large", BlockingHandler([](const Request&) { return text(std::string(32 << 20, 'x')); }));
  world.start();
  auto client = world.client();

  client.send(get("/large"));

  EXPECT_EQ(world.log.line(0).trouble, "the client stopped reading");
  EXPECT_TRUE(eventually([&] { return world.server->counters().connections == 0; }));
}

TEST(ServerLimits, KeepThePoolFreeOfSlowClients) {
  World world;
  world.options.pool_threads = 1;
  world.options.queue_limit = 1;
  world.post("/echo", echoes());
  world.start();

  std::vector<RawClient> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(world.client());
    slow.back().send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n");
  }

  EXPECT_EQ(world.client().call(post("/echo", "quick")).body, "quick");
  for (auto& client : slow) EXPECT_EQ(client.call("ok").body, "ok");
}

TEST(ServerLimits, RefuseWhatTheFullPoolCannotTake) {
  World world;
  world.options.pool_threads = 1;
  world.options.queue_limit = 1;
  Gate started, release;
  world.get("/slow", BlockingHandler([&](const Request&) {
    started.open();
    release.wait();
    return text("done");
  }));
  world.get("/async", AsyncHandler([](auto, Responder r) { r(text("async")); }));
  world.start();
  auto running = world.client();
  running.send(get("/slow"));
  ASSERT_TRUE(started.wait());
  auto queued = world.client();
  queued.send(get("/slow"));
  ASSERT_TRUE(eventually([&] { return world.server->counters().queued == 1; }));

  auto refused = world.client();
  const auto answer = refused.call(get("/slow"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("Retry-After"), "1");
  EXPECT_EQ(refused.call(get("/async")).body, "async") << "the connection is good, and others are not held up";

  release.open();
  EXPECT_EQ(running.receive().body, "done");
  EXPECT_EQ(queued.receive().body, "done");
}

TEST(ServerLimits, ServeTwoThousandIdleConnections) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  World world;
  world.get("/a", says("a"));
  world.start();

  std::vector<RawClient> clients;
  for (int i = 0; i < 2000; ++i) {
    clients.push_back(world.client());
    ASSERT_TRUE(clients.back().connected());
    if (i % 2 == 0) clients.back().send(get("/a"));
  }
  for (int i = 0; i < 2000; i += 2) ASSERT_EQ(clients[static_cast<std::size_t>(i)].receive().body, "a");

  EXPECT_EQ(clients.front().call(get("/a")).body, "a");
  EXPECT_TRUE(eventually([&] { return world.server->counters().connections == 2000; }));
}

TEST(ServerLimits, MakeRoomByClosingTheOldestIdleConnection) {
  World world;
  world.options.connection_limit = 3;
  world.get("/a", says("a"));
  world.start();
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(world.client());
    EXPECT_EQ(clients.back().call(get("/a")).status, 200);
  }
  EXPECT_EQ(clients[0].call(get("/a")).status, 200);

  auto newcomer = world.client();

  EXPECT_EQ(newcomer.call(get("/a")).body, "a");
  EXPECT_TRUE(clients[1].ended());
  EXPECT_EQ(clients[0].call(get("/a")).body, "a");
  EXPECT_EQ(clients[2].call(get("/a")).body, "a");
}

TEST(ServerLimits, TurnAwayWhoComesWhenNobodyIsIdle) {
  World world;
  world.options.connection_limit = 1;
  Gate started, release;
  world.get("/slow", BlockingHandler([&](const Request&) {
    started.open();
    release.wait();
    return text("done");
  }));
  world.start();
  auto busy = world.client();
  busy.send(get("/slow"));
  ASSERT_TRUE(started.wait());

  auto newcomer = world.client();
  EXPECT_TRUE(newcomer.ended());

  release.open();
  EXPECT_EQ(busy.receive().body, "done");
}

}  // namespace
}  // namespace mayfly::http
