// Tunnels to ports: a real agent beside the test, and listeners of the test as its guests.

#include <arpa/inet.h>
#include <future>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "given_agent.h"

namespace mayfly::test {
namespace {

constexpr auto patience_ms = 20'000;

ByteChannel listen_on_loopback(int family, int& port) {
  ByteChannel listener(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  address.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else reinterpret_cast<sockaddr_in6&>(address).sin6_addr = in6addr_loopback;
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
  EXPECT_EQ(::listen(listener.get(), 16), 0);
  EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  port = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in&>(address).sin_port
                                 : reinterpret_cast<sockaddr_in6&>(address).sin6_port);
  return listener;
}

void send_all(const ByteChannel& to, std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd ready{to.get(), POLLOUT, 0};
    ASSERT_GT(::poll(&ready, 1, patience_ms), 0);
    const auto sent = ::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ASSERT_GE(sent, 0);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// What comes until the end, or until there is so much.
std::string receive(const ByteChannel& from, std::size_t size = std::string::npos) {
  std::string all;
  char room[4096];
  while (all.size() < size) {
    pollfd ready{from.get(), POLLIN, 0};
    if (::poll(&ready, 1, patience_ms) <= 0) return all + " (and no more came in time)";
    const auto got = ::recv(from.get(), room, std::min(sizeof room, size - all.size()), 0);
    if (got <= 0) break;
    all.append(room, static_cast<std::size_t>(got));
  }
  return all;
}

class Forward : public ::testing::Test {
 protected:
  Result<ByteChannel> dial(int port) {
    std::promise<Result<ByteChannel>> answered;
    agent_.client->connect(agent_.here, port, [&](Result<PortConnection> to) {
      if (to) answered.set_value(std::move(to->to));
      else answered.set_value(tl::unexpected(to.error()));
    });
    return answered.get_future().get();
  }
  /// A tunnel and its guest's end.
  std::pair<ByteChannel, ByteChannel> tunnel(int family = AF_INET) {
    int port = 0;
    const auto listener = listen_on_loopback(family, port);
    auto to = dial(port);
    EXPECT_TRUE(to) << to.error().message;
    if (!to) return {};
    return {std::move(*to), ByteChannel(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))};
  }
  GivenAgent agent_;
};

TEST_F(Forward, CarriesBytesBothWaysAndEachEndByItself) {
  const auto [caller, guest] = tunnel();

  send_all(caller, "question");
  ::shutdown(caller.get(), SHUT_WR);
  EXPECT_EQ(receive(guest), "question");
  send_all(guest, "answer, after the end of the question");
  ::shutdown(guest.get(), SHUT_WR);

  EXPECT_EQ(receive(caller), "answer, after the end of the question");
}

TEST_F(Forward, LosesNothingOfAGuestThatSpeaksFirst) {
  int port = 0;
  const auto listener = listen_on_loopback(AF_INET, port);
  std::thread guest([&] {
    const ByteChannel taken(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    send_all(taken, "220 welcome");
  });
  const auto to = dial(port);
  ASSERT_TRUE(to);
  EXPECT_EQ(receive(*to), "220 welcome");
  guest.join();
}

TEST_F(Forward, NothingThatListensIsAClosedPort) {
  int port = 0;
  listen_on_loopback(AF_INET, port);

  const auto refused = dial(port);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "port_closed");
  EXPECT_NE(refused.error().message.find(std::to_string(port)), std::string::npos) << refused.error().message;
}

TEST_F(Forward, FindsAListenerOfTheOtherFamily) {
  int port = 0;
  if (!listen_on_loopback(AF_INET6, port)) GTEST_SKIP() << "this host has no IPv6 on its loopback interface";
  const auto [caller, guest] = tunnel(AF_INET6);
  send_all(guest, "six");
  EXPECT_EQ(receive(caller, 3), "six");
}

TEST_F(Forward, ACallerThatIsGoneIsTheEndForTheGuest) {
  auto [caller, guest] = tunnel();
  send_all(caller, "x");
  EXPECT_EQ(receive(guest, 1), "x");
  caller = ByteChannel();
  EXPECT_EQ(receive(guest), "");
}

TEST_F(Forward, AReaderThatHasStoppedStopsTheWriterAndNobodyElse) {
  const auto [slow, writer] = tunnel();
  const std::string piece(64 << 10, 'x');
  std::int64_t sent = 0;
  const auto before = agent_.memory("VmRSS");
  for (;;) {
    pollfd ready{writer.get(), POLLOUT, 0};
    if (::poll(&ready, 1, 300) <= 0) break;   // full: it stays so, however long this waits
    sent += ::send(writer.get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ASSERT_LT(sent, 1 << 30) << "nobody reads, and all is taken";
  }
  EXPECT_LT(agent_.memory("VmRSS") - before, 4096) << "kilobytes, for " << sent << " bytes that nobody reads";

  const auto [caller, guest] = tunnel();
  send_all(guest, "still here");
  EXPECT_EQ(receive(caller, 10), "still here");
  EXPECT_EQ(receive(slow, static_cast<std::size_t>(sent)).size(), static_cast<std::size_t>(sent));
}

TEST_F(Forward, ManyTunnelsTakeNoThreadsAndLeaveRoomForCalls) {
  int port = 0;
  const auto listener = listen_on_loopback(AF_INET, port);
  std::vector<ByteChannel> open;
  for (int i = 0; i < 400; ++i) {
    auto to = dial(port);
    ASSERT_TRUE(to) << i << ": " << to.error().message;
    open.push_back(std::move(*to));
    open.emplace_back(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  EXPECT_LT(agent_.memory("Threads"), 20);
  EXPECT_EQ(agent_.sh("echo fine").out.bytes, "fine\n");
  for (std::size_t i = 0; i < open.size(); i += 2) send_all(open[i], "n" + std::to_string(i) + "\n");
  for (std::size_t i = 0; i < open.size(); i += 2) {
    const auto line = "n" + std::to_string(i) + "\n";
    ASSERT_EQ(receive(open[i + 1], line.size()), line);
  }
}

TEST_F(Forward, RefusesWhatIsNoPort) {
  for (const int port : {0, -1, 65'536}) {
    const auto refused = dial(port);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::invalid) << port;
  }
}

}  // namespace
}  // namespace mayfly::test
