#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/forged_tar.h"

namespace mayfly::os::testing {
namespace {

using ::testing::ElementsAre;

struct Forgery {
  const char* what;
  std::function<void(Forged&)> make;
};

void xattr(archive_entry* entry, const char* name) { archive_entry_xattr_add_entry(entry, name, "y", 1); }

const std::vector<Forgery> forgeries{
    {"nothing at all", [](Forged&) {}},
    {"no folder of its own", [](Forged& f) { f.add("a", AE_IFREG); }},
    {"a file as its own folder", [](Forged& f) { f.add(".", AE_IFREG); }},
    {"its own folder twice", [](Forged& f) { f.root().root(); }},
    {"an absolute name", [](Forged& f) { f.root().add("/escaped", AE_IFREG, "x"); }},
    {"a parent", [](Forged& f) { f.root().add("../escaped", AE_IFREG, "x"); }},
    {"a parent inside", [](Forged& f) { f.root().add("a", AE_IFDIR).add("a/../../escaped", AE_IFREG, "x"); }},
    {"a dot", [](Forged& f) { f.root().add("./a", AE_IFREG, "x"); }},
    {"an empty part", [](Forged& f) { f.root().add("a", AE_IFDIR).add("a//b", AE_IFREG, "x"); }},
    {"a path through a link", [](Forged& f) { f.root().add("l", AE_IFLNK, "..").add("l/escaped", AE_IFREG, "x"); }},
    {"a link, then a folder",
     [](Forged& f) { f.root().add("l", AE_IFLNK, "..").add("l", AE_IFDIR).add("l/escaped", AE_IFREG); }},
    {"a file without its folder", [](Forged& f) { f.root().add("a/b", AE_IFREG, "x"); }},
    {"a file in a file", [](Forged& f) { f.root().add("a", AE_IFREG).add("a/b", AE_IFREG, "x"); }},
    {"a name twice", [](Forged& f) { f.root().add("a", AE_IFREG, "1").add("a", AE_IFREG, "2"); }},
    {"names out of order", [](Forged& f) { f.root().add("b", AE_IFREG).add("a", AE_IFREG); }},
    {"a folder that was left", [](Forged& f) { f.root().add("a", AE_IFDIR).add("b", AE_IFREG).add("a/c", AE_IFREG); }},
    {"a hard link to outside", [](Forged& f) { f.root().hardlink("h", "../secret"); }},
    {"a hard link to an absolute name", [](Forged& f) { f.root().hardlink("h", "/etc/passwd"); }},
    {"a hard link through a link", [](Forged& f) { f.root().add("l", AE_IFLNK, "..").hardlink("m", "l/secret"); }},
    {"a hard link to nothing", [](Forged& f) { f.root().hardlink("h", "later").add("later", AE_IFREG); }},
    {"a hard link to a folder", [](Forged& f) { f.root().add("d", AE_IFDIR).hardlink("h", "d"); }},
    {"a hard link to itself", [](Forged& f) { f.root().hardlink("h", "h"); }},
    {"a device", [](Forged& f) { f.root().add("sda", AE_IFBLK); }},
    {"a FIFO", [](Forged& f) { f.root().add("fifo", AE_IFIFO); }},
    {"a whiteout of a parent", [](Forged& f) { f.root().add(".wh...", AE_IFREG); }},
    {"a whiteout of no name", [](Forged& f) { f.root().add(".wh.", AE_IFREG); }},
    {"a whiteout with content", [](Forged& f) { f.root().add(".wh.a", AE_IFREG, "x"); }},
    {"a whiteout of what is there", [](Forged& f) { f.root().add("a", AE_IFREG).add(".wh.a", AE_IFREG); }},
    {"opaque twice", [](Forged& f) { f.root().add(".wh..wh..opq", AE_IFREG).add(".wh..wh..opq", AE_IFREG); }},
    {"opaque at the end", [](Forged& f) { f.root().add("a", AE_IFREG).add(".wh..wh..opq", AE_IFREG); }},
    {"an aufs mark", [](Forged& f) { f.root().add(".wh..wh.plnk", AE_IFREG); }},
    {"overlay's own attribute",
     [](Forged& f) {
       f.root().add("a", AE_IFDIR, "", [](archive_entry* e) { xattr(e, "trusted.overlay.redirect"); });
     }},
    {"opaque by attribute",
     [](Forged& f) { f.root().add("a", AE_IFDIR, "", [](archive_entry* e) { xattr(e, "trusted.overlay.opaque"); }); }},
    {"an unknown mark",
     [](Forged& f) { f.root().add("a", AE_IFREG, "", [](archive_entry* e) { xattr(e, "mayfly.later"); }); }},
    {"a mark for no reason",
     [](Forged& f) { f.root().add("a", AE_IFREG, "", [](archive_entry* e) { xattr(e, "mayfly.literal"); }); }},
    {"too long a name", [](Forged& f) { f.root().add(std::string(256, 'n'), AE_IFREG); }},
    {"too long a path",
     [](Forged& f) {
       std::string path = "p";
       for (int i = 0; i < 20'000; ++i) path += "/p";
       f.root().add(path, AE_IFREG);
     }},
};

TEST(LayerForgery, IsRefusedAndLeavesNothingOutside) {
  for (const Forgery& forgery : forgeries) {
    SCOPED_TRACE(forgery.what);
    TempFolder around;
    put(around / "secret", "untouched");
    std::filesystem::create_directory(around / "layer");
    Forged forged;
    forgery.make(forged);
    const std::string tar = forged.packed();

    const Fd layer(::open((around / "layer").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    StringSource source(tar);
    auto unpacked = unpack_layer(source, layer.get());

    ASSERT_FALSE(unpacked);
    EXPECT_EQ(unpacked.error().code, Code::invalid) << unpacked.error().message;
    EXPECT_THAT(*list_folder(around.path()), ElementsAre("layer", "secret"));
    EXPECT_EQ(look(around / "secret").st_nlink, 1u);
    EXPECT_FALSE(exists("/escaped"));
  }
}

TEST(LayerForgery, IsFineWhenNothingIsWrongWithIt) {
  Forged forged;
  forged.root().add("a", AE_IFDIR).add("a/.wh..wh..opq", AE_IFREG).add("a/.wh.x", AE_IFREG).add("b", AE_IFREG, "x");
  forged.hardlink("c", "b");
  TempFolder into;

  auto unpacked = unpack(forged.packed(), into);

  ASSERT_TRUE(unpacked) << unpacked.error().message;
  EXPECT_EQ(unpacked->entries, 6);
}

TEST(LayerForgery, OfASizeWithoutContentIsSeen) {
  std::string tar = Forged().root().add("a", AE_IFREG, std::string(1000, 'x')).plain();
  const auto size = tar.find("00000001750");
  ASSERT_NE(size, std::string::npos);
  // The header's own checksum is made right again for the changed size.
  tar.replace(size, 11, "77777777777");
  const std::size_t header = size - 124;
  std::fill_n(tar.begin() + static_cast<long>(header) + 148, 8, ' ');
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(tar[header + i]);
  char text[8];
  std::snprintf(text, sizeof text, "%06o", sum);
  tar.replace(header + 148, 7, std::string(text, 7));
  StringSink framed;
  ZstdSink zstd(framed);
  ASSERT_TRUE(zstd.write(tar) && zstd.finish());
  TempFolder into;

  EXPECT_EQ(unpack(framed.text, into).error().code, Code::invalid);
}

}  // namespace
}  // namespace mayfly::os::testing
