// Ways to a server that are not a plain connection: TLS, a proxy in front, and a local port.

#include <csignal>
#include <fstream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "e2e/server.h"
#include "http/raw_client.h"
#include "os/file.h"
#include "os/process.h"

namespace mayfly::test {
namespace {

using http::RawClient;

std::uint16_t free_port() {
  const os::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    std::abort();
  return ntohs(address.sin_port);
}

/// A program that runs beside the test, and ends with it.
class Beside {
 public:
  explicit Beside(std::vector<std::string> argv, std::map<std::string, std::string> env = {}) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    said_ = os::Fd(ends[0]);
    const os::Fd out(ends[1]);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(out.get(), 1);
    for (const auto& [name, value] : env) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> words;
    for (auto& word : argv) words.push_back(word.data());
    words.push_back(nullptr);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
  ~Beside() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  /// The first line it prints.
  std::string line() {
    std::string text;
    char c = 0;
    while (::read(said_.get(), &c, 1) == 1 && c != '\n') text += c;
    return text;
  }

 private:
  os::Fd said_;
  pid_t pid_ = 0;
};

int exit_code(std::vector<std::string> argv) {
  os::RunOptions options;
  options.argv = std::move(argv);
  const auto ended = os::run(options);
  return ended ? ended->exit_code : 127;
}

/// A certificate for 127.0.0.1 that signs itself, and its key.
bool make_certificate(const std::string& certificate, const std::string& key) {
  return exit_code({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                    "-out", certificate}) == 0;
}

void replace(std::string& text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  ASSERT_NE(at, std::string::npos) << what;
  text.replace(at, what.size(), by);
}

/// Answers every connection to the port of that sandbox by this script.
void answer_with(Api& api, const std::string& id, int port, const std::string& script) {
  const auto file = "/on-" + std::to_string(port), number = std::to_string(port);
  const auto path = Api::of(id, "files/content?path=" + file + "&mode=0755");
  ASSERT_TRUE(api.call("PUT", path, "#!/bin/sh\n" + script).fine());
  ASSERT_EQ(api.post(Api::of(id, "exec"),
                     json::object{{"command", "busybox nc -ll -p " + number + " -e " + file}, {"wait", false}}).status,
            202);
  ASSERT_TRUE(comes_true([&] { return !api.output(id, "netstat -ltn | grep ':" + number + " '").empty(); }));
}

class BehindNginx : public Served {
 protected:
  void SetUp() override {
    if (exit_code({"nginx", "-v"}) != 0)
      GTEST_SKIP() << "this host has no nginx; ./do setup installs it";
    Served::SetUp();
    auto page = os::read_file(std::string(MAYFLY_SOURCE) + "/docs/proxy.md").value();
    auto block = page.substr(page.find("```nginx\n") + 9);
    block.resize(block.find("```"));
    port_ = free_port();
    replace(block, "listen 443 ssl;", "listen 127.0.0.1:" + std::to_string(port_) + ";");
    replace(block, "ssl_certificate /etc/mayfly/cert.pem;", "");
    replace(block, "ssl_certificate_key /etc/mayfly/key.pem;", "");
    replace(block, "http://127.0.0.1:7070", server_.url());
    const auto& folder = server_.folder();
    std::string config = "daemon off; worker_processes 1; user root; pid " + folder + "/nginx.pid; error_log " +
                         folder + "/nginx.log; events {} http { access_log off;";
    for (const auto* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
      config += std::string(kind) + "_temp_path " + folder + "/" + kind + "; ";
    ASSERT_TRUE(os::write_file(folder + "/nginx.conf", config + block + "}"));
    nginx_ = std::make_unique<Beside>(
        std::vector<std::string>{"nginx", "-p", folder, "-e", folder + "/nginx.log", "-c", folder + "/nginx.conf"});
    proxied_ = std::make_unique<Api>("http://127.0.0.1:" + std::to_string(port_),
                                     http::Headers{{"Authorization", std::string("Bearer ") + Server::key}});
    ASSERT_TRUE(comes_true([&] { return proxied_->get("/readyz").status == 200; }))
        << os::read_file(folder + "/nginx.log").value_or("");
  }
  void TearDown() override {
    nginx_.reset();
    if (proxied_) Served::TearDown();
  }
  std::string head(const std::string& path, const std::string& more = {}) {
    return "GET " + path + " HTTP/1.1\r\nHost: proxied.test\r\nAuthorization: Bearer " + Server::key + "\r\n" + more +
           "\r\n";
  }

  std::uint16_t port_ = 0;
  std::unique_ptr<Beside> nginx_;
  std::unique_ptr<Api> proxied_;
};

TEST_F(BehindNginx, CallsUpgradesAndStreamsGoThrough) {
  const auto id = given_sandbox();
  EXPECT_EQ(proxied_->output(id, "echo through"), "through\n");
  const std::string body(4 << 20, 'x');
  ASSERT_TRUE(proxied_->call("PUT", Api::of(id, "files/content?path=/big"), body).fine());
  EXPECT_EQ(proxied_->get(Api::of(id, "files/content?path=/big")).text, body);

  answer_with(api(), id, 7000, "exec cat");
  RawClient client(port_);
  client.send(head(Api::of(id, "tunnels/7000"), "Connection: Upgrade\r\nUpgrade: tcp\r\n"));
  ASSERT_EQ(client.receive(true).status, 101);
  client.send("echo");
  char room[16];
  EXPECT_EQ(std::string(room, client.receive_some(room, sizeof room)), "echo");

  answer_with(api(), id, 8000, "while read -r line && [ ${#line} -gt 1 ]; do echo \"$line\" >> /seen; done; "
                               "printf 'HTTP/1.0 200 OK\\r\\nContent-Type: text/event-stream\\r\\n\\r\\n'; "
                               "printf 'data: 1\\n\\n'; exec cat");
  RawClient events(port_);
  events.send(head(Api::of(id, "ports/8000//a%2Fb")));
  EXPECT_EQ(events.receive(true).status, 200);
  EXPECT_GT(events.receive_some(room, sizeof room), 0u) << "the first event, though the answer is not over";
  const auto seen = api().output(id, "cat /seen");
  EXPECT_TRUE(seen.starts_with("GET //a%2Fb HTTP/1.1")) << seen;
  EXPECT_NE(seen.find("X-Forwarded-For: 127.0.0.1, 127.0.0.1"), std::string::npos) << seen;
  EXPECT_NE(seen.find("X-Forwarded-Host: proxied.test"), std::string::npos) << seen;
}

TEST(PortForward, ALocalPortLeadsToOneInASandboxAlsoThroughTls) {
  Server server;
  const auto certificate = server.folder() + "/cert.pem", key = server.folder() + "/key.pem";
  ASSERT_TRUE(make_certificate(certificate, key));
  server.configure("[tls]\ncert = \"" + certificate + "\"\nkey = \"" + key + "\"\n");
  server.ca_file = certificate;
  ASSERT_TRUE(server.start()) << server.log();
  ASSERT_TRUE(server.url().starts_with("https://")) << server.url();
  const auto id = server.api().create().string("id");
  answer_with(server.api(), id, 7000, "sort");
  {
    Beside forward({std::string(MAYFLY_BIN) + "/mayfly", "port-forward", "--url", server.url(), "--ca-file",
                    certificate, id, "0:7000"},
                   {{"MAYFLY_API_KEY", Server::key}});
    const auto line = forward.line();
    ASSERT_TRUE(line.starts_with("127.0.0.1:")) << line;
    const auto port = static_cast<std::uint16_t>(std::stoi(line.substr(10)));
    for (int i = 0; i < 2; ++i) {
      RawClient client(port);
      client.send("b\na\n");
      client.end_sending();
      std::string heard;
      char room[64];
      while (const auto got = client.receive_some(room, sizeof room)) heard.append(room, got);
      EXPECT_EQ(heard, "a\nb\n");
    }
  }
  const auto wrong = mayfly({"ls", "--url", server.url()});
  EXPECT_EQ(wrong.exit_code, 6) << wrong.err;
  EXPECT_NE(wrong.err.find("does not prove"), std::string::npos) << wrong.err;

  // Another certificate, at SIGHUP.
  ASSERT_TRUE(make_certificate(certificate, key));
  EXPECT_EQ(server.connect().get("/healthz").status, 0) << "the one in use is still the old one";
  ::kill(server.pid(), SIGHUP);
  EXPECT_TRUE(comes_true([&] { return server.connect().get("/healthz").status == 200; })) << server.log();
  server.end();
}

}  // namespace
}  // namespace mayfly::test
