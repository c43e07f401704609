// Programs in real sandboxes, reached through their ports.

#include <future>
#include <thread>

#include "e2e/server.h"
#include "http/raw_client.h"
#include "os/file.h"

namespace mayfly::test {
namespace {

using http::RawAnswer;
using http::RawClient;

std::uint16_t port_of(const std::string& url) {
  return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
}

class Ports : public Served {
 protected:
  void SetUp() override {
    Served::SetUp();
    id_ = given_sandbox({{"name", "web"}});
  }
  /// Runs on until the sandbox ends; returns when something listens on the port.
  void serve(int port, const std::string& line) {
    ASSERT_EQ(api().post(Api::of(id_, "exec"), json::object{{"command", line}, {"wait", false}}).status, 202);
    ASSERT_EQ(api().exec(id_, "i=0; while ! netstat -ltn | grep -q ':" + std::to_string(port) +
                                  " '; do i=$((i+1)); [ $i -gt 200 ] && exit 1; sleep 0.05; done").at("exit_code"),
              json::value(0));
  }
  /// Every connection to the port is given to this script: stdin and stdout are its two ways.
  void answer_with(int port, const std::string& script) {
    const auto file = "/on-" + std::to_string(port);
    const auto put = api().call("PUT", Api::of(id_, "files/content?path=" + file + "&mode=0755"),
                                "#!/bin/sh\n" + script);
    ASSERT_TRUE(put.fine()) << put;
    serve(port, "busybox nc -ll -p " + std::to_string(port) + " -e " + file);
  }
  std::string to(int port, const std::string& path) {
    return Api::of(id_, "ports/" + std::to_string(port) + path);
  }
  RawClient raw() { return RawClient(port_of(server_.url())); }
  static std::string head(const std::string& method, const std::string& path, const std::string& more = {}) {
    return method + " " + path + " HTTP/1.1\r\nHost: mayfly.test:99\r\nAuthorization: Bearer " +
           std::string(Server::key) + "\r\n" + more + "\r\n";
  }
  std::string id_;
};

TEST_F(Ports, AProgramInASandboxAnswers) {
  serve(8000, "mkdir /www && echo hello > /www/index.html && busybox httpd -f -p 127.0.0.1:8000 -h /www");

  const auto answer = api().get(to(8000, "/index.html"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.text, "hello\n");
  EXPECT_EQ(api().get(to(8000, "/")).text, "hello\n");
  EXPECT_EQ(api().get(to(8000, "/missing")).status, 404);
  EXPECT_EQ(api().get("/v1/sandboxes/web/ports/8000/index.html").text, "hello\n") << "by name";
  EXPECT_EQ(*http::find(answer.headers, "Content-Security-Policy"), "sandbox") << "on the console's origin it is inert";
}

TEST_F(Ports, TheRequestArrivesAsItWasSentWithoutTheKey) {
  answer_with(8000, "exec cat > /request");
  auto client = raw();
  client.send(head("PROPFIND", to(8000, "//a%2Fb/c?workspace=x&q=%20"),
                   "X-API-Key: " + std::string(Server::key) + "\r\nX-Blaxel-Authorization: Bearer " + Server::key +
                       "\r\nCookie: of=mayfly\r\nX-Own: kept\r\nTE: trailers\r\nConnection: TE, X-Hop\r\nX-Hop: 1\r\n"
                       "X-Forwarded-For: 203.0.113.9\r\n"));
  std::string seen;
  EXPECT_TRUE(comes_true([&] { return (seen = api().output(id_, "cat /request")).find("\r\n\r\n") != seen.npos; }));
  EXPECT_TRUE(seen.starts_with("PROPFIND //a%2Fb/c?workspace=x&q=%20 HTTP/1.1\r\nHost: mayfly.test:99\r\n")) << seen;
  EXPECT_EQ(seen.find(Server::key), std::string::npos) << seen;
  for (const auto* gone : {"Cookie", "X-Hop", "TE:", "Authorization", "X-API-Key"})
    EXPECT_EQ(seen.find(gone), std::string::npos) << gone << " in " << seen;
  for (const auto* there : {"X-Own: kept\r\n", "X-Forwarded-For: 203.0.113.9, 127.0.0.1\r\n",
                            "X-Forwarded-Proto: http\r\n", "X-Forwarded-Host: mayfly.test:99\r\n"})
    EXPECT_NE(seen.find(there), std::string::npos) << there << " in " << seen;
  EXPECT_NE(seen.find("X-Forwarded-Prefix: " + to(8000, "") + "\r\n"), std::string::npos) << seen;
}

TEST_F(Ports, WhatCannotBeReachedIsToldApart) {
  const auto closed = api().get(to(8123, "/"));
  EXPECT_EQ(closed.status, 502);
  EXPECT_EQ(closed.string("code"), "port_closed");
  EXPECT_NE(closed.string("detail").find("8123"), std::string::npos) << closed;
  EXPECT_NE(closed.string("detail").find(id_), std::string::npos) << closed;
  for (const auto* port : {"0", "65536", "http", "-1", "080", "8000x"})
    EXPECT_EQ(api().get(Api::of(id_, "ports/" + std::string(port) + "/")).string("code"), "port_invalid") << port;
  EXPECT_EQ(api().get("/v1/sandboxes/nobody/ports/80/").string("code"), "sandbox_not_found");
  EXPECT_EQ(raw().call("GET " + to(80, "/") + " HTTP/1.1\r\nHost: x\r\n\r\n").status, 401);
  ASSERT_TRUE(api().post(Api::of(id_, "stop")).fine());
  EXPECT_TRUE(comes_true([&] { return api().state(id_) == "stopped"; }));
  EXPECT_EQ(api().get(to(8000, "/")).string("code"), "state_stopped");
}

TEST_F(Ports, AGuestThatBreaksOffIsNoWholeAnswer) {
  answer_with(8000, "printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nsome'");
  auto client = raw();
  client.send(head("GET", to(8000, "/")));
  const auto answer = client.receive();
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.whole);

  answer_with(8001, "echo nonsense");
  EXPECT_EQ(raw().call(head("GET", to(8001, "/"))).status, 502);
}

TEST_F(Ports, LargeBodiesGoBothWaysInConstantMemory) {
  constexpr std::size_t size = 100 << 20;
  const auto memory = [&] {
    const auto status = os::read_file("/proc/" + std::to_string(server_.pid()) + "/status").value_or("");
    return std::stoll(status.substr(status.find("VmHWM:") + 6));
  };
  // Whoever closes with a request unread resets the connection, and what was on its way is lost.
  answer_with(8000, "while read -r line && [ ${#line} -gt 1 ]; do :; done; "
                    "printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 104857600\\r\\n\\r\\n'; "
                    "exec head -c 104857600 /dev/zero");
  const auto before = memory();
  {
    auto client = raw();
    client.send(head("GET", to(8000, "/")));
    EXPECT_EQ(client.receive(true).header("Content-Length"), "104857600");
    std::vector<char> room(1 << 20);
    std::size_t received = 0;
    while (received < size) {
      const auto got = client.receive_some(room.data(), room.size());
      ASSERT_GT(got, 0u) << "after " << received << " bytes";
      received += got;
    }
    EXPECT_EQ(received, size);
  }

  answer_with(8001, "while read -r line && [ ${#line} -gt 1 ]; do :; done; head -c 104857600 | wc -c > /got; "
                    "printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n'");
  auto client = raw();
  std::thread sender([&] {
    client.send(head("POST", to(8001, "/"), "Content-Length: 104857600\r\n"));
    const std::string piece(1 << 20, 'x');
    for (std::size_t sent = 0; sent < size; sent += piece.size()) client.send(piece);
  });
  EXPECT_EQ(client.receive().status, 200);
  sender.join();
  EXPECT_EQ(api().output(id_, "cat /got"), "104857600\n");
  EXPECT_LT(memory() - before, 24 << 10) << "kilobytes";
}

TEST_F(Ports, AReaderThatHasStoppedDoesNotGrowTheServer) {
  const auto memory = [&] {
    const auto status = os::read_file("/proc/" + std::to_string(server_.pid()) + "/status").value_or("");
    return std::stoll(status.substr(status.find("VmRSS:") + 6));
  };
  answer_with(8000, "printf 'HTTP/1.0 200 OK\\r\\n\\r\\n'; exec cat /dev/zero");
  auto client = raw();
  client.send(head("GET", to(8000, "/")));
  EXPECT_EQ(client.receive(true).status, 200);
  const auto before = memory();
  // The guest stops writing when all between it and the reader is full: its writer sleeps in a pipe or a socket.
  EXPECT_TRUE(comes_true([&] {
    return api().output(id_, "p=$(pidof cat); a=$(grep wchar /proc/$p/io); sleep 0.3; b=$(grep wchar /proc/$p/io); "
                             "[ -n \"$a\" ] && [ \"$a\" = \"$b\" ] && echo still") == "still\n";
  }));
  EXPECT_LT(memory() - before, 16 << 10) << "kilobytes";
}

/// One WebSocket frame of text, as a client sends it.
std::string frame(std::string_view text) {
  std::string bytes = "\x81";
  bytes += static_cast<char>(0x80 | text.size());
  bytes.append("\x00\x00\x00\x00", 4);   // the mask of nothing
  return bytes.append(text);
}

TEST_F(Ports, AWebSocketIsPassedOn) {
  // It speaks the handshake and then echoes every byte.
  answer_with(8000, "while read -r line && [ ${#line} -gt 1 ]; do echo \"$line\" >> /handshake; done; "
                    "printf 'HTTP/1.1 101 Switching\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
                    "Sec-WebSocket-Protocol: chat\\r\\n\\r\\n'; exec cat");
  auto client = raw();
  client.send(head("GET", to(8000, "/socket?a=b"),
                   "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, other\r\n"));
  const auto answer = client.receive(true);
  ASSERT_EQ(answer.status, 101) << answer.body;
  EXPECT_EQ(answer.header("Upgrade"), "websocket");
  EXPECT_EQ(answer.header("Sec-WebSocket-Protocol"), "chat");

  const auto said = frame("hello");
  client.send(said);
  std::string heard;
  char room[64];
  while (heard.size() < said.size()) {
    const auto got = client.receive_some(room, sizeof room);
    ASSERT_GT(got, 0u);
    heard.append(room, got);
  }
  EXPECT_EQ(heard, said);
  const auto handshake = api().output(id_, "cat /handshake");
  EXPECT_NE(handshake.find("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), std::string::npos) << handshake;
  EXPECT_EQ(handshake.find(Server::key), std::string::npos) << handshake;
  client.end_sending();
  EXPECT_TRUE(client.ended()) << "the end went in, and its echo came back";
}

TEST_F(Ports, ATunnelCarriesAnythingAndEachEndByItself) {
  answer_with(7000, "sort > /sorted; echo sorted");
  const auto path = Api::of(id_, "tunnels/7000");
  EXPECT_EQ(raw().call(head("GET", path)).status, 426);
  auto client = raw();
  client.send(head("GET", path, "Connection: Upgrade\r\nUpgrade: tcp\r\n"));
  ASSERT_EQ(client.receive(true).status, 101);
  client.send("b\na\n");
  client.end_sending();
  char room[64];
  const auto got = client.receive_some(room, sizeof room);
  EXPECT_EQ(std::string(room, got), "sorted\n") << "said after the end of what it was told";
  EXPECT_EQ(api().output(id_, "cat /sorted"), "a\nb\n");
}

TEST_F(Ports, AnOpenConnectionIsUse) {
  ASSERT_EQ(api().put(Api::of(id_, "expiry"), json::object{{"idle_seconds", 600}}).status, 200);
  answer_with(7000, "exec cat");
  auto client = raw();
  client.send(head("GET", Api::of(id_, "tunnels/7000"), "Connection: Upgrade\r\nUpgrade: tcp\r\n"));
  ASSERT_EQ(client.receive(true).status, 101);
  for (int i = 0; i < 3; ++i) advance(500);
  EXPECT_EQ(api().state(id_), "running") << "for as long as it is open";
  client.close();
  EXPECT_TRUE(comes_true([&] {
    advance(700);
    return api().state(id_) != "running";
  }));
}

TEST_F(Ports, TooManyConnectionsOfOneSandboxLeaveTheOthersAlone) {
  server_.delete_now(id_);
  id_ = given_sandbox({{"resources", json::object{{"pids", 600}}}});
  answer_with(7000, "exec cat");
  std::vector<RawClient> open;
  const auto ask = head("GET", Api::of(id_, "tunnels/7000"), "Connection: Upgrade\r\nUpgrade: tcp\r\n");
  int opened = 0, refused = 0;
  for (int i = 0; i < 260; ++i) {
    auto client = raw();
    client.send(ask);
    const auto status = client.receive(true).status;
    if (status == 101) ++opened;
    if (status == 429) ++refused;
    open.push_back(std::move(client));
  }
  EXPECT_EQ(opened + refused, 260);
  EXPECT_EQ(opened, 256);
  EXPECT_EQ(api().exec(id_, "true").at("exit_code"), json::value(0)) << "its agent serves calls all the same";
  open.clear();
  EXPECT_TRUE(comes_true([&] {
    auto client = raw();
    client.send(ask);
    return client.receive(true).status == 101;
  })) << "closed ones make room";
}

class DataListener : public ::testing::Test {};

TEST_F(DataListener, ServesPortsAndNothingElseAndTheOtherOneServesNone) {
  Server server;
  server.configure("public_url = \"https://mayfly.test/\"\n[data]\nlisten = \"127.0.0.1:0\"\n");
  ASSERT_TRUE(server.start()) << server.log();
  ASSERT_FALSE(server.data_url().empty());
  const auto made = server.api().create();
  const auto id = made.string("id");
  server.api().call("PUT", Api::of(id, "files/content?path=/s&mode=0755"),
                    "#!/bin/sh\nprintf 'HTTP/1.0 200 OK\\r\\nSet-Cookie: a=b\\r\\n\\r\\nhi'");
  server.api().post(Api::of(id, "exec"), json::object{{"command", "busybox nc -ll -p 80 -e /s"}, {"wait", false}});
  Api data(server.data_url(), {{"Authorization", std::string("Bearer ") + Server::key}});

  Answer answer;
  EXPECT_TRUE(comes_true([&] { return (answer = data.get(Api::of(id, "ports/80/"))).text == "hi"; }));
  EXPECT_TRUE(http::find(answer.headers, "Set-Cookie")) << "an origin of its own: as the program says it";
  EXPECT_FALSE(http::find(answer.headers, "Content-Security-Policy"));
  for (const auto* path : {"/v1/sandboxes", "/healthz", "/openapi.json", "/", "/console"})
    EXPECT_EQ(data.get(path).status, 404) << path;
  const auto elsewhere = server.api().get(Api::of(id, "ports/80/"));
  EXPECT_EQ(elsewhere.status, 421) << elsewhere;
  EXPECT_NE(elsewhere.string("detail").find(server.data_url()), std::string::npos) << elsewhere;

  const auto accepted = server.api().remove(Api::of(id) + "?archive=false");
  EXPECT_EQ(*http::find(accepted.headers, "Location"),
            "https://mayfly.test/v1/cleanup-tasks/" + accepted.string("cleanup_task_id"));
  server.end();
}

TEST_F(DataListener, BadSettingsAreToldAtTheStart) {
  for (const auto* toml : {"[data]\nlisten = \"nowhere\"\n", "[data]\npublic_url = \"https://x\"\n",
                           "public_url = \"mayfly\"\n", "public_url = 1\n", "[tls]\ncert = \"/x\"\n",
                           "[tls]\ncert = \"/nonexistent\"\nkey = \"/nonexistent\"\n", "[ports]\nidle_seconds = 0\n"}) {
    Server server;
    server.configure(toml);
    EXPECT_FALSE(server.start()) << toml;
    EXPECT_NE(server.log().find("mayfly: "), std::string::npos) << server.log();
  }
}

}  // namespace
}  // namespace mayfly::test
