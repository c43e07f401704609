// A new content and the file that it replaces, and what an agent that is killed leaves of it.

#include <cstddef>
#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/given_agent.h"

namespace mayfly::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

Status write(GivenAgent& agent, const std::string& path, const std::string& bytes) {
  StringSource content(bytes);
  return agent.client->write(agent.here, path, {}, content);
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

/// A kernel, for the agent, whose file systems know no file without a name.
void without_unnamed_files() {
  constexpr std::uint32_t flag = O_TMPFILE & ~O_DIRECTORY;
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flag, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{sizeof program / sizeof *program, program};
  CHECK(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

/// Content that calls `then` after a few pieces, when the draft is there, and then breaks off.
struct Interrupted : Source {
  explicit Interrupted(std::function<void()> then) : then(std::move(then)) {}
  Result<std::size_t> read(std::span<char> room) override {
    if (++pieces < 4) return room.size();
    then();
    return fail(Code::internal, "broken");
  }
  std::function<void()> then;
  int pieces = 0;
};

TEST(AgentDraft, AnAgentKilledWhileItWritesLeavesNothing) {
  GivenAgent agent;
  Interrupted content([&] { ::kill(agent.pid, SIGKILL); });

  EXPECT_FALSE(agent.client->write(agent.here, agent.path("f"), {}, content));

  EXPECT_THAT(names_in(agent.folder.path), ElementsAre("agent.sock"));
}

TEST(AgentDraft, WhatAKilledAgentLeftBetweenTwoCallsGoesWithTheNextWrite) {
  GivenAgent agent;
  put(agent.path(".mayfly-draft"), "left");

  EXPECT_TRUE(write(agent, agent.path("f"), "new"));

  EXPECT_THAT(names_in(agent.folder.path), UnorderedElementsAre("agent.sock", "f"));
  EXPECT_EQ(contents(agent.path("f")), "new");
}

TEST(AgentDraft, NamedDraftsOfAKilledAgentGoWithTheNextWrite) {
  GivenAgent agent({}, without_unnamed_files);
  for (const char* slot : {"0", "7", "255"}) put(agent.path(".mayfly-draft-") + slot, "left");

  EXPECT_TRUE(write(agent, agent.path("f"), "new"));
  EXPECT_TRUE(write(agent, agent.path("f"), "newer"));

  EXPECT_THAT(names_in(agent.folder.path), UnorderedElementsAre("agent.sock", "f"));
  EXPECT_EQ(contents(agent.path("f")), "newer");
}

TEST(AgentDraft, NoWriteTakesTheNamedDraftOfAnother) {
  GivenAgent agent({}, without_unnamed_files);
  Interrupted content([&] {
    EXPECT_THAT(names_in(agent.folder.path), UnorderedElementsAre("agent.sock", ".mayfly-draft-0"));
    EXPECT_TRUE(write(agent, agent.path("g"), "of another"));
    EXPECT_THAT(names_in(agent.folder.path), UnorderedElementsAre("agent.sock", "g", ".mayfly-draft-0"));
  });

  EXPECT_FALSE(agent.client->write(agent.here, agent.path("f"), {}, content));

  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (names_in(agent.folder.path).size() > 2 && std::chrono::steady_clock::now() < deadline) ::usleep(1000);
  EXPECT_THAT(names_in(agent.folder.path), UnorderedElementsAre("agent.sock", "g"));
}

TEST(AgentDraft, AReplacedFileKeepsItsExtendedAttributes) {
  GivenAgent agent;
  const auto file = agent.path("f");
  put(file, "old");
  const std::string large(3000, 'v');
  ASSERT_EQ(::setxattr(file.c_str(), "user.mark", "kept", 4, 0), 0);
  ASSERT_EQ(::setxattr(file.c_str(), "user.large", large.data(), large.size(), 0), 0);

  EXPECT_TRUE(write(agent, file, "new"));

  char value[4096] = {};
  EXPECT_EQ(::getxattr(file.c_str(), "user.mark", value, sizeof value), 4);
  EXPECT_EQ(std::string(value, 4), "kept");
  EXPECT_EQ(::getxattr(file.c_str(), "user.large", value, sizeof value), 3000);
}

TEST(AgentDraft, OtherHardLinksKeepTheOldContent) {
  GivenAgent agent;
  put(agent.path("f"), "old");
  fs::create_hard_link(agent.path("f"), agent.path("other"));

  EXPECT_TRUE(write(agent, agent.path("f"), "new"));

  EXPECT_EQ(contents(agent.path("f")), "new");
  EXPECT_EQ(contents(agent.path("other")), "old");
  EXPECT_EQ(fs::hard_link_count(agent.path("f")), 1u);
}

}  // namespace
}  // namespace mayfly::test
