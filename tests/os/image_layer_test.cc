#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/forged_tar.h"
#include "os/process.h"

namespace mayfly::os::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Status apply_to(const std::string& tar, const TempFolder& root) {
  StringSource source(tar, 1000);
  return apply_image_layer(source, root.fd());
}

/// A tar of the folder by the host's own program, so that not only our own spelling is read.
std::string by_tar(const std::string& folder, const std::vector<std::string>& options) {
  std::vector<std::string> argv{"tar", "-C", folder, "-cf", "-"};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.push_back(".");
  auto made = run({.argv = argv, .env = {}, .cwd = {}, .input = {}, .watch = {}, .in_child = {}, .pass = {}});
  must(made && made->exit_code == 0, "tar");
  return made->out;
}

TEST(ImageLayer, IsReadInEveryCompressionOfOtherPrograms) {
  TempFolder image;
  std::filesystem::create_directories(image / "etc/d");
  put(image / "etc/passwd", "root", 0600);
  put(image / "caf\xc3\xa9", "accents");
  must(::symlink("etc", (image / "link").c_str()) == 0, "symlink");
  must(::link((image / "etc/passwd").c_str(), (image / "same").c_str()) == 0, "link");
  set_mtime(image / "etc", 1'000'000'000, 0);

  for (const std::vector<std::string>& options :
       std::vector<std::vector<std::string>>{{}, {"--gzip"}, {"--bzip2"}, {"--xz"}, {"--zstd"}, {"--format=pax"},
                                             {"--format=ustar"}}) {
    SCOPED_TRACE(options.empty() ? "plain" : options[0]);
    TempFolder root;
    auto applied = apply_to(by_tar(image.path(), options), root);
    ASSERT_TRUE(applied) << applied.error().message;

    EXPECT_EQ(text_of(root / "etc/passwd"), "root");
    EXPECT_EQ(look(root / "etc/passwd").st_mode & 07777, 0600u);
    EXPECT_EQ(text_of(root / "caf\xc3\xa9"), "accents");
    EXPECT_EQ(link_of(root / "link"), "etc");
    EXPECT_EQ(look(root / "same").st_ino, look(root / "etc/passwd").st_ino);
    EXPECT_EQ(look(root / "etc").st_mtim.tv_sec, 1'000'000'000);
  }
}

TEST(ImageLayer, DeletesWhatLowerLayersMade) {
  TempFolder root;
  ASSERT_TRUE(apply_to(Forged()
                        .add("./", AE_IFDIR)
                        .add("./a", AE_IFDIR)
                        .add("./a/old", AE_IFREG, "x")
                        .add("./a/kept", AE_IFREG, "x")
                        .add("./b", AE_IFDIR)
                        .add("./b/old", AE_IFDIR)
                        .add("./b/old/deep", AE_IFREG, "x")
                        .plain(),
                    root));

  // The mark of an opaque folder may come after what the same layer put in it.
  ASSERT_TRUE(apply_to(Forged()
                        .add("a", AE_IFDIR)
                        .add("a/.wh.old", AE_IFREG)
                        .add("a/.wh.never", AE_IFREG)
                        .add("b/new", AE_IFREG, "n")
                        .add("b/old", AE_IFDIR)
                        .add("b/.wh..wh..opq", AE_IFREG)
                        .add("b/.wh.new", AE_IFREG)
                        .plain(),
                    root));

  EXPECT_THAT(*list_folder(root / "a"), ElementsAre("kept"));
  EXPECT_THAT(*list_folder(root / "b"), ElementsAre("new", "old"));
  EXPECT_THAT(*list_folder(root / "b/old"), IsEmpty());
}

TEST(ImageLayer, ReplacesFilesFoldersAndLinksByOneAnother) {
  TempFolder root;
  ASSERT_TRUE(apply_to(Forged()
                        .add("file", AE_IFREG, "1")
                        .add("folder", AE_IFDIR)
                        .add("folder/in", AE_IFREG, "1")
                        .add("link", AE_IFLNK, "folder")
                        .plain(),
                    root));

  ASSERT_TRUE(apply_to(Forged()
                        .add("file", AE_IFDIR)
                        .add("file/in", AE_IFREG, "2")
                        .add("folder", AE_IFLNK, "file")
                        .add("link", AE_IFREG, "2")
                        .plain(),
                    root));

  EXPECT_EQ(text_of(root / "file/in"), "2");
  EXPECT_EQ(link_of(root / "folder"), "file");
  EXPECT_TRUE(S_ISREG(look(root / "link").st_mode));
  EXPECT_EQ(text_of(root / "link"), "2");
}

TEST(ImageLayer, MakesParentsThatNobodyNamed) {
  TempFolder root;

  ASSERT_TRUE(apply_to(Forged().add("a/b/c", AE_IFREG, "x").plain(), root));

  EXPECT_EQ(text_of(root / "a/b/c"), "x");
  EXPECT_EQ(look(root / "a/b").st_mode & 07777, 0755u);
}

TEST(ImageLayer, LeavesDevicesOut) {
  TempFolder root;

  ASSERT_TRUE(apply_to(Forged().add("dev", AE_IFDIR).add("dev/sda", AE_IFBLK).add("dev/fifo", AE_IFIFO).plain(), root));

  EXPECT_THAT(*list_folder(root / "dev"), IsEmpty());
}

TEST(ImageLayer, NeverLeavesItsRoot) {
  struct Attack {
    const char* what;
    std::function<void(Forged&)> make;
  };
  const std::vector<Attack> attacks{
      {"absolute", [](Forged& f) { f.add("/escaped", AE_IFREG, "x"); }},
      {"parent", [](Forged& f) { f.add("../escaped", AE_IFREG, "x"); }},
      {"parent inside", [](Forged& f) { f.add("a/../../escaped", AE_IFREG, "x"); }},
      {"through a link", [](Forged& f) { f.add("l", AE_IFLNK, "..").add("l/escaped", AE_IFREG, "x"); }},
      {"through an absolute link", [](Forged& f) { f.add("l", AE_IFLNK, "/").add("l/escaped", AE_IFREG, "x"); }},
      {"folder through a link", [](Forged& f) { f.add("l", AE_IFLNK, "..").add("l/escaped", AE_IFDIR); }},
      {"hard link out", [](Forged& f) { f.hardlink("h", "../secret"); }},
      {"hard link through a link", [](Forged& f) { f.add("l", AE_IFLNK, "..").hardlink("h", "l/secret"); }},
      {"whiteout of the parent", [](Forged& f) { f.add(".wh...", AE_IFREG); }},
      {"whiteout through a link", [](Forged& f) { f.add("l", AE_IFLNK, "..").add("l/.wh.secret", AE_IFREG); }},
      {"opaque through a link", [](Forged& f) { f.add("l", AE_IFLNK, "..").add("l/.wh..wh..opq", AE_IFREG); }},
      {"the root as a file", [](Forged& f) { f.add(".", AE_IFREG, "x"); }},
      {"the root as a link", [](Forged& f) { f.add(".", AE_IFLNK, "/"); }},
  };
  for (const Attack& attack : attacks) {
    SCOPED_TRACE(attack.what);
    TempFolder around;
    put(around / "secret", "untouched");
    std::filesystem::create_directory(around / "root");
    const Fd root(::open((around / "root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Forged forged;
    attack.make(forged);
    StringSource source(forged.plain());

    auto applied = apply_image_layer(source, root.get());

    EXPECT_FALSE(applied);
    EXPECT_THAT(*list_folder(around.path()), ElementsAre("root", "secret"));
    EXPECT_EQ(look(around / "secret").st_nlink, 1u);
    EXPECT_FALSE(exists("/escaped"));
  }
}

TEST(ImageLayer, WritesNothingThroughALinkThatALowerLayerMade) {
  TempFolder around;
  put(around / "secret", "untouched");
  std::filesystem::create_directory(around / "root");
  const Fd root(::open((around / "root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  StringSource first(Forged().add("f", AE_IFLNK, "../secret").plain());
  ASSERT_TRUE(apply_image_layer(first, root.get()));

  StringSource second(Forged().add("f", AE_IFREG, "mine").plain());
  ASSERT_TRUE(apply_image_layer(second, root.get()));

  EXPECT_EQ(text_of(around / "secret"), "untouched");
  EXPECT_EQ(text_of(around / "root/f"), "mine");
}

TEST(ImageLayer, KeepsCapabilitiesAndDropsWhatBelongsToAnotherHost) {
  TempFolder root;
  const std::string capability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  auto attributes = [&](archive_entry* entry) {
    archive_entry_xattr_add_entry(entry, "security.capability", capability.data(), capability.size());
    archive_entry_xattr_add_entry(entry, "trusted.overlay.opaque", "y", 1);
  };

  ASSERT_TRUE(apply_to(Forged().add("ping", AE_IFREG, "x", attributes).plain(), root));

  EXPECT_EQ(get_xattr(root / "ping", "security.capability"), capability);
  EXPECT_EQ(get_xattr(root / "ping", "trusted.overlay.opaque"), "(none)");
}

TEST(ImageLayer, RefusesWhatIsNoTar) {
  TempFolder root;

  EXPECT_EQ(apply_to(std::string(5000, 'n'), root).error().code, Code::invalid);
}

}  // namespace
}  // namespace mayfly::os::testing
