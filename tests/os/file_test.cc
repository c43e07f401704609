#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <functional>

#include "os/support.h"

namespace mayfly::os::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Runs the story in a child with mounts of its own, which go with it. The answer is what the story returns.
int with_own_mounts(const std::function<int()>& story) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(99);
    ::_exit(story());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

TEST(OpenInRoot, KeepsEveryPathInside) {
  TempFolder around;
  put(around / "secret", "outside");
  std::filesystem::create_directories(around / "root/etc");
  put(around / "root/etc/name", "inside");
  put(around / "root/secret", "inside too");
  must(::symlink("/etc/name", (around / "root/absolute").c_str()) == 0, "symlink");
  must(::symlink("../../../secret", (around / "root/up").c_str()) == 0, "symlink");
  must(::symlink("/proc/self/fd/0", (around / "root/magic").c_str()) == 0, "symlink");
  const Fd root(::open((around / "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto content = [&](const std::string& path) {
    auto fd = open_in_root(root.get(), path, O_RDONLY);
    if (!fd) return std::string(name(fd.error().code));
    char text[64];
    return std::string(text, static_cast<std::size_t>(::read(fd->get(), text, sizeof text)));
  };

  EXPECT_EQ(content("/etc/name"), "inside");
  EXPECT_EQ(content("absolute"), "inside");
  EXPECT_EQ(content("../../secret"), "inside too");
  EXPECT_EQ(content("up"), "inside too");
  EXPECT_EQ(content("magic"), "not_found");
  EXPECT_FALSE(open_in_root(root.get(), "absolute", O_RDONLY, 0, false));
  EXPECT_TRUE(open_in_root(root.get(), "etc/new", O_WRONLY | O_CREAT, 0600));
  EXPECT_EQ(look(around / "root/etc/new").st_mode & 07777, 0600u);
}

TEST(OpenBeneath, RefusesLinksParentsAndAbsolutePaths) {
  TempFolder around;
  std::filesystem::create_directories(around / "root/a");
  put(around / "root/a/f", "x");
  must(::symlink("a", (around / "root/l").c_str()) == 0, "symlink");
  const Fd root(::open((around / "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));

  EXPECT_TRUE(open_beneath(root.get(), "a/f", O_RDONLY));
  EXPECT_TRUE(open_beneath(root.get(), ".", O_RDONLY | O_DIRECTORY));
  for (const char* path : {"l/f", "l", "..", "a/../../root/a/f", "/etc/passwd"}) {
    EXPECT_FALSE(open_beneath(root.get(), path, O_RDONLY)) << path;
  }
}

TEST(ReadFile, RefusesMoreThanItsLimit) {
  TempFolder folder;
  put(folder / "f", "12345");

  EXPECT_EQ(*read_file(folder / "f", 5), "12345");
  EXPECT_EQ(read_file(folder / "f", 4).error().code, Code::too_large);
  EXPECT_EQ(read_file(folder / "none").error().code, Code::not_found);
  EXPECT_EQ(*read_file_at(folder.fd(), "f"), "12345");
}

TEST(WriteFile, ReplacesWithoutLeftovers) {
  TempFolder folder;

  ASSERT_TRUE(write_file(folder / "f", "one", 0600));
  ASSERT_TRUE(write_file(folder / "f", "two", 0640));

  EXPECT_EQ(text_of(folder / "f"), "two");
  EXPECT_EQ(look(folder / "f").st_mode & 07777, 0640u);
  EXPECT_THAT(*list_folder(folder.path()), ElementsAre("f"));
  std::filesystem::create_directory(folder / "d");
  EXPECT_FALSE(write_file(folder / "d", "text"));
  EXPECT_THAT(*list_folder(folder.path()), ElementsAre("d", "f"));
}

TEST(MakeFolders, MakesParentsAndAcceptsWhatIsThere) {
  TempFolder folder;

  ASSERT_TRUE(make_folders(folder / "a/b/c", 0700));
  ASSERT_TRUE(make_folders(folder / "a/b/c", 0700));

  EXPECT_EQ(look(folder / "a/b/c").st_mode & 07777, 0700u);
  put(folder / "f", "");
  EXPECT_FALSE(make_folders(folder / "f/g"));
}

TEST(RemoveTree, RemovesEverythingAndFollowsNothing) {
  TempFolder folder;
  std::filesystem::create_directories(folder / "t/a/b");
  put(folder / "kept", "x");
  put(folder / "t/a/f", "x", 0);
  must(::symlink("../kept", (folder / "t/link").c_str()) == 0, "symlink");
  must(::symlink("..", (folder / "t/up").c_str()) == 0, "symlink");
  must(::mkfifo((folder / "t/fifo").c_str(), 0) == 0, "mkfifo");
  whiteout(folder / "t/gone");
  ::chmod((folder / "t/a").c_str(), 0);
  put(folder / "t/\xff\n", "");

  ASSERT_TRUE(remove_tree(folder / "t"));
  ASSERT_TRUE(remove_tree(folder / "t"));
  ASSERT_TRUE(remove_tree(folder / "no/such/parent"));

  EXPECT_THAT(*list_folder(folder.path()), ElementsAre("kept"));
  EXPECT_EQ(remove_tree(folder / "..").error().code, Code::invalid);
  must(::symlink("kept", (folder / "s").c_str()) == 0, "symlink");
  ASSERT_TRUE(remove_tree_at(folder.fd(), "s"));
  EXPECT_TRUE(exists(folder / "kept"));
}

TEST(RemoveTree, RemovesDeeperThanDescriptorsReach) {
  TempFolder folder;
  constexpr int depth = 3000;
  Fd at(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < depth; ++i) {
    must(::mkdirat(at.get(), "d", 0755) == 0, "mkdirat");
    at = Fd(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  at.reset();

  EXPECT_GT(*disk_usage(folder.fd()), depth);
  ASSERT_TRUE(remove_tree_at(folder.fd(), "d"));

  EXPECT_THAT(*list_folder(folder.path()), IsEmpty());
}

TEST(RemoveTree, RemovesAFolderOfManyNames) {
  TempFolder folder;
  must(::mkdir((folder / "d").c_str(), 0755) == 0, "mkdir");
  put(folder / "f", "");
  for (int i = 0; i < 10'000; ++i) {
    must(::link((folder / "f").c_str(), (folder / ("d/" + std::to_string(i))).c_str()) == 0, "link");
  }

  ASSERT_TRUE(remove_tree(folder / "d"));

  EXPECT_FALSE(exists(folder / "d"));
}

TEST(RemoveTree, CrossesNoMountAndNamesIt) {
  TempFolder folder;
  std::filesystem::create_directories(folder / "t/a/mounted");
  std::filesystem::create_directories(folder / "other");
  put(folder / "other/precious", "x");

  const int answer = with_own_mounts([&] {
    if (::mount((folder / "other").c_str(), (folder / "t/a/mounted").c_str(), nullptr, MS_BIND, nullptr) != 0) return 1;
    auto removed = remove_tree(folder / "t");
    if (removed || removed.error().code != Code::busy) return 2;
    return removed.error().message.find("t/a/mounted") != std::string::npos ? 0 : 3;
  });

  EXPECT_EQ(answer, 0);
  EXPECT_TRUE(exists(folder / "other/precious"));
}

TEST(DiskUsage, CountsAllocatedBytesOnce) {
  TempFolder folder;
  std::filesystem::create_directory(folder / "d");
  const auto empty = *disk_usage(folder.fd());
  put(folder / "d/f", std::string(100'000, 'x'));
  Fd file(::open((folder / "d/f").c_str(), O_RDONLY | O_CLOEXEC));
  must(::fsync(file.get()) == 0, "fsync");
  must(::link((folder / "d/f").c_str(), (folder / "g").c_str()) == 0, "link");
  put(folder / "sparse", "");
  must(::truncate((folder / "sparse").c_str(), 1 << 30) == 0, "truncate");

  const auto used = *disk_usage(folder.fd()) - empty;

  EXPECT_GE(used, 100'000);
  EXPECT_LT(used, 200'000);
  EXPECT_GT(*free_bytes(folder.path()), 0);
}

}  // namespace
}  // namespace mayfly::os::testing
