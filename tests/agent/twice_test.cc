// What the agent is asked to make, done twice, and again after what comes later.

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/given_agent.h"

namespace mayfly::test {
namespace {

TEST(AgentTwice, AndAgainAfterSuccess) {
  GivenAgent given;
  auto& agent = *given.client;
  const auto& here = given.here;
  const auto process = given.spawn_sh("sleep 100");
  const auto write = [&](const char* text) {
    StringSource content(text);
    return agent.write(here, given.path("d/file"), 0640, content);
  };
  const auto outcome = [](const Status& status) {
    return status ? std::string("fine") : std::string(name(status.error().code));
  };
  const struct {
    const char* what;
    std::function<Status()> act;
    const char* first;
    const char* again;
  } rows[] = {
      {"make a folder", [&] { return agent.mkdir(here, given.path("d/e"), true); }, "fine", "fine"},
      {"write a file", [&] { return write("one"); }, "fine", "fine"},
      {"write it anew", [&] { return write("two"); }, "fine", "fine"},
      {"set its mode", [&] { return agent.set_mode(here, given.path("d/file"), 0600); }, "fine", "fine"},
      {"make a link", [&] { return agent.link(here, given.path("d/link"), "file"); }, "fine", "fine"},
      {"move it", [&] { return agent.move(here, given.path("d/file"), given.path("d/moved")); }, "fine", "not_found"},
      {"remove the link", [&] { return agent.remove(here, given.path("d/link"), false); }, "fine", "not_found"},
      {"end a process", [&] { return agent.signal(here, process.id, SIGKILL); }, "fine", "fine"},
      {"wait for its end", [&] { return given.wait(process.id).map([](const RunResult&) {}); }, "fine", "fine"},
      {"end it late", [&] { return agent.signal(here, process.id, SIGKILL); }, "fine", "fine"},
  };

  for (const auto& row : rows) {
    const auto first = row.act(), again = row.act();
    EXPECT_EQ(outcome(first), row.first) << row.what << (first ? "" : ": " + first.error().message);
    EXPECT_EQ(outcome(again), row.again) << row.what << (again ? "" : ": " + again.error().message);
  }

  EXPECT_EQ(contents(given.path("d/moved")), "two");
  EXPECT_EQ(agent.stat(here, given.path("d/moved"))->mode, 0600u);
}

}  // namespace
}  // namespace mayfly::test
