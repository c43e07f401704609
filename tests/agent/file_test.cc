// Files: what is refused, what links do, and that a write is one step.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/given_agent.h"

namespace mayfly::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using Type = FileInfo::Type;

Status write(GivenAgent& agent, const std::string& path, const std::string& bytes,
             std::optional<std::uint32_t> mode = {}) {
  StringSource content(bytes);
  return agent.client->write(agent.here, path, mode, content);
}

Result<std::string> read(GivenAgent& agent, const std::string& path, std::int64_t offset = 0,
                         std::int64_t length = -1) {
  auto source = agent.client->read(agent.here, path, offset, length);
  return source ? drain(**source) : tl::unexpected(source.error());
}

std::string code(const auto& result) { return result ? "fine" : std::string(name(result.error().code)); }

std::vector<std::string> names(const Result<FileList>& list) {
  std::vector<std::string> all;
  if (list)
    for (const auto& entry : list->entries) all.push_back(entry.name);
  return all;
}

mode_t mode_of(const std::string& path) {
  struct stat info{};
  ::lstat(path.c_str(), &info);
  return info.st_mode & 07777;
}

/// An agent whose root is a folder of the test: what it may destroy is ours.
std::function<void()> in_root(const std::string& root) {
  return [root] { CHECK(::chroot(root.c_str()) == 0 && ::chdir("/") == 0); };
}

TEST(AgentFile, EveryCallRefusesPathsThatAreNoPaths) {
  const TemporaryFolder root;
  GivenAgent agent({}, in_root(root.path));
  auto& client = *agent.client;
  const std::string bad[] = {
      "", "relative", "/a/../b", "/..", "/a/..", std::string("/a\0b", 4), "/" + std::string(5000, 'x')};
  for (const auto& path : bad) {
    EXPECT_EQ(code(client.stat(agent.here, path)), "invalid") << path;
    EXPECT_EQ(code(client.list(agent.here, path)), "invalid") << path;
    EXPECT_EQ(code(client.tree(agent.here, path)), "invalid") << path;
    EXPECT_EQ(code(read(agent, path)), "invalid") << path;
    EXPECT_EQ(code(write(agent, path, "x")), "invalid") << path;
    EXPECT_EQ(code(client.mkdir(agent.here, path, true)), "invalid") << path;
    EXPECT_EQ(code(client.move(agent.here, path, "/x")), "invalid") << path;
    EXPECT_EQ(code(client.move(agent.here, "/x", path)), "invalid") << path;
    EXPECT_EQ(code(client.remove(agent.here, path, true)), "invalid") << path;
  }
  EXPECT_THAT(agent.client->stat(agent.here, "/a/../b").error().message, HasSubstr("\"..\""));
}

TEST(AgentFile, TheRootAndTheAgentsOwnFolderCannotBeChanged) {
  const TemporaryFolder root;
  fs::create_directories(root.path + "/.mayfly");
  put(root.path + "/.mayfly/agent", "the agent");
  put(root.path + "/f", "x");
  fs::create_symlink("/.mayfly", root.path + "/link");
  fs::create_symlink("/.mayfly/agent", root.path + "/to-agent");
  GivenAgent agent({}, in_root(root.path));
  auto& client = *agent.client;

  EXPECT_EQ(code(client.remove(agent.here, "/", true)), "invalid");
  EXPECT_EQ(code(client.remove(agent.here, "//.//", true)), "invalid");
  EXPECT_EQ(code(client.move(agent.here, "/", "/x")), "invalid");
  EXPECT_EQ(code(client.move(agent.here, "/f", "/")), "invalid");
  EXPECT_EQ(code(write(agent, "/", "x")), "invalid");
  for (const std::string path : {"/.mayfly", "/.mayfly/agent", "//.mayfly/./agent", "/link/agent", "/link/new"}) {
    EXPECT_EQ(code(client.remove(agent.here, path, true)), "denied") << path;
    EXPECT_EQ(code(client.move(agent.here, path, "/x")), "denied") << path;
    EXPECT_EQ(code(client.move(agent.here, "/f", path)), "denied") << path;
    EXPECT_EQ(code(client.mkdir(agent.here, path, true)), "denied") << path;
    EXPECT_EQ(code(write(agent, path, "x")), "denied") << path;
  }
  EXPECT_EQ(code(write(agent, "/to-agent", "x")), "denied");
  EXPECT_EQ(read(agent, "/.mayfly/agent").value_or("?"), "the agent");
  EXPECT_EQ(code(client.mkdir(agent.here, "/", true)), "fine");
  EXPECT_THAT(names(client.list(agent.here, "/")), ElementsAre(".mayfly", "f", "link", "to-agent"));
}

TEST(AgentFile, StatIsOfTheLinkItself) {
  GivenAgent agent;
  put(agent.path("file"), "12345");
  fs::permissions(agent.path("file"), fs::perms(04751));
  fs::create_symlink("file", agent.path("link"));
  const auto stat = [&](const std::string& name) { return agent.client->stat(agent.here, agent.path(name)); };

  const auto file = stat("file").value();
  EXPECT_EQ(file.name, "file");
  EXPECT_EQ(file.type, Type::file);
  EXPECT_EQ(file.size, 5);
  EXPECT_EQ(file.mode, 04751u);
  EXPECT_EQ(file.uid, ::geteuid());
  EXPECT_GT(file.mtime_us, 1'500'000'000'000'000);
  EXPECT_EQ(stat("link")->type, Type::link);
  EXPECT_EQ(stat("link")->target, "file");
  EXPECT_EQ(stat("link/")->type, Type::link);
  EXPECT_EQ(code(stat("none")), "not_found");
  EXPECT_EQ(code(stat("file/below")), "not_found");
  EXPECT_EQ(agent.client->stat(agent.here, "/")->name, "/");
  EXPECT_EQ(agent.client->stat(agent.here, "/dev/null")->type, Type::device);
}

TEST(AgentFile, AListIsSortedAndTellsOfEveryKind) {
  GivenAgent agent;
  const auto folder = agent.path("d");
  fs::create_directories(folder + "/sub");
  put(folder + "/b\n\xff", "x");
  put(folder + "/a", "x");
  fs::create_symlink("nowhere", folder + "/link");
  ::mkfifo((folder + "/fifo").c_str(), 0600);

  const auto list = agent.client->list(agent.here, folder);

  EXPECT_THAT(names(list), ElementsAre("a", "b\n\xff", "fifo", "link", "sub"));
  EXPECT_EQ(list->entries[2].type, Type::fifo);
  EXPECT_EQ(list->entries[3].target, "nowhere");
  EXPECT_EQ(list->entries[4].type, Type::folder);
  EXPECT_FALSE(list->cut);
  EXPECT_EQ(code(agent.client->list(agent.here, folder + "/a")), "invalid");
  EXPECT_EQ(code(agent.client->list(agent.here, folder + "/none")), "not_found");
}

TEST(AgentFile, ALongListIsCutAfterItsFirstNames) {
  GivenAgent agent;
  const auto folder = agent.path("d");
  fs::create_directory(folder);
  for (int i = 0; i < 10'050; ++i) std::ofstream(folder + "/" + std::to_string(100'000 + i));

  const auto list = agent.client->list(agent.here, folder);
  const auto tree = agent.client->tree(agent.here, agent.folder.path);

  ASSERT_EQ(list->entries.size(), Agent::list_limit);
  EXPECT_TRUE(list->cut);
  EXPECT_EQ(list->entries.front().name, "100000");
  EXPECT_EQ(list->entries.back().name, "109999");
  EXPECT_EQ(tree->entries.size(), Agent::list_limit);
  EXPECT_TRUE(tree->cut);
}

TEST(AgentFile, ATreeFollowsNoLinkAndNamesPathsBelowItsRoot) {
  GivenAgent agent;
  fs::create_directories(agent.path("t/a/b"));
  put(agent.path("t/a/b/f"), "x");
  put(agent.path("t/z"), "x");
  fs::create_symlink("..", agent.path("t/a/loop"));

  const auto tree = agent.client->tree(agent.here, agent.path("t"));

  EXPECT_THAT(names(tree), ElementsAre("a", "a/b", "a/b/f", "a/loop", "z"));
  EXPECT_FALSE(tree->cut);
}

TEST(AgentFile, ABottomlessTreeIsCut) {
  GivenAgent agent;
  auto line = "mkdir -p " + agent.path("deep") + " && cd " + agent.path("deep") +
              " && for i in $(seq 100); do mkdir d && cd d; done";
  ASSERT_EQ(agent.sh(line).process.exit_code, 0);

  const auto tree = agent.client->tree(agent.here, agent.path("deep"));

  EXPECT_TRUE(tree->cut);
  EXPECT_EQ(tree->entries.size(), 64u);
  EXPECT_EQ(code(agent.client->remove(agent.here, agent.path("deep"), true)), "fine");
}

TEST(AgentFile, NoTreeOfEverythingGetsLostInProc) {
  GivenAgent agent;

  const auto tree = agent.client->tree(agent.here, "/proc/self");

  EXPECT_TRUE(tree) << tree.error().message;
}

TEST(AgentFile, OnlyRegularFilesAreRead) {
  GivenAgent agent;
  put(agent.path("file"), "0123456789");
  fs::create_symlink("file", agent.path("link"));
  ::mkfifo(agent.path("fifo").c_str(), 0600);

  EXPECT_EQ(*read(agent, agent.path("file")), "0123456789");
  EXPECT_EQ(*read(agent, agent.path("link")), "0123456789");
  EXPECT_EQ(*read(agent, agent.path("file"), 3, 4), "3456");
  EXPECT_EQ(*read(agent, agent.path("file"), 8, 100), "89");
  EXPECT_EQ(*read(agent, agent.path("file"), 99), "");
  EXPECT_EQ(*read(agent, agent.path("file"), 0, 0), "");
  EXPECT_THAT(*read(agent, "/proc/self/status"), HasSubstr("mayfly-agent"));
  EXPECT_EQ(code(read(agent, agent.path("file"), -1)), "invalid");
  EXPECT_EQ(code(read(agent, agent.path("fifo"))), "invalid");
  EXPECT_EQ(code(read(agent, agent.folder.path)), "invalid");
  EXPECT_EQ(code(read(agent, "/dev/zero")), "invalid");
  EXPECT_EQ(code(read(agent, agent.socket_path)), "invalid");
  EXPECT_EQ(code(read(agent, agent.path("none"))), "not_found");
}

TEST(AgentFile, AWriteMakesItsParentsAndTheDefaultMode) {
  GivenAgent agent;

  EXPECT_EQ(code(write(agent, agent.path("a/b/new"), "hello")), "fine");
  EXPECT_EQ(code(write(agent, agent.path("a/b/secret"), "", 0600)), "fine");

  EXPECT_EQ(contents(agent.path("a/b/new")), "hello");
  EXPECT_EQ(mode_of(agent.path("a/b/new")), 0644u);
  EXPECT_EQ(mode_of(agent.path("a/b/secret")), 0600u);
  EXPECT_EQ(mode_of(agent.path("a/b")), 0755u);
}

TEST(AgentFile, AWriteKeepsModeAndOwnerOfWhatItReplaces) {
  GivenAgent agent;
  put(agent.path("f"), "a longer text than the next");
  ASSERT_EQ(::chown(agent.path("f").c_str(), 12, 34), 0);
  fs::permissions(agent.path("f"), fs::perms(04710));

  EXPECT_EQ(code(write(agent, agent.path("f"), "short")), "fine");
  EXPECT_EQ(contents(agent.path("f")), "short");
  EXPECT_EQ(mode_of(agent.path("f")), 04710u);
  EXPECT_EQ(agent.client->stat(agent.here, agent.path("f"))->uid, 12u);
  EXPECT_EQ(code(write(agent, agent.path("f"), "x", 0640)), "fine");
  EXPECT_EQ(mode_of(agent.path("f")), 0640u);
  EXPECT_EQ(agent.client->stat(agent.here, agent.path("f"))->gid, 34u);
  EXPECT_EQ(code(write(agent, agent.path("f"), "x", 010000)), "invalid");
}

TEST(AgentFile, AWriteGoesThroughLinksAndReplacesOnlyFiles) {
  GivenAgent agent;
  fs::create_directory(agent.path("d"));
  put(agent.path("d/file"), "old");
  fs::create_symlink("d/file", agent.path("link"));
  fs::create_symlink("d/new", agent.path("dangling"));
  fs::create_symlink("loop", agent.path("loop"));
  fs::create_symlink("d/..", agent.path("up"));
  ::mkfifo(agent.path("fifo").c_str(), 0600);

  EXPECT_EQ(code(write(agent, agent.path("link"), "new")), "fine");
  EXPECT_EQ(contents(agent.path("d/file")), "new");
  EXPECT_TRUE(fs::is_symlink(agent.path("link")));
  EXPECT_EQ(code(write(agent, agent.path("dangling"), "made")), "fine");
  EXPECT_EQ(contents(agent.path("d/new")), "made");
  EXPECT_EQ(code(write(agent, agent.path("loop"), "x")), "invalid");
  EXPECT_EQ(code(write(agent, agent.path("d"), "x")), "conflict");
  EXPECT_EQ(code(write(agent, agent.path("up"), "x")), "conflict");
  EXPECT_EQ(code(write(agent, agent.path("fifo"), "x")), "invalid");
  EXPECT_EQ(code(write(agent, agent.socket_path, "x")), "invalid");
  EXPECT_EQ(code(write(agent, agent.path("d/file/below"), "x")), "conflict");
}

TEST(AgentFile, AFailedWriteLeavesNothing) {
  GivenAgent agent;
  struct HalfContent : Source {
    int pieces = 3;
    Result<std::size_t> read(std::span<char> room) override {
      if (pieces-- == 0) return fail(Code::internal, "broken");
      return room.size();
    }
  } content;

  EXPECT_FALSE(agent.client->write(agent.here, agent.path("made/deeply/f"), {}, content));
  EXPECT_EQ(code(write(agent, agent.path(std::string(255, 'n')), "the longest name")), "fine");
  EXPECT_EQ(code(write(agent, agent.path(std::string(256, 'n')), "too long a name")), "invalid");

  while (fs::exists(agent.path("made"))) {
  }
  EXPECT_THAT(names(agent.client->list(agent.here, agent.folder.path)),
              ElementsAre("agent.sock", std::string(255, 'n')));
}

TEST(AgentFile, AFullDiskIsSaidAndLeavesTheOldContent) {
  // A tiny file system in a mount namespace of the agent alone.
  const TemporaryFolder folder;
  GivenAgent agent({}, [&] {
    CHECK(::unshare(CLONE_NEWNS) == 0);
    CHECK(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    CHECK(::mount("tiny", folder.path.c_str(), "tmpfs", 0, "size=64k") == 0);
  });
  EXPECT_EQ(code(write(agent, folder.path + "/f", "old")), "fine");

  EXPECT_EQ(code(write(agent, folder.path + "/f", std::string(1 << 20, 'x'))), "no_space");
  EXPECT_EQ(*read(agent, folder.path + "/f"), "old");
  EXPECT_THAT(names(agent.client->list(agent.here, folder.path)), ElementsAre("f"));
}

TEST(AgentFile, ReadersSeeTheOldContentOrTheNew) {
  GivenAgent agent;
  const std::string a(300'000, 'a'), b(200'000, 'b');
  write(agent, agent.path("f"), a).has_value();
  std::atomic<bool> done = false;
  std::atomic<int> mixtures = 0, reads = 0;
  std::thread reader([&] {
    while (!done) {
      const auto seen = contents(agent.path("f"));
      mixtures += seen != a && seen != b;
      ++reads;
    }
  });

  while (reads < 50) {
    write(agent, agent.path("f"), b).has_value();
    write(agent, agent.path("f"), a).has_value();
  }
  done = true;
  reader.join();

  EXPECT_EQ(mixtures, 0);
}

TEST(AgentFile, FoldersAreMadeWithOrWithoutParents) {
  GivenAgent agent;
  put(agent.path("file"), "");
  const auto mkdir = [&](const std::string& name, bool parents) {
    return code(agent.client->mkdir(agent.here, agent.path(name), parents));
  };

  EXPECT_EQ(mkdir("a", false), "fine");
  EXPECT_EQ(mkdir("a", false), "conflict");
  EXPECT_EQ(mkdir("a", true), "fine");
  EXPECT_EQ(mkdir("x/y", false), "not_found");
  EXPECT_EQ(mkdir("x/y//z/", true), "fine");
  EXPECT_EQ(mkdir("file", true), "conflict");
  EXPECT_EQ(mkdir("file/below", true), "conflict");
  EXPECT_TRUE(fs::is_directory(agent.path("x/y/z")));
}

TEST(AgentFile, AMoveReplacesFilesAndMovesLinksThemselves) {
  GivenAgent agent;
  put(agent.path("a"), "a");
  put(agent.path("b"), "b");
  fs::create_directories(agent.path("d/sub"));
  fs::create_symlink("nowhere", agent.path("link"));
  const auto move = [&](const std::string& from, const std::string& to) {
    return code(agent.client->move(agent.here, agent.path(from), agent.path(to)));
  };

  EXPECT_EQ(move("a", "b"), "fine");
  EXPECT_EQ(contents(agent.path("b")), "a");
  EXPECT_EQ(move("link", "moved"), "fine");
  EXPECT_TRUE(fs::is_symlink(agent.path("moved")));
  EXPECT_EQ(move("d", "d/sub/d"), "invalid");
  EXPECT_EQ(move("b", "d"), "conflict");
  EXPECT_EQ(move("none", "x"), "not_found");
  EXPECT_EQ(code(agent.client->move(agent.here, agent.path("b"), "/proc/b")), "unsupported");
}

TEST(AgentFile, RemoveTakesTheLinkAndNotItsTarget) {
  GivenAgent agent;
  fs::create_directories(agent.path("outside/sub"));
  fs::create_directories(agent.path("t/empty"));
  put(agent.path("outside/sub/f"), "x");
  put(agent.path("t/f"), "x");
  fs::create_symlink(agent.path("outside"), agent.path("t/link"));
  fs::create_symlink("t", agent.path("top"));
  const auto remove = [&](const std::string& name, bool recursive) {
    return code(agent.client->remove(agent.here, agent.path(name), recursive));
  };

  EXPECT_EQ(remove("top", true), "fine");
  EXPECT_EQ(remove("t", false), "conflict");
  EXPECT_EQ(remove("t/empty", false), "fine");
  EXPECT_EQ(remove("t", true), "fine");
  EXPECT_EQ(remove("t", true), "not_found");
  EXPECT_FALSE(fs::exists(agent.path("t")));
  EXPECT_EQ(contents(agent.path("outside/sub/f")), "x");
}

TEST(AgentFile, RemoveCrossesNoMount) {
  const TemporaryFolder folder;
  fs::create_directories(folder.path + "/t/mounted");
  fs::create_directories(folder.path + "/volume");
  put(folder.path + "/volume/precious", "x");
  // A bind of the same file system: no device number tells it from its surroundings.
  GivenAgent agent({}, [&] {
    CHECK(::unshare(CLONE_NEWNS) == 0);
    CHECK(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    CHECK(::mount((folder.path + "/volume").c_str(), (folder.path + "/t/mounted").c_str(), nullptr, MS_BIND, nullptr) ==
          0);
  });

  const auto removed = agent.client->remove(agent.here, folder.path + "/t", true);

  EXPECT_EQ(code(removed), "busy");
  EXPECT_THAT(removed.error().message, HasSubstr("/t/mounted"));
  EXPECT_EQ(code(agent.client->remove(agent.here, folder.path + "/t/mounted", true)), "busy");
  EXPECT_EQ(contents(folder.path + "/volume/precious"), "x");
}

TEST(AgentFile, AHugeFileGoesBothWaysInConstantMemory) {
  GivenAgent agent;
  constexpr std::int64_t size = 300 << 20;
  struct Zeros : Source {
    std::int64_t left = size;
    Result<std::size_t> read(std::span<char> room) override {
      const auto got = std::min<std::int64_t>(left, std::int64_t(room.size()));
      left -= got;
      return static_cast<std::size_t>(got);
    }
  } zeros;
  agent.sh("exit 0");
  std::ofstream("/proc/self/clear_refs") << "5";
  const auto agent_before = agent.memory("VmHWM"), own_before = memory_of(::getpid(), "VmHWM");

  EXPECT_EQ(code(agent.client->write(agent.here, agent.path("f"), {}, zeros)), "fine");
  auto source = agent.client->read(agent.here, agent.path("f"), 0, -1).value();
  std::string room(100'000, '\0');
  std::int64_t total = 0;
  while (const auto got = source->read(room).value()) total += std::int64_t(got);

  EXPECT_EQ(total, size);
  EXPECT_LT(agent.memory("VmHWM") - agent_before, 4000);
  EXPECT_LT(memory_of(::getpid(), "VmHWM") - own_before, 4000);
}

}  // namespace
}  // namespace mayfly::test
