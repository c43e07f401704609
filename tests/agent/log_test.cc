// Logs: bounded, honest about what was dropped, and cheap.

#include <fstream>
#include <future>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "agent/given_agent.h"

namespace mayfly::test {
namespace {

constexpr std::int64_t mebi = 1 << 20;

TEST(AgentLog, KeepsTheNewestAndCountsWhatWasDropped) {
  GivenAgent agent;

  const auto result = agent.sh("head -c 3000000 /dev/zero | tr '\\0' a; printf END; head -c 2000000 /dev/zero >&2");

  EXPECT_EQ(result.out.total, 3'000'003);
  EXPECT_EQ(result.out.bytes.size(), std::size_t(mebi));
  EXPECT_EQ(result.out.start, 3'000'003 - mebi);
  EXPECT_EQ(result.out.dropped, result.out.start);
  EXPECT_TRUE(result.out.bytes.ends_with("aaaEND"));
  EXPECT_EQ(result.process.stdout_bytes, 3'000'003);
  EXPECT_EQ(result.err.total, 2'000'000);
  EXPECT_EQ(result.err.dropped, 2'000'000 - mebi);
}

TEST(AgentLog, BytesAreInOrderHoweverTheyWrapAround) {
  GivenAgent agent;

  const auto result = agent.sh("seq 1 400000");

  std::string expected;
  for (int i = 1; i <= 400'000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_EQ(result.out.bytes, expected.substr(expected.size() - mebi));
}

TEST(AgentLog, PiecesAreReadFromAnyOffset) {
  GivenAgent agent;
  const auto id = agent.sh("printf 0123456789").process.id;
  const auto piece = [&](std::int64_t offset, std::int64_t limit) {
    return agent.client->log(agent.here, id, LogStream::out, offset, limit, 0s).value();
  };

  EXPECT_EQ(piece(0, 100).bytes, "0123456789");
  EXPECT_TRUE(piece(0, 100).ended);
  EXPECT_EQ(piece(3, 4).bytes, "3456");
  EXPECT_EQ(piece(3, 4).start, 3);
  EXPECT_FALSE(piece(3, 4).ended);
  EXPECT_EQ(piece(10, 4).bytes, "");
  EXPECT_TRUE(piece(10, 4).ended);
  EXPECT_EQ(piece(99, 4).start, 10);
  EXPECT_EQ(piece(0, 0).total, 10);
  EXPECT_EQ(piece(0, std::int64_t(1) << 40).bytes.size(), 10u);
}

TEST(AgentLog, WhatNobodyCanReadIsRefused) {
  GivenAgent agent;
  const auto id = agent.sh("exit 0").process.id;

  EXPECT_EQ(agent.client->log(agent.here, 77, LogStream::out, 0, 1, 0s).error().code, Code::not_found);
  EXPECT_EQ(agent.client->log(agent.here, id, LogStream::out, -1, 1, 0s).error().code, Code::invalid);
  EXPECT_EQ(agent.client->log(agent.here, id, LogStream::out, 0, -1, 0s).error().code, Code::invalid);
}

TEST(AgentLog, AWaitEndsWithTheFirstNewByteOrTheEnd) {
  GivenAgent agent;
  ASSERT_EQ(::mkfifo(agent.path("fifo").c_str(), 0600), 0);
  const auto process = agent.spawn_sh("exec 3<>" + agent.path("fifo") + "; printf a; read x <&3; printf b; read x <&3");
  agent.printed(process.id, 1);
  const auto next = [&](std::int64_t offset, Duration wait) {
    return agent.client->log(agent.here, process.id, LogStream::out, offset, 10, wait).value();
  };
  EXPECT_EQ(next(1, 10ms).bytes, "");
  EXPECT_FALSE(next(0, 0s).ended);

  auto new_byte = std::async(std::launch::async, next, 1, 20s);
  std::ofstream(agent.path("fifo")) << "go\n";
  EXPECT_EQ(new_byte.get().bytes, "b");
  auto end = std::async(std::launch::async, next, 2, 20s);
  std::ofstream(agent.path("fifo")) << "end\n";
  EXPECT_TRUE(end.get().ended);
}

TEST(AgentLog, AFloodCostsTheAgentNoMemory) {
  GivenAgent agent;
  agent.sh("exit 0");
  const auto before = agent.memory("VmHWM");

  const auto result = agent.sh("yes | head -c 100000000", 60s);

  EXPECT_EQ(result.out.total, 100'000'000);
  EXPECT_LT(agent.memory("VmHWM") - before, 10'000);
}

TEST(AgentLog, EndedProcessesCostABoundedSum) {
  GivenAgent agent;
  for (int i = 0; i < 60; ++i) agent.sh("head -c 1048576 /dev/zero");

  // 32 MiB of logs are remembered, a good deal less than 60.
  EXPECT_LT(agent.memory("VmRSS"), 45'000);
  EXPECT_LE(agent.client->processes(agent.here)->size(), 32u);
  EXPECT_EQ(agent.client->log(agent.here, 60, LogStream::out, 0, mebi, 0s)->bytes.size(), std::size_t(mebi));
}

TEST(AgentLog, AnIdleProcessCostsLittle) {
  GivenAgent agent;
  agent.sh("exit 0");
  const auto before = agent.memory("VmRSS");

  for (int i = 0; i < 50; ++i) agent.spawn_sh("exec sleep 600");

  EXPECT_LT(agent.memory("VmRSS") - before, 1000);
}

}  // namespace
}  // namespace mayfly::test
