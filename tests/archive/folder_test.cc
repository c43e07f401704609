#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "archive/folder.h"
#include "archive/tar_reader.h"
#include "os/support.h"

namespace mayfly {
namespace {

using os::testing::must;
using os::testing::put;
using os::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FolderBlobs : public ::testing::Test {
 protected:
  Status store(const std::string& key, const std::string& text) {
    auto writer = TRY(blobs.create(key));
    TRY(writer->write(text));
    return writer->commit();
  }
  std::string read(const std::string& key, std::int64_t offset = 0) {
    auto source = blobs.open_at(key, offset);
    if (!source) return std::string(name(source.error().code));
    std::string text;
    char room[3];
    for (;;) {
      auto count = (*source)->read(room);
      if (!count || *count == 0) return text;
      text.append(room, *count);
    }
  }
  std::vector<std::string> keys(const std::string& prefix = "") {
    std::vector<std::string> result;
    const auto found = blobs.list(prefix);
    for (const auto& info : found.value()) result.push_back(info.key);
    return result;
  }

  TempFolder folder;
  FolderBlobStore blobs{folder / "new/blobs"};
};

TEST_F(FolderBlobs, KeepsWhatWasCommitted) {
  ASSERT_TRUE(store("wsp_x/0a/arc_y.tar.zst", "content"));

  EXPECT_EQ(read("wsp_x/0a/arc_y.tar.zst"), "content");
  EXPECT_EQ(read("wsp_x/0a/arc_y.tar.zst", 3), "tent");
  EXPECT_EQ(read("wsp_x/0a/arc_y.tar.zst", 100), "");
  EXPECT_EQ(blobs.stat("wsp_x/0a/arc_y.tar.zst")->bytes, 7);
  EXPECT_THAT(keys(), ElementsAre("wsp_x/0a/arc_y.tar.zst"));
}

TEST_F(FolderBlobs, ShowsNothingUnderAKeyBeforeTheCommit) {
  auto writer = blobs.create("a/b");
  ASSERT_TRUE(writer && (*writer)->write(std::string_view("half")));

  EXPECT_EQ(read("a/b"), "not_found");
  EXPECT_EQ(blobs.stat("a/b").error().code, Code::not_found);
  EXPECT_THAT(keys(), ElementsAre("a/b.partial"));

  writer->reset();
  EXPECT_THAT(keys(), IsEmpty());
}

TEST_F(FolderBlobs, NeverReplacesAnObject) {
  ASSERT_TRUE(store("k", "first"));

  EXPECT_EQ(blobs.create("k").error().code, Code::conflict);
  EXPECT_THAT(keys(), ElementsAre("k"));

  // One that came into being while the other wrote.
  auto late = blobs.create("other");
  ASSERT_TRUE(late && (*late)->write(std::string_view("second")));
  put(folder / "new/blobs/other", "first");
  EXPECT_EQ((*late)->commit().error().code, Code::conflict);
  EXPECT_EQ(read("other"), "first");
  EXPECT_THAT(keys(), ElementsAre("k", "other"));
}

TEST_F(FolderBlobs, LetsOneWriterAtAKeyAtATime) {
  auto writer = blobs.create("k");
  ASSERT_TRUE(writer && (*writer)->write(std::string_view("mine")));

  EXPECT_EQ(blobs.create("k").error().code, Code::busy);

  ASSERT_TRUE((*writer)->commit());
  EXPECT_EQ(read("k"), "mine");
}

TEST_F(FolderBlobs, ReplacesTheLeftoverOfADeadWriter) {
  ASSERT_TRUE(store("d/first", "x"));
  put(folder / "new/blobs/d/k.partial", "half of something long");

  EXPECT_THAT(keys("d/k"), ElementsAre("d/k.partial"));
  ASSERT_TRUE(store("d/k", "whole"));

  EXPECT_EQ(read("d/k"), "whole");
  EXPECT_THAT(keys("d/k"), ElementsAre("d/k"));
}

TEST_F(FolderBlobs, RemovesObjectsAndLeftoversAndWhatIsAbsent) {
  ASSERT_TRUE(store("d/k", "x"));
  put(folder / "new/blobs/d/old.partial", "x");

  EXPECT_TRUE(blobs.remove("d/k"));
  EXPECT_TRUE(blobs.remove("d/k"));
  EXPECT_TRUE(blobs.remove("d/old.partial"));
  EXPECT_TRUE(blobs.remove("no/such/folder"));

  EXPECT_THAT(keys(), IsEmpty());
}

TEST_F(FolderBlobs, ListsByPrefixInOrder) {
  for (const char* key : {"w1/b", "w1/a/x", "w10/a", "w2/a"}) ASSERT_TRUE(store(key, key));

  EXPECT_THAT(keys(), ElementsAre("w1/a/x", "w1/b", "w10/a", "w2/a"));
  EXPECT_THAT(keys("w1"), ElementsAre("w1/a/x", "w1/b", "w10/a"));
  EXPECT_THAT(keys("w1/"), ElementsAre("w1/a/x", "w1/b"));
  EXPECT_THAT(keys("w1/a"), ElementsAre("w1/a/x"));
  EXPECT_THAT(keys("none"), IsEmpty());
  EXPECT_THAT(*FolderBlobStore(folder / "never-made").list(""), IsEmpty());
}

TEST_F(FolderBlobs, RefusesKeysThatAreNone) {
  for (const std::string& key : {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"),
                                 std::string(".."), std::string("a/../b"), std::string("."), std::string("a b"),
                                 std::string("a\0b", 3), std::string("\xc3\xa9"), std::string(300, 'k'),
                                 std::string("a.partial")}) {
    EXPECT_EQ(blobs.create(key).error().code, Code::invalid) << key;
  }
  EXPECT_EQ(blobs.open("../secret").error().code, Code::invalid);
  EXPECT_EQ(blobs.stat("../secret").error().code, Code::invalid);
  EXPECT_EQ(blobs.remove("../secret").error().code, Code::invalid);
}

TEST_F(FolderBlobs, RefusesToReadThroughALink) {
  ASSERT_TRUE(store("a", "x"));
  put(folder / "secret", "outside");
  must(::symlink("../../secret", (folder / "new/blobs/l").c_str()) == 0, "symlink");

  EXPECT_FALSE(blobs.open("l"));
  EXPECT_THAT(keys(), ElementsAre("a"));
}

TEST_F(FolderBlobs, FreesItsRoomWhenTheDiskIsFull) {
  const std::string small = folder / "small";
  must(::mkdir(small.c_str(), 0755) == 0, "mkdir");
  // The small disk lives and ends with the child.
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(1);
    if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=1m") != 0) ::_exit(2);
    FolderBlobStore full(small);
    auto writer = full.create("big");
    if (!writer) ::_exit(3);
    const std::string piece(256 << 10, 'x');
    Status written;
    for (int i = 0; written && i < 16; ++i) written = (*writer)->write(piece);
    if (written || written.error().code != Code::no_space) ::_exit(4);
    if (!full.list("")->empty()) ::_exit(5);
    if ((*writer)->commit()) ::_exit(6);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

TEST(TarReader, ReadsALayerBackFromTheStore) {
  TempFolder folder, layer;
  put(layer / "f", "content");
  FolderBlobStore blobs(folder.path());
  auto tar = blobs.create("a.tar.zst");
  auto manifest = blobs.create("a.manifest");
  auto packed = os::pack_layer(layer.fd(), {}, **tar, **manifest);
  ASSERT_TRUE(packed && (*tar)->commit() && (*manifest)->commit());
  TarReader reader;

  auto back = reader.read_back(**blobs.open("a.tar.zst"), (*blobs.open("a.manifest")).get());

  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, *packed);
}

}  // namespace
}  // namespace mayfly
