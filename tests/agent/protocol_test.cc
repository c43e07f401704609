// Callers that do not speak the protocol: the agent refuses them and goes on.

#include <random>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/given_agent.h"
#include "base/wire.h"
#include "driver/agent_client/connection.h"

namespace mayfly::test {
namespace {

using namespace agent_client;
using wire::Kind;
using wire::Operation;
using wire::Writer;

Deadline soon() { return Clock::now() + 20s; }

Connection connect(const GivenAgent& agent) { return Connection::open({agent.socket_path, "it"}, soon()).value(); }

std::string answer_to(const GivenAgent& agent, const std::string& bytes) {
  const auto reply = connect(agent).call(bytes, std::nullopt, soon());
  return reply ? "fine" : std::string(name(reply.error().code)) + ": " + reply.error().message;
}

TEST(AgentProtocol, SaysWhatItCannotUnderstand) {
  GivenAgent agent;

  EXPECT_EQ(answer_to(agent, Writer(Kind::request, Operation::status).frame()), "fine");
  EXPECT_EQ(answer_to(agent, Writer(Kind::request, Operation::status).integer(1).frame()),
            "invalid: status holds more fields than it should");
  EXPECT_EQ(answer_to(agent, Writer(Kind::request, static_cast<Operation>(999)).frame()),
            "unsupported: this agent knows no operation 999");
  EXPECT_EQ(answer_to(agent, Writer(Kind::answer).frame()), "invalid: a request was expected");
  EXPECT_EQ(answer_to(agent, "GET / HTTP/1.1\r\n\r\n"),
            "unsupported: a frame of protocol version 47, we speak version 1");
}

TEST(AgentProtocol, OneConnectionServesManyRequests) {
  GivenAgent agent;
  auto connection = connect(agent);
  const auto status = Writer(Kind::request, Operation::status).frame();
  const auto nonsense = Writer(Kind::request, Operation::stat).text("relative").frame();

  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(connection.call(status, std::nullopt, soon()));
    EXPECT_EQ(connection.call(nonsense, std::nullopt, soon()).error().code, Code::invalid);
  }
}

TEST(AgentProtocol, RefusesMoreConnectionsThanItServes) {
  GivenAgent agent;
  std::vector<Connection> held;
  const auto status = Writer(Kind::request, Operation::status).frame();
  for (int i = 0; i < 256; ++i) {
    held.push_back(connect(agent));
    ASSERT_TRUE(held.back().call(status, std::nullopt, soon()));
  }

  EXPECT_EQ(answer_to(agent, status), "exhausted: the agent serves 256 connections already");
  EXPECT_EQ(agent.client->read(agent.here, "/etc/passwd", 0, 1).error().code, Code::exhausted);
  held.clear();
  while (!agent.client->status(agent.here)) {
  }
}

TEST(AgentProtocol, RandomBytesDoItNoHarm) {
  GivenAgent agent;
  std::mt19937 random(7);
  auto some_command = Writer(Kind::request, Operation::run).count(1).text("true").count(0).text("/").text("").text("");
  const std::string requests[] = {
      some_command.integer(-1).integer(0).frame(), Writer(Kind::request, Operation::stat).text("/etc").frame(),
      Writer(Kind::request, Operation::log).integer(1).integer(0).integer(0).integer(9).integer(0).frame(),
      Writer(Kind::request, Operation::read).text("/etc/passwd").integer(0).integer(-1).frame()};
  for (int i = 0; i < 2000; ++i) {
    auto bytes = requests[static_cast<std::size_t>(i) % std::size(requests)];
    for (int changes = int(random() % 5); changes > 0; --changes) {
      // Not the operation: by chance it could become one that removes.
      const auto at = random() % bytes.size();
      if (at != 6 && at != 7) bytes[at] = char(random());
    }
    auto connection = connect(agent);
    connection.send(bytes, soon()).has_value();
  }

  EXPECT_TRUE(agent.client->status(agent.here));
}

TEST(AgentProtocol, RefusesToStartWithoutASocket) {
  const auto result = [] {
    GivenAgent agent;
    return agent.run({.argv = {MAYFLY_BIN "/mayfly-agent"}});
  }();

  EXPECT_EQ(result.process.exit_code, 2);
  EXPECT_EQ(result.err.bytes, "mayfly-agent: descriptor 3 is not a listening socket\n");
}

}  // namespace
}  // namespace mayfly::test
