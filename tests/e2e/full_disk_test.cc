// A data folder on a file system of its own that runs full.

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "e2e/server.h"
#include "os/file.h"
#include "os/process.h"

namespace mayfly::test {
namespace {

void must_run(std::vector<std::string> argv) {
  os::RunOptions run;
  run.argv = std::move(argv);
  const auto done = os::run(run);
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_EQ(done->exit_code, 0) << done->err;
}

/// 300 MB of ext4 in a file, mounted; unmounted and gone at the end.
class SmallDisk {
 public:
  SmallDisk() : folder_("/tmp/mayfly-disk-XXXXXX") {
    if (!::mkdtemp(folder_.data())) std::abort();
    must_run({"truncate", "-s", "300M", folder_ + "/image"});
    must_run({"mkfs.ext4", "-q", "-F", folder_ + "/image"});
    EXPECT_TRUE(os::make_folders(at()));
    must_run({"mount", "-o", "loop", folder_ + "/image", at()});
  }
  ~SmallDisk() {
    must_run({"umount", at()});
    EXPECT_TRUE(os::remove_tree(folder_));
  }
  std::string at() const { return folder_ + "/mounted"; }

  /// Writes until nothing more fits.
  void fill() {
    const auto file = os::open(at() + "/filler", O_WRONLY | O_CREAT, 0600);
    ASSERT_TRUE(file);
    for (std::size_t piece = 1 << 20; piece >= 1; piece /= 16) {
      const std::string bytes(piece, 'x');
      while (::write(file->get(), bytes.data(), piece) > 0) {
      }
    }
  }
  void empty() { ::unlink((at() + "/filler").c_str()); }

 private:
  std::string folder_;
};

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    server.configure("[disk]\nwatermark_mb = 32\n");
    ASSERT_TRUE(server.start()) << server.log();
    id = server.api().create({{"name", "first"}}).string("id");
    ASSERT_NE(id, "") << server.log();
    disk.fill();
  }
  void TearDown() override {
    disk.empty();
    server.end();
  }

  SmallDisk disk;
  Server server{disk.at() + "/data"};
  std::string id;
};

TEST_F(FullDisk, RefusesCreatesInClearWordsAndLetsDeletesGoOn) {
  const auto refused = server.api().create();
  EXPECT_EQ(refused.status, 507) << refused;
  EXPECT_EQ(refused.string("code"), "disk_low");
  EXPECT_EQ(server.api().state("first"), "running") << "reading goes on";
  server.delete_now(id);
  EXPECT_EQ(server.api().state(id), "gone");

  disk.empty();
  const auto again = server.api().create();
  EXPECT_EQ(again.status, 201) << again << server.log();
}

TEST_F(FullDisk, DoesNotKeepAKilledServerFromComingBackToDelete) {
  server.kill_hard();
  ASSERT_TRUE(server.start()) << server.log();

  EXPECT_EQ(server.api().create().status, 507);
  server.delete_now(id);
  EXPECT_EQ(server.api().state(id), "gone");
}

}  // namespace
}  // namespace mayfly::test
