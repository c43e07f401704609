// The agent in a real sandbox: what its guest's root tries on it, and its files on the sandbox's own file systems.
#include <csignal>

#include <gmock/gmock.h>

#include "driver/crun_world.h"
#include "os/file.h"

namespace mayfly::test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

struct Text : Source {
  explicit Text(std::string text) : left(std::move(text)) {}
  Result<std::size_t> read(std::span<char> room) override {
    const auto size = std::min(room.size(), left.size());
    left.copy(room.data(), size);
    left.erase(0, size);
    return size;
  }
  std::string left;
};

}  // namespace

class CrunAgentIsolationTest : public CrunWorld {
 protected:
  Status write(const LaunchSpec& to, const std::string& path, const std::string& bytes) {
    Text text(bytes);
    return agent_.write(to.incarnation, path, {}, text);
  }
};

TEST_F(CrunAgentIsolationTest, NoSignalFromInsideEndsIt) {
  const auto sandbox = started();

  for (const char* name : {"TERM", "INT", "HUP", "KILL", "STOP", "SEGV", "USR1"})
    EXPECT_EQ(inside(sandbox, std::string("kill -") + name + " 1").exit_code, 0) << name;

  EXPECT_TRUE(agent_.spawn(sandbox.incarnation, {.argv = {"true"}}));
  EXPECT_TRUE(agent_.status(sandbox.incarnation));
  EXPECT_TRUE(driver_->inspect(sandbox.incarnation)->running);
}

TEST_F(CrunAgentIsolationTest, ASignalFromOutsideEndsIt) {
  const auto sandbox = started();

  ASSERT_EQ(::kill(first_process(sandbox), SIGTERM), 0);

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool running = true;
  while (running && std::chrono::steady_clock::now() < deadline)
    running = driver_->inspect(sandbox.incarnation)->running;
  EXPECT_FALSE(running);
}

TEST_F(CrunAgentIsolationTest, NobodyInsideCanLookIntoIt) {
  const auto sandbox = started();

  for (const char* file : {"environ", "mem", "maps", "auxv", "exe"}) {
    const auto outcome = inside(sandbox, std::string("head -c 1 /proc/1/") + file);
    EXPECT_NE(outcome.exit_code, 0) << file;
    EXPECT_THAT(outcome.err, HasSubstr("denied")) << file;
  }
  EXPECT_NE(inside(sandbox, "readlink /proc/1/fd/3").exit_code, 0);
  EXPECT_EQ(inside(sandbox, "cat /proc/1/status /proc/1/stat /proc/self/environ > /dev/null").exit_code, 0);
}

TEST_F(CrunAgentIsolationTest, AWriteToALayerLeavesTheFileAlone) {
  const auto sandbox = started();

  for (const char* path : {"/folder/new", "/folder/new", "/etc/passwd", "/dev/shm/new"}) {
    const auto written = write(sandbox, path, "content");
    EXPECT_TRUE(written) << path << ": " << written.error().message;
  }

  EXPECT_EQ(inside(sandbox, "cat /folder/new /etc/passwd /dev/shm/new").out, "contentcontentcontent");
  EXPECT_THAT(*os::list_folder(upper(sandbox) + "/folder"), ElementsAre("new"));
  EXPECT_EQ(inside(sandbox, "stat -c %h /folder/new").out, "1\n");
  EXPECT_EQ(inside(sandbox, "ls -a / /etc /dev/shm | grep -c mayfly-draft").out, "0\n");
}

TEST_F(CrunAgentIsolationTest, FilesGoToSharedMemoryAndBack) {
  const auto sandbox = started();
  ASSERT_EQ(inside(sandbox, "echo text > /f && chown 12:34 /f && chmod 4750 /f && mkdir /folder").exit_code, 0);

  const auto there = agent_.move(sandbox.incarnation, "/f", "/dev/shm/f");
  const auto back = agent_.move(sandbox.incarnation, "/dev/shm/f", "/g");
  const auto image_file = agent_.move(sandbox.incarnation, "/etc/passwd", "/dev/shm/passwd");
  const auto folder = agent_.move(sandbox.incarnation, "/folder", "/dev/shm/folder");

  EXPECT_TRUE(there) << there.error().message;
  EXPECT_TRUE(back) << back.error().message;
  EXPECT_TRUE(image_file) << image_file.error().message;
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, Code::unsupported);
  EXPECT_EQ(inside(sandbox, "cat /g; stat -c %u:%g:%a /g; ls /f /dev/shm/f").out, "text\n12:34:4750\n");
}

}  // namespace mayfly::test
