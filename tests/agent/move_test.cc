// Moves from one file system to another.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/given_agent.h"

namespace mayfly::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string code(const auto& result) { return result ? "fine" : std::string(name(result.error().code)); }

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

struct stat stat_of(const std::string& path) {
  struct stat info{};
  CHECK(::lstat(path.c_str(), &info) == 0);
  return info;
}

class AgentMove : public testing::Test {
 protected:
  std::string move(const std::string& from, const std::string& to) {
    return code(agent_.client->move(agent_.here, from, to));
  }
  /// The same place, for us who are not in the agent's mount namespace.
  std::string seen(const std::string& path) const { return "/proc/" + std::to_string(agent_.pid) + "/root" + path; }

  const TemporaryFolder small_;  // a tiny file system in a mount namespace of the agent alone
  const TemporaryFolder twin_;   // the folder of the agent once more, there
  GivenAgent agent_{{}, [this] {
                      CHECK(::unshare(CLONE_NEWNS) == 0);
                      CHECK(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
                      CHECK(::mount("tiny", small_.path.c_str(), "tmpfs", 0, "size=256k") == 0);
                      const auto own = agent_.folder.path;
                      CHECK(::mount(own.c_str(), twin_.path.c_str(), nullptr, MS_BIND, nullptr) == 0);
                    }};
  const std::string home_ = agent_.folder.path + "/";
  const std::string away_ = small_.path + "/";

  void SetUp() override { ASSERT_EQ(agent_.sh("true").process.exit_code, 0); }
};

TEST_F(AgentMove, AFileGoesWithAllThatItHas) {
  const auto there = seen(away_ + "f");
  put(there, "content");
  ASSERT_EQ(::chown(there.c_str(), 12, 34), 0);
  ASSERT_EQ(::chmod(there.c_str(), 06751), 0);
  const bool marked = ::setxattr(there.c_str(), "user.mark", "kept", 4, 0) == 0;  // older kernels: not on a tmpfs
  const timespec times[] = {{1'000'000'000, 0}, {1'234'567'890, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, there.c_str(), times, 0), 0);
  put(home_ + "f", "what it replaces");

  ASSERT_EQ(move(away_ + "f", home_ + "f"), "fine");

  EXPECT_EQ(contents(home_ + "f"), "content");
  const auto info = stat_of(home_ + "f");
  EXPECT_EQ(info.st_uid, 12u);
  EXPECT_EQ(info.st_gid, 34u);
  EXPECT_EQ(info.st_mode, mode_t(S_IFREG | 06751));
  EXPECT_EQ(info.st_mtim.tv_sec, 1'234'567'890);
  EXPECT_EQ(info.st_mtim.tv_nsec, 123'456'789);
  char value[8] = {};
  EXPECT_EQ(::getxattr((home_ + "f").c_str(), "user.mark", value, sizeof value), marked ? 4 : -1);
  EXPECT_THAT(names_in(seen(small_.path)), IsEmpty());
  EXPECT_EQ(names_in(agent_.folder.path).size(), 2u);
}

TEST_F(AgentMove, HolesStayHoles) {
  put(home_ + "sparse", "start");
  fs::resize_file(home_ + "sparse", 1 << 30);

  ASSERT_EQ(move(home_ + "sparse", away_ + "sparse"), "fine");

  EXPECT_EQ(fs::file_size(seen(away_ + "sparse")), 1u << 30);
  EXPECT_EQ(agent_.sh("head -c 5 " + away_ + "sparse").out.bytes, "start");
  EXPECT_FALSE(fs::exists(home_ + "sparse"));
}

TEST_F(AgentMove, WhatCannotGoStaysWhereItIs) {
  fs::create_directories(home_ + "folder/sub");
  fs::create_symlink("nowhere", home_ + "link");
  put(home_ + "large", std::string(1 << 20, 'x'));
  put(home_ + "f", "x");
  fs::create_directory(seen(away_ + "taken"));

  EXPECT_EQ(move(home_ + "folder", away_ + "folder"), "unsupported");
  EXPECT_EQ(move(home_ + "link", away_ + "link"), "unsupported");
  EXPECT_EQ(move(home_ + "large", away_ + "large"), "no_space");
  EXPECT_EQ(move(home_ + "f", away_ + "none/f"), "not_found");
  EXPECT_EQ(move(home_ + "f", away_ + "taken"), "conflict");
  EXPECT_EQ(move("/proc/self/status", away_ + "status"), "unsupported");
  EXPECT_THAT(agent_.client->move(agent_.here, home_ + "folder", away_ + "x").error().message, HasSubstr("folder"));

  EXPECT_THAT(names_in(seen(small_.path)), ElementsAre("taken"));
  EXPECT_TRUE(fs::exists(home_ + "folder/sub"));
  EXPECT_TRUE(fs::is_symlink(home_ + "link"));
  EXPECT_EQ(contents(home_ + "f"), "x");
  EXPECT_EQ(fs::file_size(home_ + "large"), 1u << 20);
}

TEST_F(AgentMove, AFileMovedOntoItselfThroughAnotherMountStays) {
  put(home_ + "f", "precious");

  EXPECT_EQ(move(home_ + "f", twin_.path + "/f"), "fine");

  EXPECT_EQ(contents(home_ + "f"), "precious");
}

TEST_F(AgentMove, AFileGoesBetweenTwoMountsOfOneFileSystem) {
  put(home_ + "f", "content");

  EXPECT_EQ(move(home_ + "f", twin_.path + "/g"), "fine");

  EXPECT_EQ(contents(home_ + "g"), "content");
  EXPECT_FALSE(fs::exists(home_ + "f"));
}

}  // namespace
}  // namespace mayfly::test
