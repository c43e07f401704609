// https, with certificates that the test makes itself.

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "given.h"
#include "http/client.h"
#include "http/client_tunnel.h"
#include "http/tls.h"

namespace mayfly::http {
namespace {

/// A folder with a certificate for 127.0.0.1 that signs itself, and its key.
class Certificates {
 public:
  Certificates() {
    CHECK(::mkdtemp(folder_.data()));
    make();
  }
  ~Certificates() {
    for (const auto& path : {certificate(), key(), folder_ + "/other"}) ::unlink(path.c_str());
    ::rmdir(folder_.c_str());
  }
  void make() {
    auto* pair = ::EVP_EC_gen("P-256");
    auto* x = ::X509_new();
    ::X509_set_version(x, 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(x), ++serial_);
    ::X509_gmtime_adj(::X509_getm_notBefore(x), -60);
    ::X509_gmtime_adj(::X509_getm_notAfter(x), 3600);
    ::X509_set_pubkey(x, pair);
    auto* name = ::X509_get_subject_name(x);
    const auto* common = reinterpret_cast<const unsigned char*>("127.0.0.1");
    ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common, -1, -1, 0);
    ::X509_set_issuer_name(x, name);
    for (const auto& [what, value] : {std::pair(NID_subject_alt_name, "IP:127.0.0.1"),
                                      std::pair(NID_basic_constraints, "critical,CA:TRUE")}) {
      auto* extension = ::X509V3_EXT_conf_nid(nullptr, nullptr, what, value);
      ::X509_add_ext(x, extension, -1);
      ::X509_EXTENSION_free(extension);
    }
    ::X509_sign(x, pair, ::EVP_sha256());
    auto* file = std::fopen(certificate().c_str(), "w");
    ::PEM_write_X509(file, x);
    std::fclose(file);
    file = std::fopen(key().c_str(), "w");
    ::PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    ::X509_free(x);
    ::EVP_PKEY_free(pair);
  }
  std::string certificate() const { return folder_ + "/cert.pem"; }
  std::string key() const { return folder_ + "/key.pem"; }
  std::string put(const std::string& text) const {
    std::ofstream(folder_ + "/other") << text;
    return folder_ + "/other";
  }

 private:
  std::string folder_ = "/tmp/mayfly-tls-XXXXXX";
  int serial_ = 0;
};

class Https : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.options.tls = TlsFiles::load(files_.certificate(), files_.key()).value();
    world_.get("/hello", says("hello"));
    world_.get("/large", says(std::string(8 << 20, 'x')));
    world_.post("/echo", echoes());
    Route bytes{"GET", "/bytes", AsyncHandler([this](std::shared_ptr<const Request>, Responder respond) {
                  int ends[2];
                  CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
                  behind_ = ByteChannel(ends[0]);
                  Response response;
                  response.relay = std::make_shared<Relay>();
                  response.relay->to = ByteChannel(ends[1]);
                  response.relay->upgrade = "tcp";
                  respond(std::move(response));
                })};
    bytes.relays = true;
    world_.router.add(std::move(bytes));
    world_.start();
  }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(world_.server->port()); }
  Client client() { return Client(url(), {}, files_.certificate()); }

  Certificates files_;
  World world_;
  ByteChannel behind_;
};

TEST_F(Https, IsHttpThatNobodyElseReads) {
  auto client = this->client();
  EXPECT_EQ(client.call({.path = "/hello"})->body, "hello");
  EXPECT_EQ(client.call({.path = "/large"})->body.size(), std::size_t(8 << 20));
  const std::string body(900'000, 'y');
  EXPECT_EQ(client.call({.method = "POST", .path = "/echo", .body = body})->body, body);
}

TEST_F(Https, AClientBelievesOnlyWhomItIsToldTo) {
  const auto stranger = Client(url()).call({.path = "/hello"});
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, Code::unavailable);
  EXPECT_NE(stranger.error().message.find("does not prove"), std::string::npos) << stranger.error().message;
}

TEST_F(Https, OldVersionsAndPlainWordsAreRefused) {
  auto plain = world_.client();
  plain.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(plain.ended());

  auto* context = ::SSL_CTX_new(::TLS_client_method());
  ::SSL_CTX_set_security_level(context, 0);
  ::SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  ::SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  auto old = world_.client();
  auto* ssl = ::SSL_new(context);
  ::SSL_set_fd(ssl, old.socket());
  EXPECT_NE(::SSL_connect(ssl), 1);
  ::SSL_free(ssl);
  ::SSL_CTX_free(context);
  EXPECT_EQ(client().call({.path = "/hello"})->body, "hello") << "and the others do not notice";
}

TEST_F(Https, ASlowHandshakeIsGivenUp) {
  World world;
  world.options.tls = world_.options.tls;
  world.options.header_timeout = std::chrono::milliseconds(100);
  world.start();
  auto silent = world.client();
  EXPECT_TRUE(silent.ended());
}

TEST_F(Https, NewFilesServeNewConnections) {
  auto before = client();
  EXPECT_EQ(before.call({.path = "/hello"})->body, "hello");
  auto& files = *world_.options.tls;
  EXPECT_FALSE(files.reload(false).value()) << "nothing has changed";
  files_.make();
  EXPECT_FALSE(client().call({.path = "/hello"})) << "the new certificate is not the one in use";
  EXPECT_TRUE(files.reload(false).value());
  EXPECT_EQ(client().call({.path = "/hello"})->body, "hello");
  EXPECT_EQ(before.call({.path = "/hello"})->body, "hello") << "an open connection goes on";
}

TEST_F(Https, BadFilesAreToldOfAndTheOldOnesStay) {
  auto& files = *world_.options.tls;
  std::ofstream(files_.key()) << "no key";
  const auto refused = files.reload(false);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(files_.key()), std::string::npos) << refused.error().message;
  EXPECT_EQ(client().call({.path = "/hello"})->body, "hello");
  EXPECT_FALSE(files.reload(false).value()) << "told of once";
}

TEST_F(Https, FilesThatDoNotFitAreRefused) {
  Certificates others;
  const auto nothing = files_.put("");
  for (const auto& [certificate, key] : {std::pair(files_.certificate(), others.key()),
                                         std::pair(nothing, files_.key()), std::pair(files_.certificate(), nothing),
                                         std::pair(std::string("/nonexistent"), files_.key())}) {
    const auto loaded = TlsFiles::load(certificate, key);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Code::invalid);
  }
}

TEST_F(Https, ATunnelGoesThroughTls) {
  auto opened = ClientTunnel::open(url(), "/bytes", {}, "tcp", files_.certificate());
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_TRUE(opened->tunnel) << opened->refusal.status;
  auto& tunnel = *opened->tunnel;
  ASSERT_EQ(tunnel.send("question").value(), 8u);
  char room[64];
  ASSERT_EQ(::recv(behind_.get(), room, 8, MSG_WAITALL), 8);
  tunnel.end_sending();
  EXPECT_EQ(::recv(behind_.get(), room, sizeof room, 0), 0) << "the end of one way";
  ASSERT_EQ(::send(behind_.get(), "answer", 6, MSG_NOSIGNAL), 6);
  ::shutdown(behind_.get(), SHUT_WR);
  std::string heard;
  EXPECT_TRUE(eventually([&] {
    const auto got = tunnel.receive(room);
    if (got && *got) heard.append(room, **got);
    return !got || (*got && **got == 0);
  }));
  EXPECT_EQ(heard, "answer");
}

}  // namespace
}  // namespace mayfly::http
