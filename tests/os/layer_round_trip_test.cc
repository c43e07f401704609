#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "os/hash.h"
#include "os/support.h"

namespace mayfly::os::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Packs, reads back and unpacks; what came out packs to the very same manifest.
class LayerRoundTrip : public ::testing::Test {
 protected:
  void travel() {
    auto result = pack(from);
    ASSERT_TRUE(result) << result.error().message;
    packed = *result;
    auto back = read_back(packed.tar, packed.manifest);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->digest, packed.summary.digest);
    EXPECT_EQ(back->entries, packed.summary.entries);
    EXPECT_EQ(back->content_bytes, packed.summary.content_bytes);
    EXPECT_EQ(sha256_hex(packed.manifest), packed.summary.digest);

    auto unpacked = unpack(packed.tar, to);
    ASSERT_TRUE(unpacked) << unpacked.error().message;
    EXPECT_EQ(unpacked->digest, packed.summary.digest);
    auto again = pack(to);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->manifest, packed.manifest);
    EXPECT_EQ(again->summary.digest, packed.summary.digest);
  }

  TempFolder from, to;
  Packed packed;
};

TEST_F(LayerRoundTrip, KeepsAnEmptyLayerWithItsOwnModeOwnerAndTime) {
  ::chmod(from.path().c_str(), 02751);
  must(::chown(from.path().c_str(), 123, 456) == 0, "chown");
  ::chmod(from.path().c_str(), 02751);
  set_mtime(from.path(), 1'000'000'000, 123456789);

  travel();

  const auto info = look(to.path());
  EXPECT_EQ(info.st_mode & 07777, 02751u);
  EXPECT_EQ(info.st_uid, 123u);
  EXPECT_EQ(info.st_gid, 456u);
  EXPECT_EQ(info.st_mtim.tv_sec, 1'000'000'000);
  EXPECT_EQ(info.st_mtim.tv_nsec, 123456789);
  EXPECT_EQ(packed.manifest,
            "{\"path\":\".\",\"type\":\"folder\",\"mode\":1513,\"uid\":123,\"gid\":456,"
            "\"mtime_ns\":1000000000123456789}\n");
}

TEST_F(LayerRoundTrip, KeepsModesOwnersAndTimesOfFiles) {
  put(from / "setuid", "x");
  must(::chown((from / "setuid").c_str(), 1000, 2000) == 0, "chown");
  ::chmod((from / "setuid").c_str(), 06755);
  put(from / "closed", "", 0);
  put(from / "old", "before the epoch");
  set_mtime(from / "old", -2, 500'000'001);
  put(from / "late", "after 2262");
  set_mtime(from / "late", 10'000'000'000, 1);

  travel();

  const auto info = look(to / "setuid");
  EXPECT_EQ(info.st_mode & 07777, 06755u);
  EXPECT_EQ(info.st_uid, 1000u);
  EXPECT_EQ(info.st_gid, 2000u);
  EXPECT_EQ(look(to / "closed").st_mode & 07777, 0u);
  EXPECT_EQ(look(to / "old").st_mtim.tv_sec, -2);
  EXPECT_EQ(look(to / "old").st_mtim.tv_nsec, 500'000'001);
  EXPECT_THAT(packed.manifest, HasSubstr("\"mtime_ns\":-1499999999,"));
  EXPECT_EQ(look(to / "late").st_mtim.tv_sec, 10'000'000'000);
}

TEST_F(LayerRoundTrip, SetsTheTimesOfFoldersLast) {
  std::filesystem::create_directories(from / "a/b/c");
  put(from / "a/b/c/file", "x");
  put(from / "a/z", "y");
  for (const char* folder : {"a/b/c", "a/b", "a"}) set_mtime(from / folder, 1'111'111'111, 222'222'222);
  set_mtime(from.path(), 1'000'000'001, 7);

  travel();

  for (const char* folder : {"a/b/c", "a/b", "a"}) {
    EXPECT_EQ(look(to / folder).st_mtim.tv_sec, 1'111'111'111) << folder;
    EXPECT_EQ(look(to / folder).st_mtim.tv_nsec, 222'222'222) << folder;
  }
  EXPECT_EQ(look(to.path()).st_mtim.tv_sec, 1'000'000'001);
}

TEST_F(LayerRoundTrip, KeepsLinksThatDangleOrLoopOrLeadOut) {
  must(::symlink("nowhere/at/all", (from / "dangling").c_str()) == 0, "symlink");
  must(::symlink("loop", (from / "loop").c_str()) == 0, "symlink");
  must(::symlink("../../../../etc/passwd", (from / "out").c_str()) == 0, "symlink");
  must(::symlink("/", (from / "root").c_str()) == 0, "symlink");
  must(::symlink(std::string(4000, 'x').c_str(), (from / "long").c_str()) == 0, "symlink");
  must(::symlink("a\xff\n", (from / "odd").c_str()) == 0, "symlink");
  must(::lchown((from / "loop").c_str(), 77, 88) == 0, "lchown");
  set_mtime(from / "loop", 5, 6);

  travel();

  EXPECT_EQ(link_of(to / "dangling"), "nowhere/at/all");
  EXPECT_EQ(link_of(to / "loop"), "loop");
  EXPECT_EQ(link_of(to / "out"), "../../../../etc/passwd");
  EXPECT_EQ(link_of(to / "long"), std::string(4000, 'x'));
  EXPECT_EQ(link_of(to / "odd"), "a\xff\n");
  EXPECT_EQ(look(to / "loop").st_uid, 77u);
  EXPECT_EQ(look(to / "loop").st_mtim.tv_nsec, 6);
}

TEST_F(LayerRoundTrip, KeepsHardLinksAsOneInode) {
  put(from / "b", "shared");
  std::filesystem::create_directory(from / "a");
  must(::link((from / "b").c_str(), (from / "a/b2").c_str()) == 0, "link");
  must(::link((from / "b").c_str(), (from / ".wh.b3").c_str()) == 0, "link");
  must(::symlink("t", (from / "l").c_str()) == 0, "symlink");
  must(::link((from / "l").c_str(), (from / "m").c_str()) == 0, "link");
  put(from / "half", "its other name is outside");
  TempFolder outside;
  must(::link((from / "half").c_str(), (outside / "half").c_str()) == 0, "link");

  travel();

  EXPECT_EQ(look(to / "b").st_ino, look(to / "a/b2").st_ino);
  EXPECT_EQ(look(to / "b").st_ino, look(to / ".wh.b3").st_ino);
  EXPECT_EQ(look(to / "b").st_nlink, 3u);
  EXPECT_EQ(look(to / "l").st_ino, look(to / "m").st_ino);
  EXPECT_EQ(text_of(to / "half"), "its other name is outside");
  EXPECT_THAT(packed.manifest, HasSubstr("{\"path\":\"a/b2\",\"type\":\"hardlink\",\"target\":\".wh.b3\"}\n"));
}

TEST_F(LayerRoundTrip, KeepsExtendedAttributesOfAnyBytes) {
  put(from / "f", "x");
  const std::string odd("a\0\xff\n\"b", 7);
  set_xattr(from / "f", "user.odd", odd);
  set_xattr(from / "f", "user.empty", "");
  set_xattr(from / "f", "user.a=b%3D\xfe", "sign");
  set_xattr(from / "f", "user.big", std::string(2000, '\x80'));
  // cap_net_raw+ep, as setcap writes it.
  const std::string capability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  set_xattr(from / "f", "security.capability", capability);
  std::filesystem::create_directory(from / "d");
  set_xattr(from / "d", "user.on-folder", "d");
  must(::symlink("f", (from / "l").c_str()) == 0, "symlink");
  set_xattr(from / "l", "trusted.on-link", "l");

  travel();

  EXPECT_EQ(get_xattr(to / "f", "user.odd"), odd);
  EXPECT_EQ(get_xattr(to / "f", "user.empty"), "");
  EXPECT_EQ(get_xattr(to / "f", "user.a=b%3D\xfe"), "sign");
  EXPECT_EQ(get_xattr(to / "f", "user.big"), std::string(2000, '\x80'));
  EXPECT_EQ(get_xattr(to / "f", "security.capability"), capability);
  EXPECT_EQ(get_xattr(to / "d", "user.on-folder"), "d");
  EXPECT_EQ(get_xattr(to / "l", "trusted.on-link"), "l");
}

TEST_F(LayerRoundTrip, KeepsHolesOfSparseFiles) {
  constexpr std::int64_t size = 512 << 20;
  for (const char* name : {"ends", "middle", "nothing", "tail"}) put(from / name, "");
  auto write_at = [&](const char* name, std::int64_t offset, const std::string& text) {
    Fd fd(::open((from / name).c_str(), O_WRONLY | O_CLOEXEC));
    must(::pwrite(fd.get(), text.data(), text.size(), offset) == static_cast<ssize_t>(text.size()), name);
  };
  write_at("ends", 0, "first");
  write_at("ends", size - 4, "last");
  write_at("middle", size / 2 + 1, "middle");
  write_at("tail", size - 1, "x");
  must(::truncate((from / "middle").c_str(), size) == 0, "truncate");
  must(::truncate((from / "nothing").c_str(), size) == 0, "truncate");

  travel();

  for (const char* name : {"ends", "middle", "nothing", "tail"}) {
    EXPECT_EQ(look(to / name).st_size, size) << name;
    EXPECT_LE(look(to / name).st_blocks * 512, 64 << 10) << name;
    std::string text(16, 'x');
    Fd fd(::open((to / name).c_str(), O_RDONLY | O_CLOEXEC));
    must(::pread(fd.get(), text.data(), 16, size / 2) == 16, name);
    EXPECT_EQ(text, name == std::string("middle") ? std::string("\0middle", 7) + std::string(9, '\0')
                                                  : std::string(16, '\0'));
  }
  EXPECT_LT(packed.tar.size(), 10'000u);
}

TEST_F(LayerRoundTrip, IsNotHeldUpByAHoleOfTerabytes) {
  constexpr std::int64_t size = 8'000'000'000'000;
  put(from / "f", "front");
  must(::truncate((from / "f").c_str(), size) == 0, "truncate");

  travel();

  EXPECT_EQ(look(to / "f").st_size, size);
  EXPECT_EQ(packed.summary.content_bytes, size);
}

TEST_F(LayerRoundTrip, DigestsTheSameContentTheSameWithAndWithoutHoles) {
  TempFolder other;
  const std::string text(3 << 20, '\0');
  put(from / "f", "");
  must(::truncate((from / "f").c_str(), 3 << 20) == 0, "truncate");
  put(other / "f", text);
  for (const TempFolder* folder : {&from, &other}) {
    set_mtime(*folder / "f", 1, 1);
    set_mtime(folder->path(), 1, 1);
  }

  EXPECT_EQ(pack(from)->manifest, pack(other)->manifest);
}

TEST_F(LayerRoundTrip, KeepsWhiteoutsAndOpaqueFolders) {
  whiteout(from / "gone");
  whiteout(from / ".wh.gone");
  whiteout(from / ".wh..opq");
  whiteout(from / std::string(255, 'g'));
  std::filesystem::create_directories(from / "d/opaque/below");
  set_xattr(from / "d/opaque", "trusted.overlay.opaque", "y");
  set_xattr(from.path(), "trusted.overlay.opaque", "y");
  set_xattr(from / "d", "trusted.overlay.origin", "a file handle of this disk");
  set_xattr(from / "d", "trusted.overlay.impure", "y");

  travel();

  for (const std::string& name : {std::string("gone"), std::string(".wh.gone"), std::string(".wh..opq"),
                                  std::string(255, 'g')}) {
    const auto info = look(to / name);
    EXPECT_TRUE(S_ISCHR(info.st_mode) && info.st_rdev == 0) << name;
  }
  EXPECT_EQ(get_xattr(to / "d/opaque", "trusted.overlay.opaque"), "y");
  EXPECT_EQ(get_xattr(to.path(), "trusted.overlay.opaque"), "y");
  EXPECT_EQ(get_xattr(to / "d", "trusted.overlay.opaque"), "(none)");
  EXPECT_EQ(get_xattr(to / "d", "trusted.overlay.origin"), "(none)");
  EXPECT_EQ(get_xattr(to / "d", "trusted.overlay.impure"), "(none)");
  EXPECT_THAT(packed.manifest, HasSubstr("{\"path\":\"gone\",\"type\":\"whiteout\"}\n"));
  EXPECT_THAT(packed.manifest, HasSubstr("{\"path\":\"d/opaque\",\"type\":\"opaque\"}\n"));
}

TEST_F(LayerRoundTrip, KeepsAUsersOwnFilesThatAreNamedLikeWhiteouts) {
  put(from / ".wh.x", "mine");
  put(from / ".wh..wh..opq", "mine too");
  put(from / ".wh.", "");
  std::filesystem::create_directory(from / ".wh.d");
  put(from / ".wh.d/.wh.inner", "");
  must(::symlink("t", (from / ".wh.l").c_str()) == 0, "symlink");

  travel();

  EXPECT_EQ(text_of(to / ".wh.x"), "mine");
  EXPECT_EQ(text_of(to / ".wh..wh..opq"), "mine too");
  EXPECT_TRUE(exists(to / ".wh.d/.wh.inner"));
  EXPECT_EQ(get_xattr(to.path(), "trusted.overlay.opaque"), "(none)");
  EXPECT_EQ(link_of(to / ".wh.l"), "t");
}

TEST_F(LayerRoundTrip, KeepsNamesOfAnyBytes) {
  const std::vector<std::string> names{"\xff\xfe", "a\nb", "\"\\", "%25", " ", "caf\xc3\xa9", "\xe2\x82", "\x01",
                                       std::string(250, 'n'), "-rf", "...", "\xed\xa0\x80", "back\\slash", "tab\t"};
  for (const auto& name : names) put(from / name, name);

  travel();

  for (const auto& name : names) EXPECT_EQ(text_of(to / name), name);
  EXPECT_THAT(packed.manifest, HasSubstr("{\"path\":\"%ff%fe\","));
  EXPECT_THAT(packed.manifest, HasSubstr("{\"path\":\"a\\u000ab\","));
  EXPECT_THAT(packed.manifest, HasSubstr("{\"path\":\"%2525\","));
  EXPECT_THAT(packed.manifest, HasSubstr("{\"path\":\"caf\xc3\xa9\","));
}

TEST_F(LayerRoundTrip, SortsByTheBytesOfNamesWithinEachFolder) {
  std::filesystem::create_directory(from / "a");
  put(from / "a/x", "");
  put(from / "a.b", "");
  put(from / "a-b", "");
  put(from / "\xff", "");
  put(from / "B", "");

  travel();

  std::vector<std::string> paths;
  for (std::size_t at = 0; (at = packed.manifest.find("{\"path\":\"", at)) != std::string::npos; at += 9) {
    paths.push_back(packed.manifest.substr(at + 9, packed.manifest.find('"', at + 9) - at - 9));
  }
  EXPECT_THAT(paths, ::testing::ElementsAre(".", "B", "a", "a/x", "a-b", "a.b", "%ff"));
}

TEST_F(LayerRoundTrip, KeepsPathsLongerThanTheKernelTakesAtOnce) {
  // Made and looked at from inside, one folder at a time.
  const std::string part(200, 'p');
  constexpr int depth = 60;
  Fd at(::open(from.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < depth; ++i) {
    must(::mkdirat(at.get(), part.c_str(), 0755) == 0, "mkdirat");
    at = Fd(::openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  must(static_cast<bool>(Fd(::openat(at.get(), "deep", O_CREAT | O_WRONLY | O_CLOEXEC, 0600))), "openat");

  travel();

  EXPECT_EQ(packed.summary.entries, depth + 2);
}

TEST_F(LayerRoundTrip, KeepsAccessListsAndDefaultsThatWouldChangeWhatIsMadeBelow) {
  std::filesystem::create_directory(from / "d");
  put(from / "d/f", "x", 0640);
  // A default list: user::rwx, user:1000:rwx, group::r-x, mask::rwx, other::---
  const std::string list("\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x02\0\x07\0\xe8\x03\0\0\x04\0\x05\0\xff\xff\xff\xff"
                         "\x10\0\x07\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff", 44);
  set_xattr(from / "d", "system.posix_acl_default", list);

  travel();

  EXPECT_EQ(get_xattr(to / "d", "system.posix_acl_default"), list);
  EXPECT_EQ(get_xattr(to / "d/f", "system.posix_acl_access"), "(none)");
  EXPECT_EQ(look(to / "d/f").st_mode & 07777, 0640u);
}

TEST_F(LayerRoundTrip, LeavesOutAndCountsWhatATarCannotHold) {
  must(::mkfifo((from / "fifo").c_str(), 0600) == 0, "mkfifo");
  must(::mknod((from / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0, "mknod");
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", from.path().c_str());
  must(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
  put(from / "kept", "");

  travel();

  EXPECT_EQ(packed.summary.left_out, 3);
  EXPECT_EQ(packed.summary.left_out_paths, (std::vector<std::string>{"fifo", "null", "socket"}));
  EXPECT_EQ(packed.summary.entries, 2);
}

TEST_F(LayerRoundTrip, LeavesOutExactlyWhatIsExcluded) {
  std::filesystem::create_directories(from / "var/cache/apt");
  put(from / "var/cache/apt/big", "x");
  put(from / "var/cache2", "x");
  put(from / "cache", "x");

  auto result = pack(from, {"/var/cache", "/nothing"});

  ASSERT_TRUE(result);
  EXPECT_THAT(result->manifest, Not(HasSubstr("\"var/cache\"")));
  EXPECT_THAT(result->manifest, Not(HasSubstr("apt")));
  EXPECT_THAT(result->manifest, HasSubstr("\"var/cache2\""));
  EXPECT_THAT(result->manifest, HasSubstr("\"cache\""));
  EXPECT_TRUE(read_back(result->tar, result->manifest));
  EXPECT_EQ(pack(from, {"/"}).error().code, Code::invalid);
}

TEST_F(LayerRoundTrip, TellsEveryByteOfALargeFile) {
  std::string text(5 << 20, 'x');
  for (std::size_t i = 0; i < text.size(); i += 37) text[i] = static_cast<char>(i / 37);
  put(from / "f", text);
  put(from / "plain", "abc");

  travel();

  EXPECT_EQ(text_of(to / "f"), text);
  EXPECT_THAT(packed.manifest, HasSubstr("\"sha256\":\"" + sha256_hex(text) + "\"}"));
  EXPECT_THAT(packed.manifest, HasSubstr("\"size\":3,\"mode\":420,\"uid\":0,\"gid\":0,\"mtime_ns\":"));
  EXPECT_THAT(packed.manifest, HasSubstr("\"sha256\":\"" + sha256_hex("abc") + "\"}"));
}

}  // namespace
}  // namespace mayfly::os::testing
