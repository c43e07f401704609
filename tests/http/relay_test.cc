// Requests that another server answers. That server is the test itself, at the other end of a socket.

#include <sys/socket.h>

#include <gtest/gtest.h>

#include "given.h"
#include "http/answer_head.h"

namespace mayfly::http {
namespace {

/// The other server's end of each connection, in the order of the requests.
class Behind {
 public:
  ByteChannel connect() {
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const timeval net{20, 0};
    ::setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &net, sizeof net);
    const std::lock_guard lock(mutex_);
    ends_.emplace_back(ends[0]);
    changed_.notify_all();
    return ByteChannel(ends[1]);
  }
  ByteChannel next() {
    std::unique_lock lock(mutex_);
    CHECK(changed_.wait_for(lock, patience, [&] { return !ends_.empty(); }));
    auto end = std::move(ends_.front());
    ends_.erase(ends_.begin());
    return end;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ByteChannel> ends_;
};

std::string read_until(const ByteChannel& from, std::string_view end) {
  std::string all;
  char c = 0;
  while (!all.ends_with(end) && ::recv(from.get(), &c, 1, 0) == 1) all += c;
  return all;
}
std::string read_to_end(const ByteChannel& from) {
  std::string all;
  char room[4096];
  for (ssize_t got; (got = ::recv(from.get(), room, sizeof room, 0)) > 0;) all.append(room, std::size_t(got));
  return all;
}
bool write(const ByteChannel& to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(std::size_t(sent));
  }
  return true;
}

class Relays : public ::testing::Test {
 protected:
  void SetUp() override {
    Route http{"*", "/to/{path...}", AsyncHandler([this](std::shared_ptr<const Request> request, Responder respond) {
                 Response response;
                 response.relay = std::make_shared<Relay>();
                 response.relay->to = behind_.connect();
                 response.relay->head = request->method + " /" + request->param("path") + " HTTP/1.1\r\nHost: it\r\n";
                 response.relay->idle = idle_;
                 response.relay->held = held_;
                 if (const auto* protocol = request->header("Upgrade")) response.relay->upgrade = *protocol;
                 respond(std::move(response));
               })};
    http.relays = true;
    world_.router.add(std::move(http));
    Route bytes{"GET", "/bytes", AsyncHandler([this](std::shared_ptr<const Request>, Responder respond) {
                  Response response;
                  response.relay = std::make_shared<Relay>();
                  response.relay->to = behind_.connect();
                  response.relay->upgrade = "tcp";
                  respond(std::move(response));
                })};
    bytes.relays = true;
    world_.router.add(std::move(bytes));
    world_.get("/plain", says("plain"));
    world_.start();
  }

  World world_;
  Behind behind_;
  std::chrono::milliseconds idle_{60'000};
  std::shared_ptr<int> held_ = std::make_shared<int>();
};

TEST_F(Relays, WhatTheOtherServerSaysIsTheAnswer) {
  auto client = world_.client();
  client.send("GET /to/a/%2Fb//c HTTP/1.1\r\nHost: x\r\n\r\n");
  {
    const auto server = behind_.next();
    const auto head = read_until(server, "\r\n\r\n");
    EXPECT_TRUE(head.starts_with("GET /a/%2Fb//c HTTP/1.1\r\n")) << head;
    EXPECT_NE(head.find("Connection: close\r\n"), std::string::npos) << head;
    write(server, "HTTP/1.1 201 Made\r\nContent-Length: 5\r\nX-It: said\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n"
                  "Keep-Alive: timeout=5\r\n\r\nhello");
  }
  const auto answer = client.receive();
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.header("X-It"), "said");
  EXPECT_EQ(answer.header("X-Hop") + answer.header("Keep-Alive"), "");
  EXPECT_EQ(client.call("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").body, "plain") << "the connection goes on";
  EXPECT_TRUE(eventually([&] { return held_.use_count() == 1; })) << "what was held is let go";
}

TEST_F(Relays, ABodyOfAnyFormComesWhole) {
  struct Row { const char* answer; const char* body; };
  for (const auto& row : {Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n", "abcde"},
                          Row{"HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"},
                          Row{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"},
                          Row{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", ""}}) {
    auto client = world_.client();
    client.send("GET /to/x HTTP/1.1\r\nHost: x\r\n\r\n");
    {
      const auto server = behind_.next();
      read_until(server, "\r\n\r\n");
      write(server, row.answer);
    }
    const auto answer = client.receive();
    EXPECT_EQ(answer.status, 200) << row.answer;
    EXPECT_TRUE(answer.whole) << row.answer;
    EXPECT_EQ(answer.body, row.body) << row.answer;
  }
}

TEST_F(Relays, ARequestBodyGoesWithItsFraming) {
  auto client = world_.client();
  client.send("POST /to/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  auto server = behind_.next();
  EXPECT_NE(read_until(server, "\r\n\r\n").find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(read_until(server, "abc\r\n"), "3\r\nabc\r\n") << "before the client has sent all of it";
  client.send("2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(read_until(server, "0\r\n\r\n"), "2\r\nde\r\n0\r\n\r\n");
  write(server, "HTTP/1.1 204 Done\r\n\r\n");
  EXPECT_EQ(client.receive().status, 204);

  client.send("PUT /to/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.receive().status, 100);
  client.send("body");
  server = behind_.next();
  EXPECT_NE(read_until(server, "\r\n\r\n").find("Content-Length: 4\r\n"), std::string::npos);
  EXPECT_EQ(read_until(server, "body"), "body");
  write(server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200);
}

TEST_F(Relays, AnAnswerBeforeTheEndOfTheBodyIsPassedOn) {
  auto client = world_.client();
  client.send("POST /to/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nfirst");
  {
    const auto server = behind_.next();
    read_until(server, "\r\n\r\nfirst");
    write(server, "HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nno");
  }
  const auto answer = client.receive();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "no");
  EXPECT_EQ(answer.header("Connection"), "close");
}

TEST_F(Relays, EventsComeAsTheyAreMade) {
  auto client = world_.client();
  client.send("GET /to/events HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto server = behind_.next();
  read_until(server, "\r\n\r\n");
  write(server, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
  EXPECT_EQ(client.receive(true).status, 200);
  char room[64];
  EXPECT_GT(client.receive_some(room, sizeof room), 0u) << "the first event, while the second is not made yet";
  client.close();
  EXPECT_EQ(read_to_end(server), "") << "a client that leaves is the end for the server";
  EXPECT_TRUE(eventually([&] { return held_.use_count() == 1; }));
}

TEST_F(Relays, TroubleBeforeTheAnswerIsARefusal) {
  struct Row { const char* said; const char* reason; };
  for (const auto& row : {Row{"", "closed the connection"}, Row{"SSH-2.0-x\r\n\r\n", "no HTTP/1"},
                          Row{"HTTP/1.1 200 OK\nX: y\n\n", "CR LF"},
                          Row{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "two values"},
                          Row{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "both"},
                          Row{"HTTP/1.1 101 Now\r\nUpgrade: x\r\n\r\n", "nobody asked"}}) {
    auto client = world_.client();
    client.send("GET /to/x HTTP/1.1\r\nHost: x\r\n\r\n");
    {
      const auto server = behind_.next();
      read_until(server, "\r\n\r\n");
      write(server, row.said);
    }
    const auto answer = client.receive();
    EXPECT_EQ(answer.status, 502) << row.said;
    EXPECT_NE(answer.body.find(row.reason), std::string::npos) << answer.body;
  }
}

TEST_F(Relays, AnAnswerThatBreaksOffIsNotTakenForAWholeOne) {
  for (const auto* said : {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n"}) {
    auto client = world_.client();
    client.send("GET /to/x HTTP/1.1\r\nHost: x\r\n\r\n");
    {
      const auto server = behind_.next();
      read_until(server, "\r\n\r\n");
      write(server, said);
    }
    EXPECT_FALSE(client.receive().whole) << said;
  }
}

TEST_F(Relays, AServerThatNeverAnswersIsGivenUp) {
  idle_ = std::chrono::milliseconds(200);
  auto client = world_.client();
  client.send("GET /to/x HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto server = behind_.next();
  EXPECT_EQ(client.receive().status, 504);
}

TEST_F(Relays, AHeadNeverHasABody) {
  auto client = world_.client();
  client.send("HEAD /to/x HTTP/1.1\r\nHost: x\r\n\r\n");
  {
    const auto server = behind_.next();
    EXPECT_TRUE(read_until(server, "\r\n\r\n").starts_with("HEAD /x"));
    write(server, "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
  }
  EXPECT_EQ(client.receive(true).header("Content-Length"), "1234");
  EXPECT_EQ(client.call("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").body, "plain");
}

TEST_F(Relays, AChangedProtocolIsBytesBothWays) {
  auto client = world_.client();
  client.send("GET /to/ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const auto server = behind_.next();
  const auto head = read_until(server, "\r\n\r\n");
  EXPECT_NE(head.find("Connection: Upgrade\r\nUpgrade: websocket\r\n"), std::string::npos) << head;
  write(server, "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Protocol: chat\r\n\r\nfirst");
  const auto answer = client.receive(true);
  EXPECT_EQ(answer.status, 101);
  EXPECT_EQ(answer.header("Upgrade"), "websocket");
  EXPECT_EQ(answer.header("Connection"), "Upgrade");
  EXPECT_EQ(answer.header("Sec-WebSocket-Protocol"), "chat");
  client.send(std::string_view("\x81\x00\xff", 3));
  EXPECT_EQ(read_until(server, "\xff").size(), 3u);
  client.end_sending();
  EXPECT_EQ(read_to_end(server), "") << "the end of one side goes through";
  write(server, "last words");
  ::shutdown(server.get(), SHUT_WR);
  std::string rest;
  char room[64];
  while (const auto got = client.receive_some(room, sizeof room)) rest.append(room, got);
  EXPECT_TRUE(rest.ends_with("last words")) << rest;
}

TEST_F(Relays, WithoutARequestThereAreBytesAlone) {
  auto client = world_.client();
  client.send("GET /bytes HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly");
  const auto server = behind_.next();
  EXPECT_EQ(client.receive(true).status, 101);
  EXPECT_EQ(read_until(server, "early"), "early");
}

TEST_F(Relays, AClientThatDoesNotReadHoldsBackTheServer) {
  auto client = world_.client();
  client.send("GET /bytes HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
  const auto server = behind_.next();
  EXPECT_EQ(client.receive(true).status, 101);
  const std::string piece(64 << 10, 'x');
  std::size_t sent = 0;
  for (pollfd ready{server.get(), POLLOUT, 0}; ::poll(&ready, 1, 300) > 0 && sent < (1u << 30);) {
    const auto count = ::send(server.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) sent += std::size_t(count);
  }
  EXPECT_LT(sent, 64u << 20) << "sockets hold some of it, the relay one piece";
  EXPECT_EQ(world_.client().call("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").body, "plain");
  std::size_t received = 0;
  std::vector<char> room(1 << 20);
  ::shutdown(server.get(), SHUT_WR);
  while (const auto got = client.receive_some(room.data(), room.size())) received += got;
  EXPECT_EQ(received, sent);
}

TEST_F(Relays, AnIdleTunnelEnds) {
  idle_ = std::chrono::milliseconds(200);
  auto client = world_.client();
  client.send("GET /to/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
  const auto server = behind_.next();
  read_until(server, "\r\n\r\n");
  write(server, "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n");
  EXPECT_EQ(client.receive(true).status, 101);
  EXPECT_EQ(read_to_end(server), "");
  EXPECT_TRUE(client.ended());
}

TEST_F(Relays, AStopCutsTunnels) {
  auto client = world_.client();
  client.send("GET /bytes HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
  const auto server = behind_.next();
  EXPECT_EQ(client.receive(true).status, 101);
  world_.server->stop(std::chrono::milliseconds(50));
  EXPECT_EQ(read_to_end(server), "");
}

TEST(AnswerHead, IsReadWithoutTrust) {
  EXPECT_TRUE(parse_answer_head("HTTP/1.1 200 OK\r\nA: b\r\n\r\n"));
  EXPECT_TRUE(parse_answer_head("HTTP/1.0 404\r\n\r\n"));
  for (const auto* bytes : {"", "\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 99 X\r\n\r\n", "HTTP/1.1 2000 X\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nA b\r\n\r\n", "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                            "HTTP/1.1 200 O\x01K\r\n\r\n"})
    EXPECT_FALSE(parse_answer_head(bytes)) << bytes;
}

}  // namespace
}  // namespace mayfly::http
